// A byte-pair vocabulary for llama.cpp's SPM tokenizer, and that tokenizer's own rule in TypeScript.
// SPM joins, again and again, the two neighbours whose joined text has the highest score. With the
// negative rank of training as score, it repeats the training's merges. Control tokens come first,
// then the 256 bytes, then single characters, then merged pieces.

export const controlTokens = [
  '<unk>',
  '<s>',
  '</s>',
  '<|system|>',
  '<|user|>',
  '<|assistant|>',
  '<|end|>',
] as const;
export const tokenOf = {
  unknown: 0,
  begin: 1,
  finish: 2,
  system: 3,
  user: 4,
  assistant: 5,
  end: 6,
} as const;

/** ggml's token types (`tokenizer.ggml.token_type`). */
export const tokenType = { normal: 1, unknown: 2, control: 3, byte: 6 } as const;

export interface Vocabulary {
  tokens: string[];
  scores: number[];
  types: number[];
}

const space = '▁';
const firstByte = controlTokens.length;

/** Words with the space before them, and everything else by itself: no piece crosses these. */
export function splitText(text: string): string[] {
  return text.replaceAll(' ', space).match(/▁?[\p{L}\p{N}]+|▁?[^\p{L}\p{N}▁]|▁/gu) ?? [];
}

/** Learns `size` tokens from `texts`: always the most frequent pair, the earlier one on a tie. */
export function trainVocabulary(texts: Iterable<string>, size: number): Vocabulary {
  const counts = new Map<string, number>();
  for (const text of texts)
    for (const word of splitText(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const words = [...counts].map(([word, count]) => ({ pieces: [...word], count }));
  const characters = new Set<string>();
  for (let code = 32; code < 127; code += 1) characters.add(String.fromCharCode(code));
  characters.delete(' ');
  characters.add(space);
  for (const { pieces } of words)
    for (const piece of pieces) if (piece !== '\n') characters.add(piece);
  const merged: string[] = [];
  const room = size - firstByte - 256 - characters.size;
  while (merged.length < room) {
    const pairs = new Map<string, number>();
    for (const { pieces, count } of words)
      for (let index = 1; index < pieces.length; index += 1) {
        const pair = `${pieces[index - 1]}\u0000${pieces[index]}`;
        pairs.set(pair, (pairs.get(pair) ?? 0) + count);
      }
    let best = '';
    let most = 1;
    for (const [pair, count] of pairs) if (count > most) [best, most] = [pair, count];
    if (best === '') break;
    const [left = '', right = ''] = best.split('\u0000');
    const joined = left + right;
    if (!merged.includes(joined)) merged.push(joined);
    for (const word of words) joinEverywhere(word.pieces, left, right);
  }
  return layOut([...characters].sort(), merged);
}

function joinEverywhere(pieces: string[], left: string, right: string): void {
  for (let index = 0; index + 1 < pieces.length; index += 1)
    if (pieces[index] === left && pieces[index + 1] === right)
      pieces.splice(index, 2, left + right);
}

function layOut(characters: readonly string[], merged: readonly string[]): Vocabulary {
  const vocabulary: Vocabulary = { tokens: [], scores: [], types: [] };
  const add = (token: string, score: number, type: number): void => {
    vocabulary.tokens.push(token);
    vocabulary.scores.push(score);
    vocabulary.types.push(type);
  };
  controlTokens.forEach((token, index) => {
    add(token, 0, index === 0 ? tokenType.unknown : tokenType.control);
  });
  for (let byte = 0; byte < 256; byte += 1)
    add(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, 0, tokenType.byte);
  for (const character of characters) add(character, -1e6, tokenType.normal);
  merged.forEach((piece, rank) => {
    add(piece, -(rank + 1), tokenType.normal);
  });
  return vocabulary;
}

/** Text to tokens as llama.cpp's SPM tokenizer does it (without its space before the text). */
export function encoderOf(vocabulary: Vocabulary): (text: string) => number[] {
  const ids = new Map<string, number>();
  vocabulary.tokens.forEach((token, id) => {
    if (vocabulary.types[id] === tokenType.normal) ids.set(token, id);
  });
  const known = new Map<string, number[]>();
  const encodeWord = (word: string): number[] => {
    const pieces = [...word];
    for (;;) {
      let at = -1;
      let best = Number.NEGATIVE_INFINITY;
      for (let index = 0; index + 1 < pieces.length; index += 1) {
        const id = ids.get(`${pieces[index]}${pieces[index + 1]}`);
        const score = id === undefined ? undefined : vocabulary.scores[id];
        if (score !== undefined && score > best) [at, best] = [index, score];
      }
      if (at < 0) break;
      pieces.splice(at, 2, `${pieces[at]}${pieces[at + 1]}`);
    }
    return pieces.flatMap((piece) => {
      const id = ids.get(piece);
      return id === undefined ? [...Buffer.from(piece)].map((byte) => firstByte + byte) : [id];
    });
  };
  return (text) =>
    splitText(text).flatMap((word) => {
      const tokens = known.get(word) ?? encodeWord(word);
      known.set(word, tokens);
      return tokens;
    });
}
