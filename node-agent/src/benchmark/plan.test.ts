import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import type { Benchmark } from '@salvage/contract';
import fc from 'fast-check';
import {
  bestThreads,
  dueBenchmark,
  freeCores,
  planModel,
  stillValid,
  threadSteps,
  throttledBetween,
} from './plan.ts';

const megabyte = 1024 * 1024;
const gigabyte = 1024 * megabyte;
const plan = (given: Partial<Parameters<typeof planModel>[0]>) =>
  planModel({
    depth: 'full',
    cacheLastLevelBytes: 3 * megabyte,
    memoryAvailableBytes: 6 * gigabyte,
    roomBytes: 4 * gigabyte,
    ...given,
  });

describe('the model of a benchmark', () => {
  it('is four times the last-level cache', () => {
    assert.deepEqual(plan({}), { bytesMax: 12 * megabyte, exceedsCache: true });
  });

  it('is a tenth of the memory where that is less, and says so', () => {
    assert.deepEqual(
      plan({ cacheLastLevelBytes: 32 * megabyte, memoryAvailableBytes: 640 * megabyte }),
      {
        bytesMax: 64 * megabyte,
        exceedsCache: false,
      },
    );
  });

  it('is small for a quick look', () => {
    assert.deepEqual(plan({ depth: 'quick', cacheLastLevelBytes: 32 * megabyte }), {
      bytesMax: 16 * megabyte,
      exceedsCache: false,
    });
    assert.equal(plan({ depth: 'quick' })?.exceedsCache, true);
  });

  it('promises nothing of a cache that the kernel does not show', () => {
    assert.equal(plan({ cacheLastLevelBytes: null })?.exceedsCache, false);
  });

  it('is none where there is no room', () => {
    assert.equal(plan({ memoryAvailableBytes: 5 * megabyte }), null);
    assert.equal(plan({ roomBytes: megabyte }), null);
  });

  it('never takes more than its share, nor calls a small one large', () => {
    const size = fc.integer({ min: 0, max: 64 * gigabyte });
    fc.assert(
      fc.property(fc.constantFrom('quick', 'full'), fc.option(size), size, size, (...given) => {
        const [depth, cacheLastLevelBytes, memoryAvailableBytes, roomBytes] = given;
        const found = planModel({ depth, cacheLastLevelBytes, memoryAvailableBytes, roomBytes });
        if (found === null) return;
        assert.ok(found.bytesMax <= memoryAvailableBytes / 10 && found.bytesMax <= roomBytes / 2);
        if (found.exceedsCache) assert.ok(found.bytesMax >= 4 * (cacheLastLevelBytes ?? Infinity));
      }),
    );
  });
});

describe('thread counts', () => {
  it('are few, each once, all free cores first', () => {
    assert.deepEqual(threadSteps('full', 1, 1), [1]);
    assert.deepEqual(threadSteps('full', 2, 2), [2, 1]);
    assert.deepEqual(threadSteps('full', 4, 4), [4, 2, 1, 3]);
    assert.deepEqual(threadSteps('full', 16, 16), [16, 8, 1, 15, 4]);
    assert.deepEqual(threadSteps('full', 4, 3), [3, 4, 2, 1]);
    assert.deepEqual(threadSteps('quick', 4, 4), [4, 2]);
    assert.deepEqual(threadSteps('quick', 4, 1), [1, 2]);
  });

  it('leave cores to other programs, but never all', () => {
    assert.equal(freeCores(4, 0), 4);
    assert.equal(freeCores(4, 0.3), 3);
    assert.equal(freeCores(2, 0.55), 1);
    assert.equal(freeCores(2, 1), 1);
    assert.equal(freeCores(2, null), 2);
  });

  it('are best when fastest, and fewest among equals', () => {
    const point = (threads: number, tokensPerSecond: number) => ({ threads, tokensPerSecond });
    assert.equal(bestThreads([point(4, 10), point(2, 8), point(1, 5)])?.threads, 4);
    assert.equal(bestThreads([point(4, 10), point(2, 9.8), point(1, 5)])?.threads, 2);
    assert.equal(bestThreads([point(4, 6), point(3, 10)])?.threads, 3);
    assert.equal(bestThreads([]), null);
  });
});

describe('throttling', () => {
  const vitals = (throttleCount: number | null, throttledNow: boolean | null = null) => ({
    throttleCount,
    throttledNow,
  });
  it('is counted, or said by the firmware, or not known', () => {
    assert.equal(throttledBetween(vitals(5), vitals(5)), false);
    assert.equal(throttledBetween(vitals(5), vitals(6)), true);
    assert.equal(throttledBetween(vitals(null, false), vitals(null, true)), true);
    assert.equal(throttledBetween(vitals(null, false), vitals(null, false)), false);
    assert.equal(throttledBetween(vitals(null), vitals(null)), null);
  });
});

describe('when to benchmark', () => {
  const made = (kind: Benchmark['kind']) => ({ kind, engineRelease: 'v0.5.0' }) as Benchmark;
  const due = (change: Partial<Parameters<typeof dueBenchmark>[0]>) =>
    dueBenchmark({
      have: null,
      idleMilliseconds: null,
      idleMillisecondsMin: 20_000,
      attemptsLeft: { quick: 3, full: 3 },
      ...change,
    });
  it('is at once when there is none, and when idle for the full one', () => {
    assert.equal(due({}), 'quick');
    assert.equal(due({ have: made('quick') }), null);
    assert.equal(due({ have: made('quick'), idleMilliseconds: 19_999 }), null);
    assert.equal(due({ have: made('quick'), idleMilliseconds: 20_000 }), 'full');
    assert.equal(due({ have: made('full'), idleMilliseconds: 1e9 }), null);
  });
  it('is not for ever after failures', () => {
    assert.equal(due({ attemptsLeft: { quick: 0, full: 3 } }), null);
    assert.equal(due({ attemptsLeft: { quick: 0, full: 3 }, idleMilliseconds: 30_000 }), 'full');
    assert.equal(due({ attemptsLeft: { quick: 0, full: 0 }, idleMilliseconds: 30_000 }), null);
  });
  it('keeps a saved one of this processor and this engine only', () => {
    const saved = { cpuName: 'N100', benchmark: made('full') };
    assert.equal(stillValid(saved, 'N100', 'v0.5.0'), saved.benchmark);
    assert.equal(stillValid(saved, 'N100', 'v0.6.0'), null);
    assert.equal(stillValid(saved, 'Cortex-A72', 'v0.5.0'), null);
    assert.equal(stillValid(null, 'N100', 'v0.5.0'), null);
  });
});
