// The planner's store of models: GGUF files under their SHA-256, each with a card that was read
// from its header once. A file is whole and checked, or it is not in the list.
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Log, renameDurably, SalvageError, silentLog } from '@salvage/kit';
import { memoryOf } from '../cost/memory.ts';
import type { ModelCard } from './card.ts';
import { downloadPart, dropPart } from './download.ts';
import { type Found, findSource } from './find-source.ts';
import type { Fetch } from './http.ts';
import { isModelId, modelIdOf } from './names.ts';
import type { ModelOffer } from './offer.ts';
import { readHeaderOfFile } from './read-header.ts';
import { fileOfModel } from './records.ts';
import { nameTaken, openShelf, type Shelf } from './shelf.ts';
import { sourceToKeep } from './source.ts';
import { placeCopy, sha256Of } from './take-in.ts';

export interface AddProgress {
  doneBytes: number;
  totalBytes: number | null;
  step: 'fetch' | 'verify';
}

export interface AddRequest {
  source: string;
  modelId?: string | null | undefined;
  notice?: string | null | undefined;
  onProgress?(progress: AddProgress): void;
  signal?: AbortSignal | undefined;
}

export interface ModelStore {
  list(): ModelCard[];
  /** By its whole id, or by the part before the colon where only one model has it. */
  get(modelId: string): ModelCard | null;
  /** Absolute path of a whole file, null when it is not here. */
  fileOf(sha256: string): string | null;
  /**
   * What a source would bring, from its header alone. Rejects with SLV_REQUEST, SLV_DOWNLOAD or
   * SLV_MODEL_FORMAT.
   */
  inspect(source: string, signal?: AbortSignal): Promise<ModelOffer>;
  /**
   * Fetches or links it, checks it and lists it; the card it has already where it is here. Rejects
   * like `inspect`, and with SLV_MODEL_DAMAGED or SLV_DISK_FULL. What was fetched before a failure
   * is used by the next call.
   */
  add(request: AddRequest): Promise<ModelCard>;
  /** Takes it off the list and deletes its file. Rejects with SLV_MODEL_UNKNOWN. */
  remove(modelId: string): Promise<void>;
}

export interface ModelStoreOptions {
  /** `models.json` in the state folder. */
  stateFile: string;
  /** Where the files lie; must exist or be creatable. */
  folder: string;
  fetch: Fetch;
  clock: Clock;
  log?: Log;
  /** Unless `SALVAGE_HF_BASE` or this says otherwise, https://huggingface.co. */
  huggingFaceBase?: string;
  /** Context that an offer's memory is told for. */
  contextTokens?: number;
}

/** Free disk that the store never touches. */
const diskReserveBytes = 512 * 1024 * 1024;
const addsMax = 4;
/** Downloads that nobody took up again for this long are given up. */
const partMillisecondsMax = 14 * 24 * 3_600_000;
const progressMilliseconds = 200;

interface Room {
  folder: string;
  fetch: Fetch;
  clock: Clock;
  shelf: Shelf;
}

export async function openModelStore(options: ModelStoreOptions): Promise<ModelStore> {
  const { folder, fetch, clock } = options;
  const log = options.log ?? silentLog;
  const huggingFaceBase =
    options.huggingFaceBase ?? process.env['SALVAGE_HF_BASE'] ?? 'https://huggingface.co';
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await sweepParts(folder, clock);
  const shelf = await openShelf(options.stateFile, folder, log);
  const adding = new Set<string>();
  const find = (source: string, signal: AbortSignal | undefined): Promise<Found> =>
    findSource(source, { fetch, huggingFaceBase, signal });

  return {
    list: () => shelf.cards(),
    get: (modelId) => cardNamed(shelf, modelId),
    fileOf: (sha256) => shelf.bySha(sha256)?.path ?? null,
    inspect: async (source, signal) =>
      offerOf(source, await find(source, signal), shelf, options.contextTokens ?? 4_096),
    add: async (request) => {
      checkId(request.modelId ?? null);
      const job = jobOf(request, clock);
      const found = await find(request.source, job.signal);
      const existing = alreadyHere(shelf, found, request.modelId ?? null);
      if (existing !== null) return existing;
      if (adding.has(found.location)) {
        throw new SalvageError('SLV_REQUEST', `${request.source} is being added already`);
      }
      if (adding.size >= addsMax || shelf.isFull) {
        throw new SalvageError('SLV_REQUEST', 'too many models are being added or are here', {
          hint: 'wait for the others, or remove some: salvage models list',
        });
      }
      adding.add(found.location);
      try {
        const card = await bringIn({ folder, fetch, clock, shelf }, found, request, job);
        log.info('model-added', { modelId: card.modelId, bytes: card.bytes });
        return card;
      } finally {
        adding.delete(found.location);
      }
    },
    remove: async (modelId) => {
      const record = shelf.recordOf(cardNamed(shelf, modelId)?.modelId ?? modelId);
      if (record === null) {
        throw new SalvageError('SLV_MODEL_UNKNOWN', `there is no model ${modelId.slice(0, 80)}`);
      }
      await shelf.take(record);
      log.info('model-removed', { modelId: record.modelId });
    },
  };
}

function cardNamed(shelf: Shelf, modelId: string): ModelCard | null {
  const wanted = modelId.trim().toLowerCase();
  const cards = shelf.cards();
  const exact = cards.find((card) => card.modelId === wanted);
  const named = cards.filter((card) => card.modelId.split(':')[0] === wanted);
  return exact ?? (named.length === 1 ? (named[0] ?? null) : null);
}

function offerOf(source: string, found: Found, shelf: Shelf, contextTokens: number): ModelOffer {
  const { shape, sha256 } = found;
  const kept = sourceToKeep(source);
  const isSame = (card: ModelCard): boolean =>
    card.sha256 === sha256 || (card.source === kept && card.bytes === shape.bytes);
  const same = shelf.cards().find(isSame);
  const context = Math.min(contextTokens, shape.contextTokensMax);
  return {
    source,
    location: found.location,
    card: {
      ...shape,
      modelId: same?.modelId ?? modelIdOf(shape.name, shape.quant),
      sha256: same?.sha256 ?? sha256,
      source: kept,
      notice: same?.notice ?? null,
    },
    memoryBytes: memoryOf(shape, { contextTokens: context, parallel: 1 }).totalBytes,
    installed: same !== undefined,
  };
}

function checkId(modelId: string | null): void {
  if (modelId === null || isModelId(modelId)) return;
  throw new SalvageError('SLV_REQUEST', `${modelId.slice(0, 80)} is not a model id`, {
    hint: 'lower-case letters, digits, dots and hyphens, like qwen3-0.6b:q8_0',
  });
}

/** The card where this file is listed; null where it must be fetched to know. */
function alreadyHere(
  shelf: Shelf,
  { sha256, shape }: Pick<Found, 'sha256' | 'shape'>,
  modelId: string | null,
): ModelCard | null {
  const here = shelf.bySha(sha256);
  if (here !== null) {
    if (modelId === null || here.modelId === modelId) return here;
    throw new SalvageError('SLV_REQUEST', `this file is here already as ${here.modelId}`);
  }
  const owner = modelId === null ? null : shelf.recordOf(modelId);
  if (owner !== null) {
    const mayBeSame = sha256 === null ? owner.bytes === shape.bytes : owner.sha256 === sha256;
    if (!mayBeSame) throw nameTaken(owner.modelId);
  }
  return null;
}

/** Fetches or links, checks, names and lists. */
async function bringIn(
  room: Room,
  found: Found,
  request: AddRequest,
  job: Job,
): Promise<ModelCard> {
  const { folder, clock, shelf } = room;
  const totalBytes = found.shape.bytes;
  const partFile = join(folder, `${nameOfPart(found.location)}.part`);
  const signal = job.signal;
  const onFetch = (doneBytes: number): void => job.report(doneBytes, totalBytes, 'fetch');
  const onVerify = (doneBytes: number): void => job.report(doneBytes, totalBytes, 'verify');
  if (found.isRemote) {
    await checkDisk(folder, totalBytes, partFile);
    const { fetch } = room;
    const from = { url: found.location, bytes: totalBytes };
    await downloadPart({ ...from, partFile, fetch, clock, signal, onProgress: onFetch });
  } else {
    await placeCopy(found.location, partFile, { signal, onProgress: onFetch });
  }
  const sha256 = await sha256Of(partFile, { signal, onProgress: onVerify });
  try {
    if (found.sha256 !== null && found.sha256 !== sha256) {
      const text = `${request.source}: the checksum is ${sha256} and should be ${found.sha256}`;
      throw new SalvageError('SLV_MODEL_DAMAGED', text);
    }
    const modelId = request.modelId ?? null;
    const existing = alreadyHere(shelf, { sha256, shape: found.shape }, modelId);
    if (existing !== null) return existing;
    // Read again from what lies here now: the header that was inspected may have changed since.
    const { shape } = await readHeaderOfFile(partFile, found.shape.name);
    await flush(partFile);
    await renameDurably(partFile, fileOfModel(folder, sha256));
    const record = {
      ...shape,
      modelId: modelId ?? modelIdOf(shape.name, shape.quant),
      sha256,
      source: sourceToKeep(request.source),
      notice: request.notice ?? null,
      addedAt: clock.unixMilliseconds(),
    };
    return await shelf.put(record, modelId !== null).catch(async (error: unknown) => {
      await rm(fileOfModel(folder, sha256), { force: true });
      throw error;
    });
  } finally {
    await dropPart(partFile);
  }
}

/** What an earlier try left counts as room: it is written over or gone on with. */
async function checkDisk(folder: string, bytes: number, partFile: string): Promise<void> {
  const disk = await statfs(folder);
  const part = await stat(partFile).catch(() => null);
  const freeBytes = disk.bavail * disk.bsize + (part?.size ?? 0);
  if (freeBytes - diskReserveBytes >= bytes) return;
  const text = `${bytes} bytes are needed and ${freeBytes} are free in ${folder}`;
  throw new SalvageError('SLV_DISK_FULL', text);
}

interface Job {
  signal: AbortSignal;
  report(doneBytes: number, totalBytes: number, step: AddProgress['step']): void;
}

/** Progress a few times a second is plenty, and always at the end of a step. */
function jobOf(request: AddRequest, clock: Clock): Job {
  let reportedAt = Number.NEGATIVE_INFINITY;
  return {
    signal: request.signal ?? new AbortController().signal,
    report: (doneBytes, totalBytes, step) => {
      const now = clock.monotonicMilliseconds();
      if (doneBytes < totalBytes && now - reportedAt < progressMilliseconds) return;
      reportedAt = now;
      request.onProgress?.({ doneBytes, totalBytes, step });
    },
  };
}

/** The same source finds its part again; nobody else's. */
function nameOfPart(location: string): string {
  return createHash('sha256').update(location).digest('hex').slice(0, 24);
}

async function sweepParts(folder: string, clock: Clock): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!/\.part(\.json)?$/.test(name)) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found === null || clock.unixMilliseconds() - found.mtimeMs < partMillisecondsMax) continue;
    await rm(path, { force: true });
  }
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
