import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import type { EngineWish, NodeDesired } from '@salvage/contract';
import { type Clock, SalvageError, silentLog } from '@salvage/kit';
import type { EngineRoom, EngineSpec, RoomEngine } from '../engine/engine.ts';
import { limits } from '../limits.ts';
import type { FetchRequest, ModelCache } from '../models/model-cache.ts';
import { createReconciler } from './reconciler.ts';

const wish: EngineWish = {
  engineId: 'one',
  engine: 'fake',
  part: 'whole',
  modelId: 'one',
  modelSha256: '1'.repeat(64),
  modelBytes: 10,
  contextTokens: 64,
  threads: 0,
  parallel: 1,
};
const desiredOf = (...engines: EngineWish[]): NodeDesired => ({
  v: 1,
  revision: 1,
  work: true,
  engines,
  wattsProfile: null,
  storeUrl: 'https://hub/models',
});
/** What is under way has had its turn. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(threadsMax = 4) {
  const time = { now: 0 };
  const clock: Clock = {
    unixMilliseconds: () => time.now,
    monotonicMilliseconds: () => time.now,
    sleep: () => new Promise(() => undefined),
  };
  const engines = new Map<string, RoomEngine>();
  const stops: (() => void)[] = [];
  const room: EngineRoom = {
    start: (spec: EngineSpec) =>
      void engines.set(spec.engineId, {
        spec,
        phase: 'ready',
        progress: 1,
        jobsRunning: 0,
        restarts: 0,
        problem: null,
        memoryBytes: null,
      }),
    stop: (engineId) => {
      engines.delete(engineId); // as the real room does: not listed while its child ends
      return new Promise((resolve) => stops.push(resolve));
    },
    stopAll: () => Promise.resolve(),
    list: () => [...engines.values()],
    complete: () => assert.fail('nobody asks'),
    jobsRunning: 0,
  };
  const files = new Set<string>();
  const fetches: { request: FetchRequest; done(error?: Error): void }[] = [];
  const cache: ModelCache = {
    pathOf: (sha256) => (files.has(sha256) ? `/models/${sha256}` : null),
    fetch: (request) =>
      new Promise((resolve, reject) => {
        const done = (error?: Error): void => {
          if (error === undefined) files.add(request.sha256);
          if (error === undefined) resolve('');
          else reject(error);
        };
        request.signal.addEventListener('abort', () => done(new Error('cut off')));
        fetches.push({ request, done });
      }),
    setInUse: () => undefined,
    evict: () => Promise.resolve(false),
    list: () => [...files],
    usedBytes: 0,
    limitBytes: 0,
  };
  let overhead = 0;
  const reconciler = createReconciler({
    room,
    cache,
    kinds: new Set(['fake']),
    hasLocalStore: false,
    meter: { overheadStarted: () => (overhead += 1), overheadEnded: () => (overhead -= 1) },
    threadsMax,
    threadsBest: () => 2,
    onChange: () => undefined,
    clock,
    log: silentLog,
  });
  const phases = (desired: NodeDesired): string[] =>
    reconciler.states(desired).map(({ engineId, phase }) => `${engineId} ${phase}`);
  return { time, engines, stops, files, fetches, reconciler, phases, overhead: () => overhead };
}

describe('the reconciler', () => {
  it('fetches, starts, and says so at each step', async () => {
    const { engines, fetches, reconciler, phases, overhead } = setUp();
    const desired = desiredOf(wish);
    reconciler.step(desired, false);
    fetches[0]?.request.onProgress(0.5);
    assert.deepEqual(phases(desired), ['one fetching']);
    assert.equal(reconciler.states(desired)[0]?.progress, 0.5);
    assert.equal(overhead(), 1);
    fetches[0]?.done();
    await settle();
    reconciler.step(desired, true);
    assert.deepEqual(phases(desired), ['one waiting']);
    reconciler.step(desired, false);
    assert.deepEqual(phases(desired), ['one ready']);
    assert.equal(engines.get('one')?.spec.threads, 2);
    assert.equal(overhead(), 0);
    reconciler.step(desired, false);
    assert.equal(reconciler.settled, true);
  });

  it('waits after a failed fetch, shows why, and tries again', async () => {
    const { time, fetches, reconciler } = setUp();
    const desired = desiredOf(wish);
    reconciler.step(desired, false);
    fetches[0]?.done(new SalvageError('SLV_DISK_FULL', 'no room'));
    await settle();
    const dueAt = reconciler.step(desired, false);
    assert.equal(dueAt, limits.fetchAgainMilliseconds);
    assert.deepEqual(
      reconciler.states(desired).map(({ phase, problem }) => [phase, problem]),
      [['failed', 'no room']],
    );
    assert.equal(fetches.length, 1);
    time.now = dueAt;
    reconciler.step(desired, false);
    assert.equal(fetches.length, 2);
  });

  it('ends a fetch that is no longer wished, without calling it a failure', async () => {
    const { fetches, reconciler } = setUp();
    reconciler.step(desiredOf(wish), false);
    reconciler.step(desiredOf(), false);
    assert.equal(fetches[0]?.request.signal.aborted, true);
    await settle();
    assert.equal(reconciler.fetchProblems.size, 0);
  });

  it('keeps the next engine out until the last one has left the memory', async () => {
    const { files, engines, stops, reconciler, phases } = setUp();
    const two = { ...wish, engineId: 'two', modelSha256: '2'.repeat(64) };
    files.add(wish.modelSha256).add(two.modelSha256);
    reconciler.step(desiredOf(wish), false);
    reconciler.step(desiredOf(two), false);
    reconciler.step(desiredOf(two), false);
    assert.deepEqual(phases(desiredOf(two)), ['one stopping', 'two waiting']);
    assert.equal(engines.has('two'), false);
    stops[0]?.();
    await settle();
    reconciler.step(desiredOf(two), false);
    assert.deepEqual(phases(desiredOf(two)), ['two ready']);
  });

  it('bounds threads by what a person allowed, and rests then', () => {
    const { files, engines, reconciler } = setUp(1);
    files.add(wish.modelSha256);
    const desired = desiredOf({ ...wish, threads: 8 });
    reconciler.step(desired, false);
    assert.equal(engines.get('one')?.spec.threads, 1);
    reconciler.step(desired, false);
    assert.equal(reconciler.settled, true);
  });
});
