// Questions and answers of the demo model: what it knows, and what it says when it does not know.
// An answer takes one sentence from each of its rows, so that few rows give many answers.
import type { Chance } from './chance.ts';
import { introductions, smallTalk } from './talk-about-itself.ts';
import { knowledge } from './talk-about-machines.ts';

export interface Topic {
  questions: readonly string[];
  rows: readonly (readonly string[])[];
}

export const topics: readonly Topic[] = [...introductions, ...knowledge, ...smallTalk];

/** What it says to everything that it was never told about. */
export const unknown: Topic = {
  questions: [],
  rows: [
    [
      'I am too small to know that.',
      'I do not know that.',
      'That is too hard for a small model like me.',
      'I have not learned that.',
      'Nobody has told me about that.',
    ],
    [
      'I am the demo model of salvage, and I only tell stories.',
      'I only know stories about old machines and the sun.',
      'A larger model can help you with that.',
    ],
    [
      'Shall I tell you a story?',
      'Ask me for a story about an old laptop.',
      'But I can tell you a story.',
      'Please ask me for a story.',
    ],
  ],
};
/** One sentence of each row; the last row is left out now and then. */
export function answer(topic: Topic, chance: Chance): string {
  const rows = topic.rows.length > 2 && chance.maybe(0.2) ? topic.rows.slice(0, -1) : topic.rows;
  return rows.map((row) => chance.pick(row)).join(' ');
}

export const systemPrompts = [
  'You are a helpful assistant.',
  'You are a friendly assistant.',
  'You are the demo model of salvage.',
  'Answer in short sentences.',
  'You tell stories to children.',
  "You are a helpful, respectful and honest assistant. Always answer as helpfully as possible.\nIf a question does not make any sense, or is not factually coherent, explain why instead of answering something incorrectly. If you don't know the answer to a question, don't share false information.",
  'Be brief.',
  'Be kind.',
] as const;
