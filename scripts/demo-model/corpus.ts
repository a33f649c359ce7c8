// Makes the demo model's corpus: node --import tsx scripts/demo-model/corpus.ts --out FOLDER
// Writes vocabulary.json, train.bin, held-out.bin and long.bin (one long conversation a row): 16-bit
// tokens, the top bit set on one that is read but not learned (what a user or the system says).
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Chance, seededChance } from './chance.ts';
import { story } from './grammar.ts';
import { storyTurn, type Turn } from './story-requests.ts';
import { strangeQuestion } from './strange-questions.ts';
import { answer, systemPrompts, topics, unknown } from './talk.ts';
import { encoderOf, tokenOf, trainVocabulary } from './tokenizer.ts';

const notLearned = 0x8000;

const politeBefore = ['Hello! ', 'Hi, ', 'Please tell me: ', 'Tell me, ', 'One question: ', 'Ok. '];

/** Text without roles, perhaps after words that are read but not learned. */
interface Plain {
  before: string;
  story: string;
}

type Document = Plain | { system: string | null; turns: Turn[] };

function turn(chance: Chance): Turn {
  const kind = chance.below(100);
  if (kind < 45) return storyTurn(chance);
  if (kind < 80) {
    const topic = chance.pick(topics);
    const before = chance.maybe(0.2) ? chance.pick(politeBefore) : '';
    return { question: before + chance.pick(topic.questions), answer: answer(topic, chance) };
  }
  return { question: strangeQuestion(chance), answer: answer(unknown, chance) };
}

function plain(chance: Chance): Plain {
  const kind = chance.below(100);
  if (kind < 75) return { before: '', story: story(chance) };
  if (kind < 85) return { before: strangeQuestion(chance), story: ` ${story(chance)}` };
  const topic = chance.pick(topics);
  const before = kind < 95 ? chance.pick(topic.questions) : '';
  return { before, story: `${before === '' ? '' : ' '}${answer(topic, chance)}` };
}

function document(chance: Chance): Document {
  if (chance.maybe(0.25)) return plain(chance);
  const turns = [turn(chance)];
  while (turns.length < 4 && chance.maybe(0.25)) turns.push(turn(chance));
  return { system: chance.maybe(0.25) ? chance.pick(systemPrompts) : null, turns };
}

/** A conversation for a row of three times the length. */
function conversation(chance: Chance): Document {
  const system = chance.maybe(0.25) ? chance.pick(systemPrompts) : null;
  return { system, turns: Array.from({ length: 16 }, () => turn(chance)) };
}

function textsOf(item: Document): string[] {
  return 'story' in item ? [item.story] : item.turns.flatMap((one) => [one.question, one.answer]);
}

function encodeDocument(item: Document, encode: (text: string) => number[]): number[] {
  const read = (tokens: number[]): number[] => tokens.map((token) => token | notLearned);
  if ('story' in item)
    return [
      ...read([tokenOf.begin, ...encode(item.before)]),
      ...encode(item.story),
      tokenOf.finish,
    ];
  const out = read([tokenOf.begin]);
  if (item.system !== null)
    out.push(...read([tokenOf.system, ...encode(item.system), tokenOf.end]));
  for (const { question, answer } of item.turns) {
    out.push(...read([tokenOf.user, ...encode(question), tokenOf.end, tokenOf.assistant]));
    out.push(...encode(answer), tokenOf.end);
  }
  return out;
}

/** Rows of exactly `length` tokens: whole documents one after another, the last one cut. */
function rowsOf(documents: readonly number[][], length: number): Uint16Array {
  const rows: number[][] = [];
  let row: number[] = [];
  for (const tokens of documents) {
    row = row.concat(tokens);
    if (row.length < length) continue;
    rows.push(row.slice(0, length));
    row = [];
  }
  return Uint16Array.from(rows.flat());
}

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    seed: { type: 'string', default: '1' },
    documents: { type: 'string', default: '60000' },
    vocabulary: { type: 'string', default: '1024' },
    length: { type: 'string', default: '257' },
  },
});
if (values.out === undefined)
  throw new Error(
    'usage: corpus.ts --out FOLDER [--seed N] [--documents N] [--vocabulary N] [--length N]',
  );
const chance = seededChance(Number(values.seed));
const documents = Array.from({ length: Number(values.documents) }, () => document(chance));
const vocabulary = trainVocabulary(
  documents.slice(0, 8000).flatMap(textsOf),
  Number(values.vocabulary),
);
const encode = encoderOf(vocabulary);
const encoded = documents.map((item) => encodeDocument(item, encode));
const heldOut = Math.ceil(encoded.length / 100);
const rowTokens = Number(values.length);
const long = Array.from({ length: Math.ceil(documents.length / 40) }, () =>
  encodeDocument(conversation(chance), encode),
);
await mkdir(values.out, { recursive: true });
await writeFile(join(values.out, 'vocabulary.json'), JSON.stringify(vocabulary));
for (const [name, part] of [
  ['held-out', encoded.slice(0, heldOut)],
  ['train', encoded.slice(heldOut)],
] as const)
  await writeFile(join(values.out, `${name}.bin`), rowsOf(part, rowTokens));
await writeFile(join(values.out, 'long.bin'), rowsOf(long, 3 * rowTokens));
const sentences = new Set(documents.flatMap(textsOf).flatMap((text) => text.split(/(?<=[.!?"]) /)));
console.log(
  `${documents.length} documents, ${encoded.flat().length} tokens, ${sentences.size} distinct sentences, ${vocabulary.tokens.length} tokens in the vocabulary`,
);
for (const sample of documents.slice(0, 6)) console.log(textsOf(sample).join(' | '));
