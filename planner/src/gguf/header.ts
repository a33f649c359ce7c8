// The header of a GGUF file: its keys and values and where its tensors lie. Pure on bytes, and
// hostile-safe: every count and length has a bound before anything is allocated by it, big arrays
// are stepped over, and whatever the bytes are the answer is a value, never an exception.
// Format: the GGUF specification of the ggml project, versions 2 and 3, little-endian; what
// llama.cpp refuses (nested arrays, duplicate keys, five dimensions) is refused here too.
import { Cursor, Missing, Refused } from './cursor.ts';
import { ggmlTypeOf } from './ggml-types.ts';

/** No model's header that is known comes near: Gemma's, with 262,144 tokens, has 12 MB. */
export const headerBytesMax = 64 * 1024 * 1024;

const keysMax = 65_536;
const tensorsMax = 65_536;
const keyBytesMax = 1_024;
const textBytesMax = 1024 * 1024;
/** Numeric arrays up to this length are kept: one entry a layer, say. Longer ones are not needed. */
const numbersMax = 4_096;
/** And of all of them together so many: a header full of short lists must not fill the memory. */
const numbersMaxTogether = 262_144;
/** Longest list of texts: merges of large tokenizers have half a million. */
const textsMax = 2_000_000;
const dimensionsMax = 4;
const alignmentMax = 1024 * 1024;
const dataBytesMax = 2 ** 50;

export type GgufValue = number | boolean | string | GgufArray;

/** An array value; `numbers` is null where its elements are texts or too many to keep. */
export interface GgufArray {
  count: number;
  elements: string;
  numbers: readonly number[] | null;
  /** Of the first element, in the file. */
  offset: number;
}

export interface GgufTensor {
  name: string;
  /** Row length first. */
  dimensions: readonly number[];
  /** Quantisation of its rows, for example `Q4_K`. */
  type: string;
  elements: number;
  bytes: number;
  /** From the start of the file. */
  offset: number;
}

export interface GgufHeader {
  version: 2 | 3;
  values: ReadonlyMap<string, GgufValue>;
  tensors: readonly GgufTensor[];
  alignment: number;
  /** Where the tensors' data starts. */
  dataOffset: number;
  /** Where the last tensor's data ends: a whole file is at least this long. */
  endOffset: number;
  /** Texts of the tokens that `tokenizer.ggml.bos_token_id` and `…eos_token_id` name. */
  startTokenText: string | null;
  endTokenText: string | null;
}

export type GgufAnswer =
  | { ok: true; header: GgufHeader }
  /** The bytes end within the header: call again with at least this many. */
  | { ok: false; needBytes: number }
  /** No more bytes would help; a sentence without a full stop. */
  | { ok: false; problem: string };

export function parseGgufHeader(bytes: Uint8Array): GgufAnswer {
  try {
    return { ok: true, header: parse(bytes) };
  } catch (thrown) {
    if (thrown instanceof Missing) return { ok: false, needBytes: thrown.needBytes };
    if (thrown instanceof Refused) return { ok: false, problem: thrown.message };
    throw thrown;
  }
}

function parse(bytes: Uint8Array): GgufHeader {
  const cursor = new Cursor(bytes, headerBytesMax);
  const version = readVersion(cursor);
  const tensorCount = cursor.count(tensorsMax, 'the number of tensors');
  const keyCount = cursor.count(keysMax, 'the number of keys');
  const values = new Map<string, GgufValue>();
  let numbersLeft = numbersMaxTogether;
  for (let index = 0; index < keyCount; index++) {
    const key = cursor.text(keyBytesMax, 'a key');
    if (values.has(key)) throw new Refused(`the key ${show(key)} is there twice`);
    const value = readValue(cursor, key, numbersLeft);
    if (typeof value === 'object') numbersLeft -= value?.numbers?.length ?? 0;
    if (value !== null) values.set(key, value);
  }
  refuseSplit(values);
  const alignment = alignmentOf(values);
  const found = readTensors(cursor, tensorCount, alignment);
  const dataOffset = Math.ceil(cursor.offset / alignment) * alignment;
  const tensors = found.map((tensor) => ({ ...tensor, offset: tensor.offset + dataOffset }));
  const tokenText = tokenTextsOf(bytes, values);
  return {
    version,
    values,
    tensors,
    alignment,
    dataOffset,
    endOffset: tensors.reduce((end, { offset, bytes: size }) => Math.max(end, offset + size), 0),
    startTokenText: tokenText('tokenizer.ggml.bos_token_id'),
    endTokenText: tokenText('tokenizer.ggml.eos_token_id'),
  };
}

function readVersion(cursor: Cursor): 2 | 3 {
  for (const letter of 'GGUF') {
    if (cursor.u8() !== letter.charCodeAt(0)) {
      throw new Refused('it does not start with the letters GGUF');
    }
  }
  const version = cursor.u32();
  if (version === 2 || version === 3) return version;
  if (version === 0x02000000 || version === 0x03000000) {
    throw new Refused('it was written for big-endian machines');
  }
  throw new Refused(`it is GGUF version ${version}; versions 2 and 3 can be read`);
}

/** Names of the GGUF value types, by their number. */
const typeNames = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'text',
  'array',
  'u64',
  'i64',
  'f64',
] as const;
type ScalarName = Exclude<(typeof typeNames)[number], 'text' | 'array' | 'bool'>;

const scalarBytes: Record<ScalarName | 'bool', number> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  bool: 1,
  u64: 8,
  i64: 8,
  f64: 8,
};

/** Null for a text that is too long to keep (a whole tokenizer as JSON): nothing here needs it. */
function readValue(cursor: Cursor, key: string, numbersLeft: number): GgufValue | null {
  const typeId = cursor.u32();
  const name = typeNames[typeId];
  if (name === undefined) throw new Refused(`the key ${show(key)} has the unknown type ${typeId}`);
  if (name === 'array') return readArray(cursor, key, Math.min(numbersMax, numbersLeft));
  if (name === 'bool') return cursor.u8() !== 0;
  if (name !== 'text') return cursor[name]();
  const start = cursor.offset;
  const length = cursor.count(headerBytesMax, `the length of ${show(key)}`);
  if (length > textBytesMax) {
    cursor.skip(length, show(key));
    return null;
  }
  cursor.offset = start;
  return cursor.text(textBytesMax, show(key));
}

function readArray(cursor: Cursor, key: string, countKept: number): GgufArray {
  const typeId = cursor.u32();
  const elements = typeNames[typeId];
  if (elements === undefined || elements === 'array') {
    throw new Refused(`the array ${show(key)} has elements of type ${elements ?? typeId}`);
  }
  const count = cursor.count(headerBytesMax, `the length of ${show(key)}`);
  const offset = cursor.offset;
  if (elements === 'text') {
    // An absurd count is refused before the walk.
    if (count > textsMax) throw new Refused(`${show(key)} lists ${count} texts`);
    for (let index = 0; index < count; index++) {
      cursor.skip(cursor.count(headerBytesMax, `a length in ${show(key)}`), show(key));
    }
    return { count, elements, numbers: null, offset };
  }
  if (count > countKept || elements === 'bool') {
    cursor.skip(count * scalarBytes[elements], show(key));
    return { count, elements, numbers: null, offset };
  }
  const numbers: number[] = [];
  for (let index = 0; index < count; index++) numbers.push(cursor[elements]());
  return { count, elements, numbers, offset };
}

function refuseSplit(values: ReadonlyMap<string, GgufValue>): void {
  const parts = values.get('split.count');
  if (typeof parts === 'number' && parts > 1) {
    throw new Refused(
      `it is one of ${parts} parts of a split model; join them first with llama-gguf-split --merge`,
    );
  }
}

function alignmentOf(values: ReadonlyMap<string, GgufValue>): number {
  const alignment = values.get('general.alignment') ?? 32;
  const isPowerOfTwo =
    typeof alignment === 'number' &&
    alignment >= 1 &&
    alignment <= alignmentMax &&
    Number.isInteger(Math.log2(alignment));
  if (!isPowerOfTwo) throw new Refused(`the alignment ${String(alignment)} is no power of two`);
  return alignment;
}

function readTensors(cursor: Cursor, count: number, alignment: number): GgufTensor[] {
  const tensors: GgufTensor[] = [];
  const names = new Set<string>();
  for (let index = 0; index < count; index++) {
    const tensor = readTensor(cursor);
    if (names.has(tensor.name)) throw new Refused(`${show(tensor.name)} is there twice`);
    if (tensor.offset % alignment !== 0) throw new Refused(`${show(tensor.name)} is not aligned`);
    names.add(tensor.name);
    tensors.push(tensor);
  }
  return tensors;
}

/** One tensor's entry; its offset counts from the start of the data. */
function readTensor(cursor: Cursor): GgufTensor {
  const name = cursor.text(keyBytesMax, 'a tensor’s name');
  const dimensionCount = cursor.u32();
  if (dimensionCount > dimensionsMax) {
    throw new Refused(`${show(name)} has ${dimensionCount} dimensions`);
  }
  const dimensions: number[] = [];
  for (let index = 0; index < dimensionCount; index++) dimensions.push(cursor.u64());
  const typeId = cursor.u32();
  const type = ggmlTypeOf(typeId);
  if (type === null) {
    throw new Refused(`${show(name)} has the type ${typeId}, which llama.cpp v0.5.0 cannot load`);
  }
  const rowLength = dimensions[0] ?? 1;
  if (rowLength % type.blockElements !== 0) {
    throw new Refused(`${show(name)} has rows of ${rowLength}, no multiple of its blocks`);
  }
  const elements = dimensions.reduce((product, length) => product * length, 1);
  const bytes = (elements / type.blockElements) * type.blockBytes;
  const offset = cursor.u64();
  if (!(bytes <= dataBytesMax && offset <= dataBytesMax)) {
    throw new Refused(`${show(name)} is larger than any file`);
  }
  return { name, dimensions, type: type.name, elements, bytes, offset };
}

/** Finds the texts of tokens by the keys that hold their ids; walks the list once for each. */
function tokenTextsOf(
  bytes: Uint8Array,
  values: ReadonlyMap<string, GgufValue>,
): (key: string) => string | null {
  const tokens = values.get('tokenizer.ggml.tokens');
  return (key) => {
    const id = values.get(key);
    if (typeof tokens !== 'object' || tokens.elements !== 'text') return null;
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= tokens.count)
      return null;
    const cursor = new Cursor(bytes, headerBytesMax);
    cursor.offset = tokens.offset;
    for (let index = 0; index < id; index++) {
      cursor.skip(cursor.count(headerBytesMax, 'the length of a token'), 'a token');
    }
    return cursor.text(keyBytesMax, 'a special token');
  };
}

function show(name: string): string {
  return `“${name.replace(/[^\x20-\x7e]/g, '?').slice(0, 64)}”`;
}
