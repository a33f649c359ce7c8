// Writes GGUF files, version 3: metadata, then tensors, each tensor streamed so that a model of a
// gigabyte needs a few megabytes of memory. Format: ggml's docs/gguf.md and ggml-common.h.
import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SalvageError } from './fail.ts';
import { renameDurably } from './files.ts';

const version = 3;
const alignmentBytes = 32;
const nameBytesMax = 64;
const keyBytesMax = 65_535;

/** ggml's type number, and how many values share one block of how many bytes. */
const tensorTypes = {
  F32: { id: 0, blockValues: 1, blockBytes: 4 },
  F16: { id: 1, blockValues: 1, blockBytes: 2 },
  Q4_0: { id: 2, blockValues: 32, blockBytes: 18 },
  Q8_0: { id: 8, blockValues: 32, blockBytes: 34 },
} as const;

export type TensorType = keyof typeof tensorTypes;

export type GgufScalar =
  | { type: 'u32' | 'i32' | 'f32'; value: number }
  | { type: 'bool'; value: boolean }
  | { type: 'string'; value: string };

export type GgufValue =
  | GgufScalar
  | { type: 'array'; of: 'u32' | 'i32' | 'f32'; values: readonly number[] }
  | { type: 'array'; of: 'string'; values: readonly string[] };

export interface GgufTensor {
  name: string;
  type: TensorType;
  /** In ggml's order: the length of a row first, then the number of rows. */
  dimensions: readonly number[];
  /** The tensor's bytes in order, in pieces; asked for once, when its turn comes. */
  pieces: () => Iterable<Uint8Array>;
}

export interface WriteProgress {
  writtenBytes: number;
  totalBytes: number;
}

const valueTypes = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const;

/** Bytes of one tensor, without padding. The row length must be whole blocks. */
export function tensorBytes(type: TensorType, dimensions: readonly number[]): number {
  const { blockValues, blockBytes } = tensorTypes[type];
  assert(dimensions.length >= 1 && dimensions.length <= 4, 'a tensor has 1 to 4 dimensions');
  assert(dimensions.every((length) => Number.isSafeInteger(length) && length > 0));
  assert((dimensions[0] ?? 0) % blockValues === 0, `rows of ${type} are whole blocks`);
  return (dimensions.reduce((product, length) => product * length, 1) / blockValues) * blockBytes;
}

/** Everything before the tensors' bytes: magic, counts, metadata, tensor table, padding. */
export function encodeGgufHeader(
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly Omit<GgufTensor, 'pieces'>[],
): Uint8Array {
  const keys = Object.entries(metadata);
  const parts: Uint8Array[] = [Buffer.from('GGUF'), u32(version), u64(tensors.length)];
  parts.push(u64(keys.length));
  for (const [key, value] of keys) {
    assert(Buffer.byteLength(key) <= keyBytesMax, `the key ${key} is too long`);
    parts.push(text(key), ...encodeValue(value));
  }
  let offset = 0;
  for (const { name, type, dimensions } of tensors) {
    assert(Buffer.byteLength(name) <= nameBytesMax, `the tensor name ${name} is too long`);
    parts.push(text(name), u32(dimensions.length), ...dimensions.map(u64));
    parts.push(u32(tensorTypes[type].id), u64(offset));
    offset += padded(tensorBytes(type, dimensions));
  }
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0);
  return Buffer.concat(parts, padded(length));
}

/**
 * Writes a GGUF file that is whole or absent: to a neighbour, flushed, then renamed to `path`.
 * `onProgress` is told after every piece. Throws SLV_DISK_FULL, or the file system's own error.
 */
export async function writeGguf(
  path: string,
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
  onProgress: (progress: WriteProgress) => void = () => undefined,
): Promise<void> {
  const header = encodeGgufHeader(metadata, tensors);
  const sizes = tensors.map(({ type, dimensions }) => tensorBytes(type, dimensions));
  const totalBytes = sizes.reduce((sum, bytes) => sum + padded(bytes), header.byteLength);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const neighbour = `${path}.${randomBytes(4).toString('hex')}.part`;
  let writtenBytes = 0;
  const put = async (file: FileHandle, piece: Uint8Array): Promise<void> => {
    await file.writeFile(piece);
    writtenBytes += piece.byteLength;
    onProgress({ writtenBytes, totalBytes });
  };
  try {
    const file = await open(neighbour, 'wx', 0o644);
    try {
      await put(file, header);
      for (const [index, tensor] of tensors.entries()) {
        const before = writtenBytes;
        for (const piece of tensor.pieces()) await put(file, piece);
        const bytes = sizes[index] ?? 0;
        assert.equal(writtenBytes - before, bytes, `${tensor.name} is ${bytes} bytes`);
        if (padded(bytes) > bytes) await put(file, Buffer.alloc(padded(bytes) - bytes));
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await renameDurably(neighbour, path);
  } catch (error) {
    await rm(neighbour, { force: true });
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    throw new SalvageError('SLV_DISK_FULL', `no room for ${path} (${totalBytes} bytes)`, {
      cause: error,
    });
  }
}

/** Float32 values as the bytes of a tensor of `type`, quantised as ggml's reference does it. */
export function encodeValues(values: Float32Array, type: Exclude<TensorType, 'Q4_0'>): Uint8Array {
  if (type === 'Q8_0') return quantiseQ8(values);
  const bytesEach = tensorTypes[type].blockBytes;
  const out = Buffer.alloc(values.length * bytesEach);
  values.forEach((value, index) => {
    if (type === 'F32') out.writeFloatLE(value, index * bytesEach);
    else out.writeUInt16LE(halfOf(value), index * bytesEach);
  });
  return out;
}

/** Q8_0: 32 values share a half-float scale, largest magnitude / 127; each is one signed byte. */
function quantiseQ8(values: Float32Array): Uint8Array {
  const { blockValues, blockBytes } = tensorTypes.Q8_0;
  assert(values.length % blockValues === 0, 'Q8_0 is whole blocks');
  const out = Buffer.alloc((values.length / blockValues) * blockBytes);
  for (let block = 0; block * blockValues < values.length; block += 1) {
    const part = values.subarray(block * blockValues, (block + 1) * blockValues);
    const scale = part.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
    out.writeUInt16LE(halfOf(scale), block * blockBytes);
    part.forEach((value, index) => {
      out.writeInt8(scale === 0 ? 0 : Math.round(value / scale), block * blockBytes + 2 + index);
    });
  }
  return out;
}

const bitsView = new DataView(new ArrayBuffer(4));

/** The bits of the IEEE 754 half-float nearest to `value`, ties to even; too large is infinity. */
export function halfOf(value: number): number {
  bitsView.setFloat32(0, value);
  const bits = bitsView.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    const steps = Math.abs(value) * 2 ** 24;
    const whole = Math.floor(steps);
    const rest = steps - whole;
    return sign | (whole + (rest > 0.5 || (rest === 0.5 && whole % 2 === 1) ? 1 : 0));
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

function padded(bytes: number): number {
  return Math.ceil(bytes / alignmentBytes) * alignmentBytes;
}

function encodeValue(value: GgufValue): Uint8Array[] {
  if (value.type !== 'array') return [u32(valueTypes[value.type]), scalar(value)];
  const head = [u32(valueTypes.array), u32(valueTypes[value.of]), u64(value.values.length)];
  if (value.of === 'string') return [...head, ...value.values.map(text)];
  const { of, values } = value;
  return [...head, ...values.map((one) => scalar({ type: of, value: one }))];
}

function scalar(value: GgufScalar): Uint8Array {
  if (value.type === 'string') return text(value.value);
  if (value.type === 'bool') return Buffer.from([value.value ? 1 : 0]);
  if (value.type === 'u32') return u32(value.value);
  const out = Buffer.alloc(4);
  if (value.type === 'i32') out.writeInt32LE(value.value);
  else out.writeFloatLE(value.value);
  return out;
}

function u32(value: number): Uint8Array {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
}

function u64(value: number): Uint8Array {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(value));
  return out;
}

function text(value: string): Uint8Array {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([u64(bytes.byteLength), bytes]);
}
