// Work that several callers may want at once: done once for each file, one file after the other,
// called off when the last who wanted it is gone. Each caller leaves at once when its own signal
// aborts, whatever the others do.
import { SalvageError } from '@salvage/kit';
import { cancelled } from './download.ts';
import type { FetchRequest } from './model-cache.ts';

interface Work {
  /** False while others are before it; nothing of it is on the disk yet. */
  hasBegun: boolean;
  promise: Promise<string>;
  callers: Set<{ onProgress(share: number): void }>;
  stop: AbortController;
}

interface SharedWork {
  join(request: FetchRequest): Promise<string>;
}

type Bring = (
  request: FetchRequest,
  signal: AbortSignal,
  onProgress: (share: number) => void,
) => Promise<string>;

/** Steps of progress that callers are told of; a chunk is a thousandth of that. */
const progressSteps = 200;

export function createSharedWork(bring: Bring, worksMax: number): SharedWork {
  const works = new Map<string, Work>();
  let lastDone: Promise<string> = Promise.resolve('');

  const begin = (request: FetchRequest): Work => {
    const stop = new AbortController();
    const callers: Work['callers'] = new Set();
    let stepBefore = -1;
    const onProgress = (share: number): void => {
      const step = Math.floor(share * progressSteps);
      if (step === stepBefore) return;
      stepBefore = step;
      for (const caller of callers) caller.onProgress(share);
    };
    const work: Work = { hasBegun: false, promise: lastDone, callers, stop };
    work.promise = lastDone
      .then(() => {
        work.hasBegun = true;
        return bring(request, stop.signal, onProgress);
      })
      .finally(() => forget(request.sha256, work));
    lastDone = work.promise.catch(() => '');
    stop.signal.addEventListener('abort', () => {
      if (!work.hasBegun) forget(request.sha256, work);
    });
    works.set(request.sha256, work);
    return work;
  };
  const forget = (sha256: string, work: Work): void => {
    if (works.get(sha256) === work) works.delete(sha256);
  };

  const join = async (request: FetchRequest): Promise<string> => {
    const { signal } = request;
    let work = works.get(request.sha256);
    // One that was called off still has its part open: it must end before another begins.
    while (work?.stop.signal.aborted === true) {
      await work.promise.catch(() => undefined);
      work = works.get(request.sha256);
    }
    if (signal.aborted) throw cancelled();
    if (work === undefined && works.size >= worksMax) {
      throw new SalvageError('SLV_DOWNLOAD', `${worksMax} downloads wait already`);
    }
    return follow(work ?? begin(request), request);
  };
  return { join };
}

function follow(work: Work, request: FetchRequest): Promise<string> {
  const caller = { onProgress: (share: number) => request.onProgress(share) };
  work.callers.add(caller);
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      work.callers.delete(caller);
      if (work.callers.size === 0) work.stop.abort();
      reject(cancelled());
    };
    request.signal.addEventListener('abort', leave, { once: true });
    work.promise
      .then(resolve, reject)
      .finally(() => request.signal.removeEventListener('abort', leave));
  });
}
