import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import { EnergyReading, type JobEnergy } from '@salvage/contract';
import fc from 'fast-check';
import * as v from 'valibot';
import { limits } from '../limits.ts';
import { shareOut } from './job-share.ts';
import type { MeterKind } from './meter.ts';
import {
  advance,
  aheadMillisecondsMax,
  canClose,
  openWindow,
  type WindowEvent,
  type WindowState,
} from './windows.ts';

const kind: MeterKind = {
  method: 'model',
  scope: 'wall',
  quality: 'estimated',
  relativeError: 0.4,
  source: 'profile x230',
};
const start = { unixMilliseconds: 1_700_000_000_000, monotonicMilliseconds: 5_000 };

interface Step {
  event: WindowEvent;
  elapsedMilliseconds: number;
  /** What the wall clock does beyond the elapsed time: suspend, or somebody sets it. */
  stepMilliseconds: number;
  microjoules: number | null;
}

/** Plays steps and closes the last window; also says on which line times each job began and ended. */
function play(steps: readonly Step[]): {
  windows: EnergyReading[];
  energies: Map<string, JobEnergy>;
  spans: Map<string, [from: number, to: number]>;
  state: WindowState;
} {
  let state = openWindow(start, 0);
  const windows: EnergyReading[] = [];
  const energies = new Map<string, JobEnergy>();
  const spans = new Map<string, [number, number]>();
  const now = { ...start };
  for (const { event, elapsedMilliseconds, stepMilliseconds, microjoules } of steps) {
    now.monotonicMilliseconds += elapsedMilliseconds;
    now.unixMilliseconds += elapsedMilliseconds + stepMilliseconds;
    const reading = {
      ...now,
      microjoules,
      kind,
      engineCpuSeconds: now.monotonicMilliseconds / 1e4,
    };
    const step = advance(state, event, canClose(state, now) ? reading : null);
    state = step.state;
    if (step.window !== null) windows.push(step.window);
    if (event.kind === 'job-started') spans.set(event.jobId, [state.t0, Infinity]);
    if (event.kind !== 'job-ended') continue;
    spans.set(event.jobId, [spans.get(event.jobId)?.[0] ?? 0, state.t0]);
    if (step.ended !== null) energies.set(event.jobId, step.ended);
  }
  return { windows, energies, spans, state };
}

const jobIdOf = (index: number): string => `job-${String(index).padStart(8, '0')}`;

/** Random histories in which each job starts once, before it ends. */
const histories = (clockSteps: fc.Arbitrary<number>): fc.Arbitrary<Step[]> =>
  fc
    .array(
      fc.record({
        choice: fc.nat({ max: 99 }),
        elapsedMilliseconds: fc.oneof(
          fc.constant(0),
          fc.nat({ max: 40_000 }),
          fc.double({ min: 0, max: 3, noNaN: true }),
        ),
        stepMilliseconds: clockSteps,
        microjoules: fc.oneof({ weight: 9, arbitrary: fc.nat({ max: 1e9 }) }, fc.constant(null)),
      }),
      { maxLength: 80 },
    )
    .map((rows) => {
      const running: string[] = [];
      return rows.map(({ choice, ...step }, index) => {
        const pick = running[choice % Math.max(1, running.length)];
        let event: WindowEvent = { kind: 'cut' };
        if (choice < 35) event = { kind: 'job-started', jobId: jobIdOf(index) };
        else if (choice < 65 && pick !== undefined) event = { kind: 'job-ended', jobId: pick };
        else if (choice < 75) event = { kind: 'overhead-started' };
        else if (choice < 85) event = { kind: 'overhead-ended' };
        if (event.kind === 'job-started') running.push(event.jobId);
        if (event.kind === 'job-ended') running.splice(running.indexOf(event.jobId), 1);
        return { ...step, event };
      });
    });

const steadyClock = fc.constant(0);
const wildClock = fc.oneof(
  { weight: 8, arbitrary: fc.constant(0) },
  fc.integer({ min: -900, max: 900 }),
  fc.integer({ min: -40_000, max: 8 * 3_600_000 }),
);

describe('windows', () => {
  it('touch, never overlap, and cover the time from the first to the last', () => {
    fc.assert(
      fc.property(histories(wildClock), (steps) => {
        const { windows, state } = play(steps);
        let t = start.unixMilliseconds;
        for (const window of windows) {
          v.parse(EnergyReading, window);
          assert.equal(window.t0, t);
          assert.ok(window.t1 > window.t0);
          t = window.t1;
        }
        assert.equal(state.t0, t);
      }),
    );
  });

  it('that name a job lie between its start and its end, and all of them name it', () => {
    fc.assert(
      fc.property(histories(steadyClock), (steps) => {
        const { windows, spans } = play(steps);
        for (const window of windows) {
          const running = [...spans].filter(([, [from, to]]) => from < window.t1 && to > window.t0);
          for (const [, [from, to]] of running) assert.ok(from <= window.t0 && window.t1 <= to);
          const named = running.map(([jobId]) => jobId).slice(0, limits.jobsPerReadingMax);
          assert.deepEqual(window.jobIds, named);
          assert.equal(window.spentOn === 'job', named.length > 0);
        }
      }),
    );
  });

  it('are shared out without a remainder: jobs get together what their windows hold', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1e12 }), fc.integer({ min: 1, max: 16 }), (whole, count) => {
        const shares = shareOut(whole, count);
        assert.equal(
          shares.reduce((sum, share) => sum + share, 0),
          whole,
        );
        assert.ok(Math.max(...shares) - Math.min(...shares) < count);
      }),
    );
    fc.assert(
      fc.property(histories(steadyClock), (steps) => {
        const end = steps.map((step) => ({ ...step, microjoules: step.microjoules ?? 7 }));
        const { windows, energies, state } = play(end);
        // With more jobs than a window can name some have no figure: nothing to add up then.
        if (windows.some((window) => window.jobIds.length === limits.jobsPerReadingMax)) return;
        const running = state.jobs.reduce((sum, job) => sum + (job.microjoules ?? 0), 0);
        const ended = [...energies.values()].reduce((sum, job) => sum + (job.microjoules ?? 0), 0);
        const held = windows.filter((window) => window.spentOn === 'job');
        assert.equal(
          running + ended,
          held.reduce((sum, window) => sum + (window.microjoules ?? 0), 0),
        );
      }),
    );
  });

  it('of a job with a gap among them give it no figure, and say how it would have been had', () => {
    const job: WindowEvent = { kind: 'job-started', jobId: jobIdOf(1) };
    const end: WindowEvent = { kind: 'job-ended', jobId: jobIdOf(1) };
    const step = (event: WindowEvent, rest: Partial<Step>): Step => ({
      event,
      elapsedMilliseconds: 1_000,
      stepMilliseconds: 0,
      microjoules: 10,
      ...rest,
    });
    const whole = play([step(job, {}), step({ kind: 'cut' }, {}), step(end, {})]);
    assert.deepEqual(whole.energies.get(jobIdOf(1)), { microjoules: 20, ...kind });
    const suspended = play([step(job, {}), step(end, { stepMilliseconds: 60_000 })]);
    assert.deepEqual(suspended.energies.get(jobIdOf(1)), { microjoules: null, ...kind });
    assert.equal(suspended.windows.at(-1)?.microjoules, null);
    const unread = play([step(job, {}), step(end, { microjoules: null })]);
    assert.equal(unread.energies.get(jobIdOf(1))?.microjoules, null);
    const instant = play([step(job, {}), step(end, { elapsedMilliseconds: 0 })]);
    assert.equal(
      instant.energies.get(jobIdOf(1))?.microjoules,
      null,
      'too short is unknown, not 0',
    );
  });

  it('give a job that no window had room to name no figure', () => {
    const steps = Array.from(
      { length: 17 },
      (_, index): Step => ({
        event: { kind: 'job-started', jobId: jobIdOf(index) },
        elapsedMilliseconds: 0,
        stepMilliseconds: 0,
        microjoules: 0,
      }),
    );
    const ends = [16, 15].map(
      (index): Step => ({
        event: { kind: 'job-ended', jobId: jobIdOf(index) },
        elapsedMilliseconds: 1_000,
        stepMilliseconds: 0,
        microjoules: 1_600,
      }),
    );
    const { energies, windows } = play([...steps, ...ends]);
    assert.equal(windows[0]?.jobIds.length, 16);
    assert.equal(energies.get(jobIdOf(16))?.microjoules, null);
    assert.equal(energies.get(jobIdOf(15))?.microjoules, 200);
  });

  it('start anew at a clock that was set back by years', () => {
    const step = { event: { kind: 'cut' }, elapsedMilliseconds: 1_000, microjoules: 5 } as const;
    const { windows, state } = play([
      { ...step, stepMilliseconds: 0 },
      { ...step, stepMilliseconds: -2 * aheadMillisecondsMax },
      { ...step, stepMilliseconds: 0 },
    ]);
    assert.deepEqual(
      windows.map((window) => window.microjoules),
      [5, null, 5],
    );
    assert.ok((windows[2]?.t0 ?? 0) < (windows[0]?.t0 ?? 0));
    assert.equal(state.aheadMilliseconds, 0);
  });
});
