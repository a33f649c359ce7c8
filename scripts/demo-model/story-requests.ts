// Ways to ask the demo model for a story, as many as people have, each with a story that fits.
import type { Chance } from './chance.ts';
import { anyName, story } from './grammar.ts';
import { friends, looks, machines } from './story-words.ts';
import { strangeWord } from './strange-questions.ts';

export interface Turn {
  question: string;
  answer: string;
}

const wishes = [
  ...['Tell me', 'Tell me', 'Tell me', 'Please tell me', 'tell me', 'Tell us', 'Write', 'Write me'],
  ...[
    'Please write',
    'Give me',
    'I want to hear',
    'I would like',
    'I would like to hear',
    'I want',
  ],
  ...['Make up', 'Invent', 'Read me', 'Let me hear', 'Please', 'Now tell me', 'Then tell me'],
];
const wishesAsked = [
  ...[
    'Can you tell me',
    'Could you tell me',
    'Would you tell me',
    'Will you tell us',
    'Do you know',
  ],
  ...['Can I have', 'May I hear', 'Can you write', 'Could you write', 'Can you please tell me'],
];
const kinds = [
  ...['', '', '', 'short', 'little', 'nice', 'funny', 'long', 'new', 'happy', 'sad', 'bedtime'],
  ...['lovely', 'beautiful', 'very short', 'great', 'true', 'small', 'sweet', 'different'],
];
const afters = [
  ...[
    '',
    '',
    '',
    '',
    ' please',
    ', please',
    ' for children',
    ' before I sleep',
    ' for my daughter',
  ],
  ...[' in a few sentences', ' with a happy end', ' tonight', ' in plain English'],
];
const things = [
  ...['a battery', 'old machines', 'mending', 'a friend', 'something old', 'a child', 'anything'],
  ...['the sea', 'a drawer', 'a machine', 'yourself', 'salvage', 'energy', 'a screw'],
];
const sunnyThings = ['the sun', 'sunlight', 'a solar panel', 'a sunny day', 'solar power'];
const openings = [
  ...['Another story', 'A story', 'A story, please', 'Story', 'One more', 'Tell me another one'],
  ...['Once upon a time', 'Once upon a time there was', 'There once was', 'Long ago', 'More'],
  ...['Tell me something', 'Again', 'I am bored', 'Go on', 'Continue', 'Story time'],
];

const withArticle = (noun: string): string => `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;

/** A request for a story, and a story about what was asked for, if that is in its world. */
export function storyTurn(chance: Chance): Turn {
  const machine = chance.pick(machines);
  const name = anyName(chance);
  const ask = (about: string): string => request(about, chance);
  switch (chance.below(10)) {
    case 0:
      return { question: ask(''), answer: story(chance) };
    case 1:
    case 2:
      return {
        question: ask(` about ${name} and ${chance.pick(['a', 'the', 'an old'])} ${machine}`),
        answer: story(chance, { machine, name }),
      };
    case 3: {
      const friend = chance.pick(friends);
      return { question: ask(` about ${friend}`), answer: story(chance, { friend }) };
    }
    case 4:
      return chance.maybe(0.5)
        ? {
            question: ask(` about ${chance.pick(sunnyThings)}`),
            answer: story(chance, { sunny: true }),
          }
        : { question: ask(` about ${name}`), answer: story(chance, { name }) };
    case 5: {
      const thing = chance.maybe(0.5) ? strangeWord(chance) : chance.pick(things);
      const question = chance.maybe(0.5)
        ? ask(` about ${thing}`)
        : chance.pick(openings) + chance.pick(['', '.', '!']);
      return { question, answer: story(chance) };
    }
    default:
      return {
        question: ask(` about ${machineAsked(machine, chance)}`),
        answer: story(chance, { machine }),
      };
  }
}

function request(about: string, chance: Chance): string {
  const asked = chance.maybe(0.35);
  const wish = chance.pick(asked ? wishesAsked : wishes);
  const noun = chance.pick(['story', 'story', 'story', 'tale']);
  const kind = chance.pick(kinds);
  const what = withArticle(kind === '' ? noun : `${kind} ${noun}`);
  const mark = chance.pick(asked ? ['?', '?', ''] : ['.', '.', '', '!']);
  const before = chance.maybe(0.12) ? chance.pick(['Hello! ', 'Hi, ', 'Ok. ', 'Thank you. ']) : '';
  return `${before}${wish} ${what}${about}${chance.pick(afters)}${mark}`;
}

function machineAsked(machine: string, chance: Chance): string {
  const look = chance.maybe(0.3) ? `${chance.pick(looks)} ${machine}` : machine;
  return chance.maybe(0.7) ? withArticle(look) : `${chance.pick(['the', 'my', 'this'])} ${look}`;
}
