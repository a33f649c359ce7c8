// Judges what the demo model wrote: which of its sentences the grammar could have made, and whether
// a story keeps its machine. Words that a sentence may exchange are taken out before it is compared.
import { type Chance, seededChance } from './chance.ts';
import { story } from './grammar.ts';
import { boys, friends, girls, jobs, looks, machines, places } from './story-words.ts';
import { topics, unknown } from './talk.ts';

export interface Judgement {
  sentences: number;
  /** Sentences that no part of the grammar makes. */
  strange: string[];
}

const exchanged: readonly [string, readonly string[]][] = [
  ['PLACE', places],
  ['JOB', jobs],
  ['FRIEND', friends],
  ['LOOK', looks],
  ['MACHINE', machines],
  ['NAME', [...girls, ...boys]],
];

const patterns = exchanged.map(
  ([mark, words]) => [new RegExp(`\\b(?:${words.join('|')})\\b`, 'gi'), mark] as const,
);

function sentencesOf(text: string): string[] {
  return text.split(/(?<=[.!?]"?) (?=["A-Z])/).filter((sentence) => sentence !== '');
}

function frameOf(sentence: string): string {
  const marked = patterns.reduce((rest, [pattern, mark]) => rest.replace(pattern, mark), sentence);
  return marked.replace(/\ban? (?=LOOK)/gi, 'A ');
}

/** Knows the frames of some thousand stories and of all answers: in effect every frame there is. */
export function judge(): (text: string) => Judgement {
  const chance: Chance = seededChance(5);
  const known = new Set<string>();
  const learn = (text: string): void => {
    for (const sentence of sentencesOf(text)) known.add(frameOf(sentence));
  };
  for (const { rows } of [...topics, unknown]) rows.flat().forEach(learn);
  for (let count = 0; count < 20_000; count += 1) learn(story(chance));
  return (text) => {
    const sentences = sentencesOf(text);
    return {
      sentences: sentences.length,
      strange: sentences.filter((sentence) => !known.has(frameOf(sentence))),
    };
  };
}

/** The machines that a text names. */
export function machinesIn(text: string): string[] {
  return namedIn(text, machines);
}

/** The people that a text names. */
export function peopleIn(text: string): string[] {
  return namedIn(text, [...girls, ...boys]);
}

function namedIn(text: string, words: readonly string[]): string[] {
  return words.filter((word) => new RegExp(`\\b${word}\\b`, 'i').test(text));
}
