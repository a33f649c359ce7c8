// (header, size of the file) -> the shape of the model: the part of a card that the file itself
// tells. Keys are those of the GGUF specification, `<architecture>.…`.
import type { ModelCard } from '../models/card.ts';
import { fileTypeOf } from './ggml-types.ts';
import type { GgufHeader, GgufTensor } from './header.ts';

export type ShapeOfModel = Pick<
  ModelCard,
  | 'name'
  | 'bytes'
  | 'architecture'
  | 'quant'
  | 'parameters'
  | 'layers'
  | 'width'
  | 'heads'
  | 'headsKv'
  | 'headSizeKey'
  | 'headSizeValue'
  | 'vocabulary'
  | 'experts'
  | 'expertsActive'
  | 'bytesPerToken'
  | 'contextTokensMax'
  | 'chatTemplate'
  | 'startTokenText'
  | 'endTokenText'
  | 'licence'
>;

export type DescribeAnswer = { ok: true; shape: ShapeOfModel } | { ok: false; problem: string };

const nameLengthMax = 120;
const layersMax = 10_000;

/** What a file may be besides a model that writes text; `general.type` of the specification. */
const otherTypes = new Set(['adapter', 'mmproj', 'imatrix', 'vocab', 'projector']);
const otherArchitectures = new Set(['clip', 'bert', 'nomic-bert', 'nomic-bert-moe', 'modern-bert']);

/**
 * `fileBytes` is the size of the whole file, `fileName` stands in where the model has no name of
 * its own. A header that is well formed but belongs to no text model, or to a file that is cut
 * short, is a problem in words.
 */
export function describeModel(
  header: GgufHeader,
  file: { fileBytes: number; fileName: string },
): DescribeAnswer {
  const read = reader(header);
  const architecture = read.text('general.architecture');
  if (architecture === null || architecture === '') return no('it does not name its architecture');
  const kind = read.text('general.type');
  if ((kind !== null && otherTypes.has(kind)) || otherArchitectures.has(architecture)) {
    return no(`it holds no model that writes text (${kind ?? architecture})`);
  }
  if (header.endOffset > file.fileBytes) {
    return no(`it is cut short: ${file.fileBytes} of at least ${header.endOffset} bytes`);
  }
  const of = (key: string): number | null => read.count(`${architecture}.${key}`);
  const layers = of('block_count');
  const width = of('embedding_length');
  const contextTokensMax = of('context_length');
  if (!layers || !width || !contextTokensMax || header.tensors.length === 0) {
    return no('it lacks the number of layers, the width, the context or the weights');
  }
  if (layers > layersMax) return no(`it claims ${layers} layers`);

  const heads = of('attention.head_count') ?? 0;
  const headsKv = read.mean(`${architecture}.attention.head_count_kv`) ?? heads;
  const headSize = heads > 0 ? Math.ceil(width / heads) : 0;
  const experts = of('expert_count') ?? 0;
  const expertsActive = Math.min(experts, of('expert_used_count') ?? 0);
  const parameters = header.tensors.reduce((sum, tensor) => sum + tensor.elements, 0);
  return {
    ok: true,
    shape: {
      name: nameOf(read.text('general.name'), architecture, file.fileName),
      bytes: file.fileBytes,
      architecture: architecture.slice(0, nameLengthMax),
      quant: quantOf(header, parameters),
      parameters,
      layers,
      width,
      heads,
      headsKv,
      headSizeKey: of('attention.key_length') ?? headSize,
      headSizeValue: of('attention.value_length') ?? headSize,
      vocabulary: vocabularyOf(header, of('vocab_size')),
      experts,
      expertsActive,
      bytesPerToken: bytesPerTokenOf(header.tensors, experts, expertsActive),
      contextTokensMax,
      chatTemplate: read.text('tokenizer.chat_template'),
      startTokenText: header.startTokenText,
      endTokenText: header.endTokenText,
      licence: licenceOf(read.text('general.license'), read.text('general.license.name')),
    },
  };
}

function no(problem: string): { ok: false; problem: string } {
  return { ok: false, problem };
}

function reader(header: GgufHeader) {
  const numbersOf = (key: string): readonly number[] => {
    const value = header.values.get(key);
    if (typeof value === 'number') return [value];
    return typeof value === 'object' ? (value.numbers ?? []) : [];
  };
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
  return {
    text: (key: string): string | null => {
      const value = header.values.get(key);
      return typeof value === 'string' ? value : null;
    },
    /** A count; of a list with one entry a layer the largest. */
    count: (key: string): number | null => {
      const numbers = numbersOf(key);
      return numbers.length > 0 && numbers.every(isCount) ? Math.max(...numbers) : null;
    },
    /** The mean over the layers, rounded up: times the layers it is never below the sum. */
    mean: (key: string): number | null => {
      const numbers = numbersOf(key);
      if (numbers.length === 0 || !numbers.every(isCount)) return null;
      return Math.ceil(numbers.reduce((sum, value) => sum + value, 0) / numbers.length);
    },
  };
}

/** Converters write the architecture or a folder's name where nobody said one: no name at all. */
function nameOf(given: string | null, architecture: string, fileName: string): string {
  const name = (given ?? '').trim();
  const isName = name !== '' && name.toLowerCase() !== architecture.toLowerCase();
  return (isName && !/^(models?|\.|checkpoint.*)$/i.test(name) ? name : fileName).slice(
    0,
    nameLengthMax,
  );
}

function licenceOf(licence: string | null, name: string | null): string | null {
  const said = licence === null || licence === 'other' ? (name ?? licence) : licence;
  return said === null || said === '' ? null : said.slice(0, nameLengthMax);
}

/** Bits per weight of whole files, typical: how far off a label may be before it is not believed. */
const labelFactorMax = 1.6;
const bitsOfLabel: Record<string, number> = {
  F32: 32,
  F16: 16,
  BF16: 16,
  Q8_0: 8.5,
  Q6_K: 6.6,
  Q5_K_M: 5.7,
  Q5_K_S: 5.5,
  Q5_0: 5.5,
  Q5_1: 6,
  Q4_K_M: 4.85,
  Q4_K_S: 4.6,
  Q4_0: 4.55,
  Q4_1: 5,
  IQ4_NL: 4.6,
  IQ4_XS: 4.4,
  Q3_K_L: 4.2,
  Q3_K_M: 3.9,
  Q3_K_S: 3.5,
  Q2_K: 3,
};

/**
 * What the file says it is (`general.file_type`), unless its bits per weight contradict that;
 * then the type that most bytes have. Small models fall back to wider types in many tensors, so
 * the largest type alone would call a Q4_K_M a Q5_0.
 */
function quantOf(header: GgufHeader, parameters: number): string {
  const bytesOf = new Map<string, number>();
  for (const { type, bytes } of header.tensors) {
    bytesOf.set(type, (bytesOf.get(type) ?? 0) + bytes);
  }
  const total = [...bytesOf.values()].reduce((sum, bytes) => sum + bytes, 0);
  const dominant = [...bytesOf].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))[0]?.[0];
  const fileType = header.values.get('general.file_type');
  const label = typeof fileType === 'number' ? fileTypeOf(fileType) : null;
  if (label === null || dominant === undefined) return dominant ?? 'unknown';
  const expected = bitsOfLabel[label];
  const factor = expected === undefined ? 1 : (total * 8) / parameters / expected;
  const isBelieved = factor < labelFactorMax && factor > 1 / labelFactorMax;
  return isBelieved || label.startsWith(dominant) ? label : dominant;
}

function vocabularyOf(header: GgufHeader, said: number | null): number {
  const tokens = header.values.get('tokenizer.ggml.tokens');
  if (typeof tokens === 'object') return tokens.count;
  const embedding = header.tensors.find(({ name }) => name === 'token_embd.weight');
  return said ?? embedding?.dimensions[1] ?? 0;
}

/** Tables that one token reads a single row of. */
const lookedUp = /^(position_embd|token_types|per_layer_token_embd)\./;
const expertTensor = /\.ffn_\w+_exps\.|\.ffn_(gate|up|down)\.\d+\./;

/** All weights but the looked-up tables, and of the experts the active share. */
function bytesPerTokenOf(
  tensors: readonly GgufTensor[],
  experts: number,
  expertsActive: number,
): number {
  // Tied models have no output tensor: their embedding is read whole for the logits.
  const isUntied = tensors.some(({ name }) => name === 'output.weight');
  let bytes = 0;
  for (const tensor of tensors) {
    if (lookedUp.test(tensor.name)) continue;
    if (isUntied && tensor.name === 'token_embd.weight') continue;
    const share = experts > 0 && expertTensor.test(tensor.name) ? expertsActive / experts : 1;
    bytes += tensor.bytes * share;
  }
  return Math.round(bytes);
}
