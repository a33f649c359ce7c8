import { strict as assert } from 'node:assert';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { Benchmark, CompletionEvent, Facts } from '@salvage/contract';
import { realClock, silentLog } from '@salvage/kit';
import type { Engine, EngineKind, EngineSpec } from '../engine/engine.ts';
import { createFakeKind } from '../engine/fake/kind.ts';
import { readFacts } from '../facts/facts.ts';
import { openBenchmarkRoom } from './benchmark-room.ts';
import { findMemoryPlace } from './memory-folder.ts';
import { type BenchmarkWorld, runBenchmark } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'salvage-benchmark-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const place = await findMemoryPlace();
const skip = place === null ? 'no memory file system on this machine' : false;
const facts: Facts = {
  ...readFacts('/no-such-root', { architecture: 'x64', glibc: null, diskFreeBytes: 0 }),
  coresPhysical: 2,
  cacheLastLevelBytes: 512 * 1024,
};

/** The fake reads prompts in no time at all, and says so; here it takes a millisecond a token. */
function timedKind(): EngineKind {
  const fake = createFakeKind({ clock: realClock, tokenMilliseconds: 1 });
  const create = (spec: EngineSpec): Engine => {
    const engine = fake.create(spec);
    const complete = async function* (
      ...given: Parameters<Engine['complete']>
    ): AsyncGenerator<CompletionEvent> {
      for await (const event of engine.complete(...given)) {
        if (event.event !== 'end') yield event;
        else {
          const promptMilliseconds = event.timings.promptTokens;
          yield { ...event, timings: { ...event.timings, promptMilliseconds } };
        }
      }
    };
    return { ...engine, complete };
  };
  return { ...fake, create };
}

/** This process in the place of the child: the fake engine needs no other. */
function worldOf(release: string): BenchmarkWorld {
  return {
    kind: timedKind(),
    release,
    facts,
    readVitals: () => ({
      memoryAvailableBytes: 100 * 1024 * 1024,
      loadAverage: 0,
      temperatureCelsius: null,
      throttleCount: 3,
      throttledNow: null,
    }),
    readTicks: () => null,
    wantsQuiet: false,
    diskFile: null,
    clock: realClock,
    log: silentLog,
  };
}

async function setUp(release = 'v0.5.0', file = join(folder, `${randomUUID()}.json`)) {
  const changes: string[] = [];
  const waiting: (() => void)[] = [];
  const room = await openBenchmarkRoom({
    world: {
      release,
      facts,
      root: '/',
      diskFile: () => null,
      measure: (wish, signal) => runBenchmark(wish.depth, worldOf(release), signal),
      clock: realClock,
      log: silentLog,
    },
    file,
    meter: {
      overheadStarted: () => changes.push('overhead'),
      overheadEnded: () => changes.push('no overhead'),
    },
    onChange: () => {
      for (const go of waiting.splice(0)) go();
    },
  });
  const changed = (): Promise<void> => new Promise((resolve) => waiting.push(resolve));
  return { room, file, changes, changed };
}
const idle = { jobsRunning: 0, settled: true };

describe('the benchmark', { skip }, () => {
  it('runs once before the first engine, is kept, and is read again', async () => {
    const { room, file, changes, changed } = await setUp();
    assert.equal(room.blocksStarts, true);
    room.step({ jobsRunning: 0, settled: false });
    assert.equal(room.running, 'quick');
    await changed();
    assert.equal(room.problem, null);
    assert.equal(room.blocksStarts, false);
    assert.equal(room.current?.kind, 'quick');
    assert.equal(room.current?.modelExceedsCache, true);
    assert.equal(room.current?.throttled, false);
    assert.deepEqual(changes, ['overhead', 'no overhead']);
    const saved = JSON.parse(await readFile(file, 'utf8')) as { benchmark: Benchmark };
    assert.deepEqual(saved.benchmark, room.current);
    assert.equal((await setUp('v0.5.0', file)).room.current?.kind, 'quick');
    assert.equal((await setUp('v0.6.0', file)).room.current, null);
  });

  it('gives way to a job, and says so to the command that asked', async () => {
    const { room } = await setUp();
    const asked = room.request('full', 0);
    const refused = assert.rejects(asked, { code: 'SLV_QUEUE_FULL', message: /gave way/ });
    room.step({ jobsRunning: 1, settled: true });
    await refused;
    assert.equal(room.problem, null);
    await assert.rejects(room.request('full', 1), { code: 'SLV_QUEUE_FULL', message: /1 jobs/ });
    await room.stop();
  });

  it('measures threads and batches in full', async () => {
    const { room } = await setUp();
    const [one, same] = [room.request('full', 0), room.request('full', 0)];
    assert.equal(one, same);
    await assert.rejects(room.request('quick', 0), { message: /a full benchmark runs/ });
    const full = await one;
    assert.deepEqual(
      full.threads.map(({ threads }) => threads),
      [1, 2],
    );
    assert.deepEqual(
      full.batchCurve.map(({ batch }) => batch),
      [1, 2, 4, 8],
    );
    assert.equal(full.diskBytesPerSecond, null);
    assert.equal(room.step(idle), Infinity);
    assert.equal(room.running, null);
  });

  it('is none where no engine runs', async () => {
    const nothing = { overheadStarted: () => undefined, overheadEnded: () => undefined };
    const file = join(folder, 'none.json');
    const room = await openBenchmarkRoom({
      world: null,
      file,
      meter: nothing,
      onChange: () => undefined,
    });
    assert.equal(room.blocksStarts, false);
    assert.equal(room.step(idle), Infinity);
    await assert.rejects(room.request('quick', 0), { code: 'SLV_UNSUPPORTED' });
  });
});
