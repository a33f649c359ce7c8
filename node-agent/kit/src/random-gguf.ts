// Llama models of random weights: as large and as slow as a test or a measurement needs them, made
// in seconds on any machine, where no model may be fetched. What they say means nothing.
import { strict as assert } from 'node:assert';
import { createCipheriv, createHash } from 'node:crypto';
import { SalvageError } from './fail.ts';
import {
  type GgufTensor,
  type GgufValue,
  halfOf,
  tensorBytes,
  type WriteProgress,
  writeGguf,
} from './gguf-write.ts';

export interface ModelShape {
  architecture: 'llama';
  layers: number;
  /** Values per token; a multiple of 32 and of `heads`. */
  width: number;
  heads: number;
  /** Heads that keep keys and values; divides `heads`. */
  headsKv: number;
  /** A multiple of 32. */
  feedForward: number;
  /** Tokens; at least `vocabularyMin`, so that every text can be read. */
  vocabulary: number;
  contextTokens: number;
  quant: 'Q4_0' | 'Q8_0' | 'F16';
}

/** The smallest half-float above 0. */
const smallestScale = 2 ** -24;
const chunkBytesMax = 4 * 2 ** 20;
const specialTokens = ['<unk>', '<s>', '</s>'] as const;
/** Special tokens, the 256 bytes, and the 95 printable characters. */
export const vocabularyMin = specialTokens.length + 256 + 95;
/** What the pieces of consonants and vowels last for. */
export const vocabularyMax = 65_536;

export const shapes = {
  /** About 157 MB: slow enough that an answer can be interrupted, small enough for any test. */
  slow: {
    architecture: 'llama',
    layers: 24,
    width: 1024,
    heads: 16,
    headsKv: 4,
    feedForward: 2816,
    vocabulary: 4096,
    contextTokens: 4096,
    quant: 'Q4_0',
  },
  /** The shape of TinyLlama 1.1B: about 620 MB. */
  big: {
    architecture: 'llama',
    layers: 22,
    width: 2048,
    heads: 32,
    headsKv: 4,
    feedForward: 5632,
    vocabulary: 32_000,
    contextTokens: 2048,
    quant: 'Q4_0',
  },
} as const satisfies Record<string, ModelShape>;

interface RandomTensor {
  name: string;
  type: 'F32' | ModelShape['quant'];
  dimensions: readonly number[];
  /** The root mean square of its values; a norm is all ones. */
  spread: number | 'ones';
  /** This many first rows are zero. */
  zeroRows: number;
}

/** Bytes of all tensors, without header and padding: what the weights need in memory. */
export function weightsBytes(shape: ModelShape): number {
  return tensorsOf(shape).reduce((sum, one) => sum + tensorBytes(one.type, one.dimensions), 0);
}

/**
 * A Q4_0 shape whose weights are about `bytes` (within a tenth from half a megabyte to some
 * gigabytes): for a measurement that must not fit into a cache. Of all shapes that come close
 * the one is taken whose width is nearest to 64 times its layers, as real models are.
 */
export function shapeOfBytes(bytes: number, vocabulary = 512): ModelShape {
  const candidates: { shape: ModelShape; error: number; odd: number }[] = [];
  for (let width = 64; width <= 4096; width += 64) {
    const heads = width / 64;
    const of = (layers: number): ModelShape => ({
      architecture: 'llama',
      layers,
      width,
      heads,
      headsKv: heads % 4 === 0 ? heads / 4 : heads,
      feedForward: Math.ceil((width * 2.75) / 32) * 32,
      vocabulary,
      contextTokens: 2048,
      quant: 'Q4_0',
    });
    const perLayer = weightsBytes(of(2)) - weightsBytes(of(1));
    const without = weightsBytes(of(1)) - perLayer;
    const layers = Math.min(64, Math.max(1, Math.round((bytes - without) / perLayer)));
    const shape = of(layers);
    const error = Math.abs(weightsBytes(shape) / bytes - 1);
    candidates.push({ shape, error, odd: Math.abs(Math.log(width / (64 * layers))) });
  }
  const least = Math.min(...candidates.map(({ error }) => error));
  const close = candidates.filter(({ error }) => error <= Math.max(0.02, least));
  const best = close.reduce((left, right) => (right.odd < left.odd ? right : left));
  return best.shape;
}

/**
 * Writes a model of random weights that llama.cpp loads and runs; the same shape and seed give the
 * same bytes. Special tokens and bytes have zero rows in the output, so their logits are 0 while
 * the others spread about 5 around it: an answer is printable ASCII, and at temperatures up to 1 it
 * ends by itself less than once in a million tokens. Throws SLV_REQUEST for a shape that cannot be,
 * SLV_DISK_FULL.
 */
export async function writeRandomGguf(
  path: string,
  shape: ModelShape,
  seed: number,
  onProgress?: (progress: WriteProgress) => void,
): Promise<void> {
  const wrong = whyNot(shape);
  if (wrong !== null) throw new SalvageError('SLV_REQUEST', `no such model: ${wrong}`);
  const tensors = tensorsOf(shape).map(
    (tensor): GgufTensor => ({
      name: tensor.name,
      type: tensor.type,
      dimensions: tensor.dimensions,
      pieces: () => piecesOf(tensor, seed),
    }),
  );
  await writeGguf(path, metadataOf(shape, seed), tensors, onProgress);
}

/** What is wrong with a shape, in words, or null. */
export function whyNot(shape: ModelShape): string | null {
  const { quant, architecture, ...counts } = shape;
  for (const [name, value] of Object.entries(counts))
    if (!Number.isSafeInteger(value) || value < 1) return `${name} is not a whole number above 0`;
  if (architecture !== 'llama') return 'the architecture is not llama';
  if (!['Q4_0', 'Q8_0', 'F16'].includes(quant)) return 'quant is none of Q4_0, Q8_0, F16';
  if (shape.width % 32 !== 0) return 'width is not a multiple of 32';
  if (shape.feedForward % 32 !== 0) return 'feedForward is not a multiple of 32';
  if (shape.width % (2 * shape.heads) !== 0) return 'width / heads is not an even whole number';
  if (shape.heads % shape.headsKv !== 0) return 'headsKv does not divide heads';
  if (shape.vocabulary < vocabularyMin) return `vocabulary is below ${vocabularyMin}`;
  if (shape.vocabulary > vocabularyMax) return `vocabulary is above ${vocabularyMax}`;
  return null;
}

function tensorsOf(shape: ModelShape): RandomTensor[] {
  const { width, feedForward, vocabulary, layers, quant } = shape;
  const widthKv = (width / shape.heads) * shape.headsKv;
  const norm = (name: string): RandomTensor => ({
    name: `${name}.weight`,
    type: 'F32',
    dimensions: [width],
    spread: 'ones',
    zeroRows: 0,
  });
  const matrix = (name: string, from: number, to: number, gain = 1): RandomTensor => ({
    name: `${name}.weight`,
    type: quant,
    dimensions: [from, to],
    spread: gain / Math.sqrt(from),
    zeroRows: 0,
  });
  // What each layer adds is kept small, so that the sum over the layers stays of order one.
  const added = 1 / Math.sqrt(2 * layers);
  const tensors: RandomTensor[] = [
    matrix('token_embd', width, vocabulary, Math.sqrt(width)),
    norm('output_norm'),
    { ...matrix('output', width, vocabulary, 5), zeroRows: specialTokens.length + 256 },
  ];
  for (let layer = 0; layer < layers; layer += 1) {
    const name = (part: string): string => `blk.${layer}.${part}`;
    tensors.push(
      norm(name('attn_norm')),
      matrix(name('attn_q'), width, width),
      matrix(name('attn_k'), width, widthKv),
      matrix(name('attn_v'), width, widthKv),
      matrix(name('attn_output'), width, width, added),
      norm(name('ffn_norm')),
      matrix(name('ffn_gate'), width, feedForward),
      matrix(name('ffn_up'), width, feedForward),
      matrix(name('ffn_down'), feedForward, width, added),
    );
  }
  return tensors;
}

/** A tensor's bytes: the key stream of AES in counter mode, which is fast and the same anywhere. */
function* piecesOf(tensor: RandomTensor, seed: number): Generator<Uint8Array> {
  const total = tensorBytes(tensor.type, tensor.dimensions);
  if (tensor.spread === 'ones') {
    yield new Uint8Array(Float32Array.from({ length: total / 4 }, () => 1).buffer);
    return;
  }
  const rowBytes = tensorBytes(tensor.type, tensor.dimensions.slice(0, 1));
  const zeroBytes = rowBytes * tensor.zeroRows;
  if (zeroBytes > 0) yield Buffer.alloc(zeroBytes);
  const digest = createHash('sha256').update(`${seed} ${tensor.name}`).digest();
  const stream = createCipheriv('aes-128-ctr', digest.subarray(0, 16), digest.subarray(16, 32));
  const rowsPerChunk = Math.max(1, Math.floor(chunkBytesMax / rowBytes));
  const zeros = Buffer.alloc(rowsPerChunk * rowBytes);
  for (let left = total - zeroBytes; left > 0; left -= zeros.byteLength) {
    const chunk = stream.update(zeros.subarray(0, Math.min(left, zeros.byteLength)));
    spread(chunk, tensor.type, tensor.spread);
    yield chunk;
  }
}

/** Makes random bytes into values of a root mean square of `size`. */
function spread(chunk: Buffer, type: RandomTensor['type'], size: number): void {
  if (type === 'F16') {
    // One exponent, random sign and mantissa: magnitudes even between m and 2m, whose root mean
    // square is m times the root of 7/3.
    const exponent = Math.max(1, Math.round(Math.log2(size / Math.sqrt(7 / 3))) + 15) << 10;
    for (let at = 0; at < chunk.length; at += 2)
      chunk.writeUInt16LE((chunk.readUInt16LE(at) & 0x83ff) | exponent, at);
    return;
  }
  assert(type === 'Q4_0' || type === 'Q8_0');
  // Root mean squares of the whole numbers -8 to 7 and -128 to 127.
  const ofWhole = type === 'Q4_0' ? Math.sqrt(21.5) : Math.sqrt(5461.5);
  const scale = halfOf(Math.max(smallestScale, size / ofWhole));
  for (let at = 0; at < chunk.length; at += type === 'Q4_0' ? 18 : 34)
    chunk.writeUInt16LE(scale, at);
}

function metadataOf(shape: ModelShape, seed: number): Record<string, GgufValue> {
  const { tokens, scores, types } = vocabularyOf(shape.vocabulary);
  const u32 = (value: number): GgufValue => ({ type: 'u32', value });
  const f32 = (value: number): GgufValue => ({ type: 'f32', value });
  const string = (value: string): GgufValue => ({ type: 'string', value });
  const bool = (value: boolean): GgufValue => ({ type: 'bool', value });
  return {
    'general.architecture': string('llama'),
    'general.name': string(`random llama, seed ${seed}`),
    'general.description': string('Random weights for tests and measurements: it says nothing.'),
    'general.license': string('apache-2.0'),
    // llama.cpp's llama_ftype.
    'general.file_type': u32({ F16: 1, Q4_0: 2, Q8_0: 7 }[shape.quant]),
    'general.quantization_version': u32(2),
    'llama.context_length': u32(shape.contextTokens),
    'llama.embedding_length': u32(shape.width),
    'llama.block_count': u32(shape.layers),
    'llama.feed_forward_length': u32(shape.feedForward),
    'llama.attention.head_count': u32(shape.heads),
    'llama.attention.head_count_kv': u32(shape.headsKv),
    'llama.attention.layer_norm_rms_epsilon': f32(1e-5),
    'llama.rope.dimension_count': u32(shape.width / shape.heads),
    'llama.rope.freq_base': f32(10_000),
    'llama.vocab_size': u32(shape.vocabulary),
    'tokenizer.ggml.model': string('llama'),
    'tokenizer.ggml.tokens': { type: 'array', of: 'string', values: tokens },
    'tokenizer.ggml.scores': { type: 'array', of: 'f32', values: scores },
    'tokenizer.ggml.token_type': { type: 'array', of: 'i32', values: types },
    'tokenizer.ggml.unknown_token_id': u32(0),
    'tokenizer.ggml.bos_token_id': u32(1),
    'tokenizer.ggml.eos_token_id': u32(2),
    'tokenizer.ggml.add_bos_token': bool(true),
    'tokenizer.ggml.add_eos_token': bool(false),
    'tokenizer.ggml.add_space_prefix': bool(false),
    'tokenizer.chat_template': string(
      "{{ bos_token }}{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}",
    ),
  };
}

/** ggml's token types: 1 normal, 2 unknown, 3 control, 6 byte. */
function vocabularyOf(size: number): { tokens: string[]; scores: number[]; types: number[] } {
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  );
  const characters = Array.from({ length: 95 }, (_, index) =>
    index === 0 ? '▁' : String.fromCharCode(32 + index),
  );
  const pieces = Array.from({ length: size - vocabularyMin }, (_, index) => pieceOf(index));
  return {
    tokens: [...specialTokens, ...bytes, ...characters, ...pieces],
    scores: [
      ...Array.from({ length: vocabularyMin }, () => 0),
      ...pieces.map((_, index) => -1 - index),
    ],
    types: [2, 3, 3, ...bytes.map(() => 6), ...characters.map(() => 1), ...pieces.map(() => 1)],
  };
}

/** The piece of a number: consonant and vowel in turn, every second one after a space. */
function pieceOf(index: number): string {
  const sounds = ['bcdfghjklmnpqrstvwxz', 'aeiou'] as const;
  let rest = Math.floor(index / 2);
  let length = 2;
  let many = 100;
  for (; rest >= many; length += 1) {
    rest -= many;
    many *= length % 2 === 0 ? 20 : 5;
  }
  let piece = '';
  for (let at = 0; at < length; at += 1) {
    const letters = sounds[at % 2 === 0 ? 0 : 1];
    piece += letters.charAt(rest % letters.length);
    rest = Math.floor(rest / letters.length);
  }
  return index % 2 === 0 ? piece : `▁${piece}`;
}
