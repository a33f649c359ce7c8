// What a model needs in memory, and how much of a machine's memory may be taken. Pure and on the
// careful side: a node that runs out of memory loses more than a context that was cut by a tenth.
import type { Facts } from '@salvage/contract';
import type { ModelCard } from '../models/card.ts';

export interface MemoryNeed {
  weightsBytes: number;
  kvBytes: number;
  computeBytes: number;
  totalBytes: number;
}

/** What of a card the memory depends on. */
export type ModelSize = Pick<
  ModelCard,
  'bytes' | 'layers' | 'width' | 'headsKv' | 'headSizeKey' | 'headSizeValue' | 'vocabulary'
>;

const mebi = 1024 * 1024;

/** llama.cpp rounds the cells of its KV cache up to a multiple of this (llama-kv-cache.cpp). */
const contextStep = 256;
const kvElementBytes = 2;
/** Tokens of a prompt that are computed at once: the default of llama.cpp and of the binding. */
const batchTokens = 512;
/** Resident size of an engine's process with a model of no size: 108 MB measured, rounded up. */
const engineProcessBytes = 112 * mebi;

/**
 * Bytes of one engine that keeps `contextTokens` for each of `parallel` answers.
 *
 * Weights: the file's size, once. Where the CPU has repacked kernels llama.cpp copies the weights
 * (a 570 MB Q4_0 showed 1.20 GB resident), but then the mapped pages of the file are clean and not
 * read again, so the kernel gives them up first.
 * KV: f16 keys and values of every layer, `2 · layers · headsKv · (headSizeKey + headSizeValue)`
 * for each token; layers with a sliding window need less, which is not counted.
 * Compute: llama.cpp reserves for the worst batch. Its largest piece is the logits, an f32 for each
 * token of the batch and word of the vocabulary (`graph_reserve` with `n_outputs` = the batch);
 * beside it lie some activations of the batch (fourteen widths cover the widest feed-forward of
 * the models known here, twice) and the attention mask.
 */
export function memoryOf(
  model: ModelSize,
  { contextTokens, parallel }: { contextTokens: number; parallel: number },
): MemoryNeed {
  const cells = Math.ceil((contextTokens * parallel) / contextStep) * contextStep;
  const batch = Math.min(batchTokens, cells);
  const weightsBytes = model.bytes;
  const kvBytes = cells * kvBytesPerToken(model);
  const activationBytes = batch * 4 * Math.max(model.vocabulary + model.width, 14 * model.width);
  const maskBytes = batch * cells * 6;
  const computeBytes = engineProcessBytes + activationBytes + maskBytes;
  return { weightsBytes, kvBytes, computeBytes, totalBytes: weightsBytes + kvBytes + computeBytes };
}

/** Bytes that one token of context takes in the KV cache, and that decoding reads back for it. */
export function kvBytesPerToken(
  model: Pick<ModelCard, 'layers' | 'headsKv' | 'headSizeKey' | 'headSizeValue'>,
): number {
  return kvElementBytes * model.layers * model.headsKv * (model.headSizeKey + model.headSizeValue);
}

/**
 * What of a machine's memory stays with its system: 15 %, at least 64 MiB and at most 1 GiB. It is
 * headroom on top of MemAvailable, which already leaves out what runs.
 */
export function reserveBytes(memoryTotalBytes: number): number {
  return Math.min(1024 * mebi, Math.max(64 * mebi, Math.round(memoryTotalBytes * 0.15)));
}

/** A 32-bit process sees 3 GiB below the kernel; a sixteenth of it is left to libraries and holes. */
export const addressBytesMax32 = 3 * 1024 * mebi - 192 * mebi;

/** The most that one engine may use on this machine by its addresses alone. */
export function addressBytesMax(facts: Pick<Facts, 'addressBits'>): number {
  return facts.addressBits === 32 ? addressBytesMax32 : Number.POSITIVE_INFINITY;
}
