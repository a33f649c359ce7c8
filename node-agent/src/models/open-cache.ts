// The model cache of one node: one download at a time, shared by all who ask for the file, within
// a limit of bytes. Files that the planner keeps on the same machine are used where they are.
import { strict as assert } from 'node:assert';
import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { asFailure, type Clock, type Log, SalvageError } from '@salvage/kit';
import { diskFreeBytesOf } from '../facts/facts.ts';
import { limits } from '../limits.ts';
import type { TunnelIdentity } from '../tunnel/member.ts';
import { cancelled, download } from './download.ts';
import type { FetchRequest, ModelCache } from './model-cache.ts';
import { type HeldFile, planRoom } from './room.ts';
import { createSharedWork } from './shared-work.ts';
import { openShelf } from './shelf.ts';

export interface ModelCacheOptions {
  folder: string;
  /** The planner's store on this machine, `<sha256>.gguf`; null when it is elsewhere. */
  localStore: string | null;
  /** Null: a share of what the disk has free now, and what the cache holds already. */
  limitBytes: number | null;
  /** Null for a store that asks for no certificate. */
  identity: TunnelIdentity | null;
  clock: Clock;
  log: Log;
  random?: () => number;
  /** Free disk below the folder, bytes; tests give small ones. */
  readDiskFreeBytes?: (folder: string) => Promise<number>;
}

/** Share of the free disk that the cache takes when nobody says how much. */
const diskShare = 0.6;
/** Files that wait for their download. */
const fetchesMax = 32;

/** Rejects with SLV_STATE when the folder is unusable, SLV_CONFIG when it is the planner's own. */
export async function openModelCache(options: ModelCacheOptions): Promise<ModelCache> {
  const { folder, localStore, clock, log } = options;
  const random = options.random ?? Math.random;
  const readDiskFreeBytes = options.readDiskFreeBytes ?? diskFreeBytesOf;
  if (localStore !== null && resolve(localStore) === resolve(folder)) {
    throw new SalvageError('SLV_CONFIG', `${folder} is the planner's store, not a cache`);
  }
  const shelf = await openShelf(folder, clock);
  const limitBytes =
    options.limitBytes ??
    Math.floor(diskShare * (await readDiskFreeBytes(folder)) + shelf.usedBytes);
  let inUse: ReadonlySet<string> = new Set();

  const localPathOf = (sha256: string): string | null => {
    if (localStore === null) return null;
    const path = join(localStore, `${sha256}.gguf`);
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true ? path : null;
  };
  const pathOf = (sha256: string): string | null => localPathOf(sha256) ?? shelf.pathOf(sha256);

  const makeRoom = async (request: FetchRequest): Promise<void> => {
    const canGo = (file: Omit<HeldFile, 'canGo'>): boolean =>
      file.kind === 'part' || !inUse.has(file.sha256);
    const diskFreeBytes = await readDiskFreeBytes(folder);
    const plan = planRoom({
      bytes: request.bytes,
      bytesThere: shelf.partBytesOf(request.sha256),
      held: shelf
        .list()
        .filter(({ sha256 }) => sha256 !== request.sha256)
        .map((file) => ({ ...file, canGo: canGo(file) })),
      limitBytes,
      diskBytes: diskFreeBytes - limits.diskReserveBytes,
      filesMax: limits.cacheModelsMax,
    });
    if (!plan.ok) {
      throw new SalvageError(
        'SLV_DISK_FULL',
        `a model of ${inMegabytes(request.bytes)} lacks ${inMegabytes(plan.missingBytes)}: the cache may hold ` +
          `${inMegabytes(limitBytes)} and holds ${inMegabytes(plan.heldBytes)}, the disk has ` +
          `${inMegabytes(diskFreeBytes)} free of which ${inMegabytes(limits.diskReserveBytes)} stay free`,
      );
    }
    for (const file of plan.evict) {
      // It may have come into use since: then another one has to go.
      if (!canGo(file)) return makeRoom(request);
      await shelf.remove(file.kind, file.sha256);
      log.info('model-evicted', { sha256: file.sha256, kind: file.kind, bytes: file.bytes });
    }
  };

  const bring = async (
    request: FetchRequest,
    signal: AbortSignal,
    onProgress: (share: number) => void,
  ): Promise<string> => {
    const { sha256, bytes } = request;
    const here = pathOf(sha256);
    if (here !== null) return here;
    if (signal.aborted) throw cancelled();
    await makeRoom(request);
    const url = urlOf(request);
    const startedAt = clock.monotonicMilliseconds();
    await download({
      url,
      sha256,
      bytes,
      partPath: shelf.partPathOf(sha256),
      identity: options.identity,
      clock,
      log,
      random,
      signal,
      onBytes: (count) => {
        shelf.setPartBytes(sha256, count);
        onProgress(count / bytes);
      },
    }).catch(async (error: unknown) => {
      if (shelf.partBytesOf(sha256) === 0) await shelf.remove('part', sha256);
      throw error;
    });
    const path = await shelf.finish(sha256);
    const milliseconds = Math.round(clock.monotonicMilliseconds() - startedAt);
    log.info('model-fetched', { sha256, bytes, milliseconds });
    return path;
  };
  const fetches = createSharedWork(bring, fetchesMax);

  return {
    pathOf,
    fetch: async (request) => {
      assert.match(request.sha256, /^[0-9a-f]{64}$/, 'a SHA-256, because it becomes a file name');
      assert.ok(Number.isSafeInteger(request.bytes) && request.bytes > 0, 'a size in bytes');
      const path = pathOf(request.sha256) ?? (await fetches.join(request));
      request.onProgress(1);
      return path;
    },
    setInUse: (sha256s) => {
      inUse = new Set(sha256s);
    },
    evict: async (sha256) => {
      const isHere = shelf.list().some((file) => file.kind === 'whole' && file.sha256 === sha256);
      if (!isHere || inUse.has(sha256)) return false;
      await shelf.remove('whole', sha256);
      log.info('model-evicted', { sha256, kind: 'whole' });
      return true;
    },
    list: () => {
      const own = shelf.list().filter((file) => file.kind === 'whole');
      const all = new Set([...listLocal(localStore), ...own.map((file) => file.sha256)]);
      return [...all].sort().slice(0, limits.cacheModelsMax);
    },
    get usedBytes() {
      return shelf.usedBytes;
    },
    limitBytes,
  } satisfies ModelCache;
}

function urlOf(request: FetchRequest): URL {
  try {
    return new URL(`${request.storeUrl.replace(/\/+$/, '')}/${request.sha256}`);
  } catch (error) {
    throw asFailure(error, 'SLV_DOWNLOAD', `the store's address ${request.storeUrl} is wrong`);
  }
}

/** Models that the planner keeps on this machine. */
function listLocal(localStore: string | null): string[] {
  if (localStore === null) return [];
  try {
    return readdirSync(localStore).flatMap(
      (name) => /^([0-9a-f]{64})\.gguf$/.exec(name)?.[1] ?? [],
    );
  } catch {
    return []; // the planner has not made it yet
  }
}

function inMegabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
