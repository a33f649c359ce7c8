// Questions outside of the demo model's world: it shall say that it does not know, whatever is asked.
import type { Chance } from './chance.ts';

const strangeOpenings = [
  'What is',
  'Who was',
  'Where is',
  'How many',
  'Why is',
  'When did',
  'Write',
  'Write a poem about',
  'Translate',
  'Explain',
  'Count',
  'Calculate',
  'Name',
  'List',
  'Give me',
  'Is',
  'Can you',
  'Do you know',
  'Which',
  'Please',
  'The',
  'If',
  'I want',
  'Summarise',
  'Reply with',
  'Answer with',
  'What is the capital of',
  'How do I',
  'Write a haiku about',
  'Say',
];
const strangeWords = [
  'France',
  'Paris',
  'the',
  'of',
  'a',
  'code',
  'python',
  'one',
  'two',
  'three',
  'plus',
  'number',
  'weather',
  'today',
  'king',
  'river',
  'city',
  'war',
  'history',
  'poem',
  'function',
  'list',
  'colour',
  'love',
  'money',
  'sea',
  'moon',
  'planet',
  'football',
  'cook',
  'soup',
  'bread',
  'doctor',
  'president',
  'country',
  'language',
  'French',
  'German',
  'list',
  'word',
  'letter',
  'test',
  'question',
  'math',
  'physics',
  'atom',
  'water',
  'fish',
  'dog',
  'horse',
  'mountain',
  'tree',
  'people',
  'world',
  'law',
  'tax',
  'email',
  'name',
  'song',
  'film',
  'book',
  'year',
  'with',
  'for',
  'in',
  'and',
  'to',
  'ten',
  'best',
  'big',
  'red',
  'fast',
  'between',
  'difference',
  'mean',
  'make',
  'long',
  'exactly',
  'only',
  'words',
  'sentence',
  'JSON',
  'Linux',
  '2',
  '17',
  '100',
  '3',
];

/** A question outside of its world: a common opening, common words, and noise. */
export function strangeQuestion(chance: Chance): string {
  const words: string[] = [];
  if (chance.maybe(0.85)) words.push(chance.pick(strangeOpenings));
  const count = chance.maybe(0.15) ? 10 + chance.below(25) : 1 + chance.below(8);
  for (let index = 0; index < count; index += 1) {
    words.push(chance.maybe(0.12) ? noise(chance) : chance.pick(strangeWords));
  }
  return words.join(' ') + chance.pick(['?', '?', '.', '', '!']);
}

/** A word that is in none of its stories. */
export function strangeWord(chance: Chance): string {
  return chance.pick(strangeWords);
}

function noise(chance: Chance): string {
  let text = '';
  const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-*/=(){}<>#,.:;';
  const length = 1 + chance.below(9);
  for (let index = 0; index < length; index += 1)
    text += letters.charAt(chance.below(chance.maybe(0.75) ? 26 : letters.length));
  return text;
}
