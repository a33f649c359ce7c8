import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import type { EnergyReading } from '@salvage/contract';
import { type Clock, silentLog } from '@salvage/kit';
import type { CpuTicks } from '../facts/vitals.ts';
import { createEstimateMeter } from './estimate-meter.ts';
import { createMeterRoom } from './meter-room.ts';
import { createWindowRing } from './window-ring.ts';

const profile = {
  profileId: 'thinkpad-x230',
  idleWatts: 10,
  loadWatts: 40,
  relativeError: 0.4,
  scope: 'wall',
} as const;

/** A clock turned by hand, and a machine of one core that is busy for a set share of the time. */
function createMachine(): {
  clock: Clock;
  turn(milliseconds: number): Promise<void>;
  suspend(milliseconds: number): void;
  setBusy(share: number): void;
  readTicks(): CpuTicks | null;
  breakTicks(ticks: CpuTicks | null | undefined): void;
} {
  let unix = 1_700_000_000_000;
  let monotonic = 0;
  let share = 0;
  let broken: CpuTicks | null | undefined;
  const ticks = { busy: 0, total: 0 };
  const sleepers = new Set<{ due: number; wake: () => void }>();
  return {
    clock: {
      unixMilliseconds: () => unix,
      monotonicMilliseconds: () => monotonic,
      sleep: (milliseconds, signal) =>
        new Promise((resolve) => {
          const sleeper = { due: monotonic + milliseconds, wake: resolve };
          sleepers.add(sleeper);
          signal?.addEventListener('abort', () => {
            sleepers.delete(sleeper);
            resolve();
          });
        }),
    },
    // Second by second, so that whoever sleeps wakes in between.
    turn: async (milliseconds) => {
      for (let left = milliseconds; left > 0; left -= 1_000) {
        const step = Math.min(1_000, left);
        unix += step;
        monotonic += step;
        ticks.busy += (share * step) / 10;
        ticks.total += step / 10;
        for (const sleeper of [...sleepers].filter(({ due }) => due <= monotonic)) {
          sleepers.delete(sleeper);
          sleeper.wake();
        }
        await new Promise(setImmediate);
      }
    },
    suspend: (milliseconds) => {
      unix += milliseconds;
    },
    setBusy: (next) => {
      share = next;
    },
    readTicks: () => (broken === undefined ? { ...ticks } : broken),
    breakTicks: (next) => {
      broken = next;
    },
  };
}

const summary = (windows: readonly EnergyReading[]): unknown[] =>
  windows.map(({ t0, t1, spentOn, microjoules }) => [spentOn, t1 - t0, microjoules]);

describe('the estimate meter', () => {
  it('lies between idle and load watts by the busy share, over the monotonic time', async () => {
    const machine = createMachine();
    const meter = createEstimateMeter({ profile, ...machine });
    assert.equal(meter.joulesSinceLast(), null, 'the first call knows no start');
    await machine.turn(2_000);
    assert.equal(meter.joulesSinceLast(), 20);
    machine.setBusy(0.5);
    await machine.turn(4_000);
    assert.equal(meter.joulesSinceLast(), 100);
    assert.deepEqual(meter.kind, {
      method: 'model',
      scope: 'wall',
      quality: 'estimated',
      relativeError: 0.4,
      source: 'profile thinkpad-x230',
    });
  });

  it('answers null across a suspend, an unreadable counter and one that went backwards', async () => {
    const machine = createMachine();
    const meter = createEstimateMeter({ profile, ...machine });
    meter.joulesSinceLast();
    machine.suspend(60_000);
    assert.equal(meter.joulesSinceLast(), null);
    await machine.turn(1_000);
    assert.equal(meter.joulesSinceLast(), 10);
    machine.breakTicks(null);
    assert.equal(meter.joulesSinceLast(), null);
    machine.breakTicks({ busy: 1, total: 50 });
    assert.equal(meter.joulesSinceLast(), null, 'the call before read nothing');
    machine.breakTicks({ busy: 0, total: 60 });
    assert.equal(meter.joulesSinceLast(), null);
  });
});

describe('the meter room', () => {
  const open = (machine: ReturnType<typeof createMachine>) =>
    createMeterRoom({
      clock: machine.clock,
      log: silentLog,
      readTicks: machine.readTicks,
      readEngineCpuSeconds: () => machine.clock.monotonicMilliseconds() / 2_000,
    });

  it('cuts at the edges of jobs and overhead, and gives two jobs half of what they share', async () => {
    const machine = createMachine();
    const room = open(machine);
    room.setProfile(profile);
    await machine.turn(1_000);
    room.overheadStarted();
    await machine.turn(2_000);
    room.started('job-aaaaaaaa');
    await machine.turn(3_000);
    room.started('job-bbbbbbbb');
    await machine.turn(1_000);
    const first = await room.ended('job-aaaaaaaa');
    await machine.turn(1_000);
    const second = await room.ended('job-bbbbbbbb');
    await machine.turn(1_000);
    room.overheadEnded();
    room.stop();
    assert.equal(first?.microjoules, 35_000_000);
    assert.equal(second?.microjoules, 15_000_000);
    assert.equal(first?.source, 'profile thinkpad-x230');
    const windows = room.take(100);
    assert.deepEqual(summary(windows), [
      ['idle', 1_000, 10_000_000],
      ['overhead', 2_000, 20_000_000],
      ['job', 3_000, 30_000_000],
      ['job', 1_000, 10_000_000],
      ['job', 1_000, 10_000_000],
      ['overhead', 1_000, 10_000_000],
    ]);
    assert.equal(windows[2]?.cpuSeconds, 1.5);
    assert.deepEqual(windows[3]?.jobIds, ['job-aaaaaaaa', 'job-bbbbbbbb']);
    assert.equal(await room.ended('job-cccccccc'), null);
  });

  it('cuts by itself: often while a job runs, seldom when idle, also when the job comes late', async () => {
    const machine = createMachine();
    const room = open(machine);
    room.setProfile(profile);
    await machine.turn(65_000);
    room.started('job-aaaaaaaa');
    await machine.turn(25_000);
    room.stop();
    const lengths = room.take(100).map((window) => window.t1 - window.t0);
    assert.deepEqual(lengths, [30_000, 30_000, 5_000, 10_000, 10_000, 5_000]);
  });

  it('has CPU seconds alone without a profile, and marks a suspend as a gap', async () => {
    const machine = createMachine();
    const room = open(machine);
    room.started('job-aaaaaaaa');
    await machine.turn(2_000);
    assert.deepEqual(await room.ended('job-aaaaaaaa'), {
      microjoules: null,
      method: null,
      scope: null,
      quality: null,
      relativeError: null,
      source: 'none',
    });
    room.setProfile(profile);
    await machine.turn(1_000);
    machine.suspend(3_600_000);
    room.setProfile(null);
    room.stop();
    const [bare, gap] = room.take(100);
    assert.deepEqual([bare?.microjoules, bare?.cpuSeconds, bare?.source], [null, 1, 'none']);
    assert.deepEqual([gap?.microjoules, gap?.method, gap?.spentOn], [null, 'model', 'idle']);
    assert.equal((gap?.t1 ?? 0) - (gap?.t0 ?? 0), 3_601_000);
  });

  it('keeps a bounded number of windows: joins idle ones before it loses any', () => {
    const window = (t0: number, spentOn: EnergyReading['spentOn']): EnergyReading => ({
      t0,
      t1: t0 + 10,
      microjoules: 3,
      cpuSeconds: 0,
      method: 'model',
      scope: 'wall',
      quality: 'estimated',
      relativeError: 0.4,
      source: 'profile',
      spentOn,
      jobIds: spentOn === 'job' ? [`job-${String(t0).padStart(8, '0')}`] : [],
    });
    const losses: unknown[] = [];
    const ring = createWindowRing(4, { ...silentLog, warn: (_, fields) => losses.push(fields) });
    for (const t0 of [0, 20, 40]) ring.push(window(t0, 'job'));
    for (const t0 of [50, 60, 70]) ring.push(window(t0, 'idle'));
    assert.equal(ring.length, 4);
    assert.equal(ring.lostCount, 0);
    ring.push(window(80, 'job'));
    ring.push(window(90, 'job'));
    assert.deepEqual(losses, [{ lostCount: 1, spentOn: 'job', microjoules: 3 }]);
    assert.equal(ring.lostCount, 2);
    const kept = ring.take(99);
    assert.deepEqual(summary(kept), [
      ['job', 10, 3],
      ['idle', 30, 9],
      ['job', 10, 3],
      ['job', 10, 3],
    ]);
  });
});
