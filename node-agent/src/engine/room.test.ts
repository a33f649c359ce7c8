// The room on the fake engine and a clock that is turned by hand.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CompletionEvent, CompletionRequest, JobEnergy } from '@salvage/contract';
import { silentLog } from '@salvage/kit';
import { createHandClock, type HandClock } from '@salvage/kit/hand-clock';
import fc from 'fast-check';
import type { EngineRoom, EngineSpec, JobMeter } from './engine.ts';
import { createFakeKind, type FakeEngine, type FakeOptions } from './fake/kind.ts';
import { createEngineRoom } from './room.ts';

const energy: JobEnergy = {
  microjoules: 5,
  method: 'counter',
  scope: 'package',
  quality: 'measured',
  relativeError: 0.1,
  source: 'test',
};

interface Stage {
  clock: HandClock;
  room: EngineRoom;
  engines: FakeEngine[];
  metered: string[];
}

function stage(fake: Partial<FakeOptions> = {}, meter: Partial<JobMeter> = {}): Stage {
  const clock = createHandClock();
  const engines: FakeEngine[] = [];
  const metered: string[] = [];
  const kind = createFakeKind({
    clock,
    tokenMilliseconds: 100,
    onCreate: (engine) => engines.push(engine),
    ...fake,
  });
  const room = createEngineRoom({
    kinds: [kind],
    clock,
    log: silentLog,
    meter: {
      started: (jobId) => metered.push(`+${jobId}`),
      ended: async (jobId) => {
        metered.push(`-${jobId}`);
        return energy;
      },
      ...meter,
    },
    onChange: () => undefined,
  });
  return { clock, room, engines, metered };
}

function spec(change: Partial<EngineSpec> = {}): EngineSpec {
  return {
    engineId: 'one',
    engine: 'fake',
    modelId: 'model',
    modelSha256: '0'.repeat(64),
    modelPath: '/nowhere',
    contextTokens: 1_000,
    threads: 1,
    parallel: 1,
    ...change,
  };
}

function request(job: number, outputTokensMax = 10): CompletionRequest {
  return {
    jobId: `job-${String(job).padStart(8, '0')}`,
    prompt: { kind: 'text', text: 'a b c', special: false },
    outputTokensMax,
    temperature: 0,
    topP: 1,
    topK: 0,
    minP: 0,
    seed: null,
    stop: [],
    jsonSchema: null,
    ignoreEnd: false,
  };
}

interface Reading {
  events: CompletionEvent[];
  /** The end's reason or the error's code, null while it goes on. */
  outcome: string | null;
  cancel(): void;
}

function read(room: EngineRoom, job: CompletionRequest, engineId = 'one'): Reading {
  const controller = new AbortController();
  const reading: Reading = { events: [], outcome: null, cancel: () => controller.abort() };
  const pull = async (): Promise<void> => {
    for await (const event of room.complete(engineId, job, controller.signal)) {
      assert.equal(reading.outcome, null, 'nothing after the last event');
      reading.events.push(event);
      if (event.event === 'end') reading.outcome = event.reason;
      if (event.event === 'error') reading.outcome = event.code;
    }
    assert.notEqual(reading.outcome, null, 'there is a last event');
  };
  void pull();
  return reading;
}

function last(reading: Reading): CompletionEvent | undefined {
  return reading.events.at(-1);
}

describe('engine room', () => {
  it('answers, counts its jobs and puts their energy into the end', async () => {
    const { clock, room, metered } = stage({ loadMilliseconds: 1_000 });
    room.start(spec());
    await clock.advance(500);
    const early = read(room, request(1));
    await clock.settle();
    assert.equal(early.outcome, 'SLV_ENGINE_UNKNOWN');
    assert.match(JSON.stringify(last(early)), /still loading/);
    assert.equal(room.list()[0]?.phase, 'loading');
    await clock.advance(500);
    const answer = read(room, request(2));
    await clock.settle();
    assert.equal(room.jobsRunning, 1);
    await clock.advance(1_000);
    const end = last(answer);
    assert.ok(end?.event === 'end' && end.reason === 'length');
    assert.deepEqual(end.energy, energy);
    assert.deepEqual(metered, ['+job-00000002', '-job-00000002']);
    assert.equal(room.jobsRunning, 0);
    const unknown = read(room, request(3), 'two');
    await clock.settle();
    assert.equal(unknown.outcome, 'SLV_ENGINE_UNKNOWN');
    assert.match(JSON.stringify(last(unknown)), /no engine two/);
  });

  it('lets eight wait, keeps them calm, and refuses one more', async () => {
    const { clock, room, metered } = stage();
    room.start(spec());
    await clock.settle();
    const readings = Array.from({ length: 10 }, (_, job) => read(room, request(job, 50)));
    await clock.settle();
    assert.deepEqual(
      readings.map(({ outcome }) => outcome),
      [...Array.from({ length: 9 }, () => null), 'SLV_QUEUE_FULL'],
    );
    assert.equal(room.list()[0]?.jobsRunning, 9);
    await clock.advance(4_000);
    assert.deepEqual(readings[8]?.events, [
      { event: 'alive', promptProgress: null },
      { event: 'alive', promptProgress: null },
    ]);
    readings[1]?.cancel();
    await clock.settle();
    assert.equal(readings[1]?.outcome, 'cancelled');
    assert.equal(room.list()[0]?.jobsRunning, 8);
    await clock.advance(60_000);
    assert.ok(readings.every(({ outcome }) => outcome !== null));
    const begun = metered.filter((entry) => entry.startsWith('+')).map((entry) => entry.at(-1));
    assert.deepEqual(begun, ['0', '2', '3', '4', '5', '6', '7', '8']);
  });

  it('runs as many at once as there are sequences', async () => {
    const { clock, room } = stage();
    room.start(spec({ parallel: 3 }));
    await clock.settle();
    const readings = Array.from({ length: 4 }, (_, job) => read(room, request(job)));
    await clock.advance(1_000);
    assert.deepEqual(
      readings.map(({ outcome }) => outcome),
      ['length', 'length', 'length', null],
    );
    await clock.advance(1_000);
    assert.equal(readings[3]?.outcome, 'length');
  });

  it('ends an engine that hangs, tells both who ran and who waited, and starts it again', async () => {
    const { clock, room, engines, metered } = stage();
    room.start(spec());
    await clock.settle();
    const running = read(room, request(1, 1_000));
    const waiting = read(room, request(2));
    await clock.advance(1_000);
    engines[0]?.hang();
    await clock.advance(18_000);
    assert.equal(running.outcome, null);
    await clock.advance(4_000);
    assert.equal(running.outcome, 'SLV_ENGINE_STUCK');
    assert.equal(waiting.outcome, 'SLV_ENGINE_EXITED');
    assert.deepEqual(metered, ['+job-00000001', '-job-00000001']);
    await clock.advance(1_000);
    assert.equal(room.list()[0]?.phase, 'ready');
    assert.equal(room.list()[0]?.restarts, 1);
    const again = read(room, request(3));
    await clock.advance(1_000);
    assert.equal(again.outcome, 'length');
  });

  it('gives a slow engine twenty of its usual tokens', async () => {
    const { clock, room, engines } = stage({ tokenMilliseconds: 10_000 });
    room.start(spec());
    await clock.settle();
    const reading = read(room, request(1, 1_000));
    await clock.advance(100_000);
    engines[0]?.hang();
    await clock.advance(180_000);
    assert.equal(reading.outcome, null);
    await clock.advance(40_000);
    assert.equal(reading.outcome, 'SLV_ENGINE_STUCK');
  });

  it('waits longer after each failed start, and shows why', async () => {
    const starts: number[] = [];
    const { clock, room } = stage({
      startFailure: () => {
        starts.push(clock.monotonicMilliseconds());
        return starts.length <= 10 ? 'no memory' : null;
      },
    });
    room.start(spec());
    await clock.advance(100);
    const { phase, problem } = room.list()[0] ?? {};
    assert.deepEqual([phase, problem], ['failed', 'no memory']);
    const down = read(room, request(1));
    await clock.settle();
    assert.equal(down.outcome, 'SLV_ENGINE_EXITED');
    await clock.advance(600_000);
    const waits = starts.slice(1).map((at, index) => at - (starts[index] ?? 0));
    const want = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000];
    assert.deepEqual(waits, want);
    assert.equal(room.list()[0]?.phase, 'ready');
    assert.equal(room.list()[0]?.problem, null);
  });

  it('forgets failures after a calm life', async () => {
    const { clock, room, engines } = stage();
    room.start(spec());
    for (let death = 0; death < 4; death += 1) {
      await clock.advance(61_000);
      assert.equal(room.list()[0]?.phase, 'ready');
      engines.at(-1)?.die('bang');
      await clock.advance(249);
      assert.equal(room.list()[0]?.phase, 'failed');
      assert.equal(engines.length, death + 1);
      await clock.advance(1);
      assert.equal(engines.length, death + 2);
    }
  });

  it('replaces an engine only when its spec differs, and one after the other', async () => {
    const { clock, room, engines } = stage();
    room.start(spec());
    await clock.settle();
    room.start(spec());
    await clock.settle();
    assert.equal(engines.length, 1);
    const running = read(room, request(1, 1_000));
    await clock.advance(1_000);
    room.start(spec({ contextTokens: 2_000 }));
    await clock.settle();
    assert.equal(running.outcome, 'SLV_ENGINE_EXITED');
    assert.equal(engines[0]?.memoryBytes(), null);
    assert.deepEqual(
      room.list().map((one) => [one.spec.contextTokens, one.phase]),
      [[2_000, 'ready']],
    );
    await room.stop('one');
    await room.stop('never');
    assert.deepEqual(room.list(), []);
    assert.equal(engines[1]?.memoryBytes(), null);
    room.start(spec({ engine: 'llama-server' }));
    await clock.settle();
    assert.match(room.list()[0]?.problem ?? '', /llama-server/);
    await room.stopAll();
  });

  it('does not wait for joules for ever', async () => {
    const { clock, room } = stage({}, { ended: () => new Promise(() => undefined) });
    room.start(spec());
    await clock.settle();
    const first = read(room, request(1));
    const second = read(room, request(2));
    await clock.advance(9_000);
    assert.equal(first.outcome, null);
    await clock.advance(12_000);
    for (const reading of [first, second]) {
      const end = last(reading);
      assert.ok(end?.event === 'end' && end.energy === null);
    }
  });

  it('ends the job of a reader that walks away', async () => {
    const { clock, room, metered } = stage();
    room.start(spec());
    await clock.settle();
    const events = room.complete('one', request(1, 1_000), new AbortController().signal);
    const iterator = events[Symbol.asyncIterator]();
    assert.equal((await iterator.next()).value?.event, 'prompt');
    const leaving = iterator.return?.();
    await clock.advance(200);
    await leaving;
    assert.deepEqual(metered, ['+job-00000001', '-job-00000001']);
    assert.equal(room.jobsRunning, 0);
  });

  it('opens and closes each job once in the meter, whatever happens', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('ask' as const), tokens: fc.integer({ min: 1, max: 40 }) }),
      fc.record({ do: fc.constant('cancel' as const), which: fc.nat(30) }),
      fc.record({ do: fc.constantFrom('die' as const, 'hang' as const, 'restart' as const) }),
      fc.record({
        do: fc.constant('wait' as const),
        milliseconds: fc.integer({ min: 1, max: 5_000 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 25 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, parallel) => {
          const { clock, room, engines, metered } = stage();
          room.start(spec({ parallel }));
          await clock.settle();
          const readings: Reading[] = [];
          for (const one of steps) {
            if (one.do === 'ask') readings.push(read(room, request(readings.length, one.tokens)));
            if (one.do === 'cancel') readings[one.which]?.cancel();
            if (one.do === 'die') engines.at(-1)?.die('bang');
            if (one.do === 'hang') engines.at(-1)?.hang();
            if (one.do === 'restart') room.start(spec({ parallel, threads: 1 + engines.length }));
            await (one.do === 'wait' ? clock.advance(one.milliseconds) : clock.settle());
            const open =
              metered.filter((entry) => entry.startsWith('+')).length * 2 - metered.length;
            assert.ok(open >= 0 && open <= parallel, `${open} open`);
          }
          await clock.advance(400_000);
          for (const { outcome } of readings) assert.notEqual(outcome, null);
          assert.equal(new Set(metered).size, metered.length, 'nothing twice');
          for (const entry of metered) {
            const pair = metered.indexOf(`-${entry.slice(1)}`);
            assert.ok(pair >= metered.indexOf(entry));
          }
          assert.equal(room.jobsRunning, 0);
          await room.stopAll();
        },
      ),
      { numRuns: 40 },
    );
  });
});
