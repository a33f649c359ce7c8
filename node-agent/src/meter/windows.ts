// (state, event, reading) -> state and the window that the event closed. Pure. Time is one line cut
// at the edges of jobs and of overhead: windows touch, never overlap, and leave no hole. Each
// belongs to the jobs it names, to overhead, or to idle, so that nothing is counted twice.
import { strict as assert } from 'node:assert';
import type { EnergyReading, JobEnergy } from '@salvage/contract';
import { limits } from '../limits.ts';
import { addToJob, emptyShare, energyOfJob, type JobShare, shareOut } from './job-share.ts';
import type { MeterKind } from './meter.ts';
import { isGap, type Moment } from './moment.ts';

/** What was read at a moment; microjoules are those since the cut before. */
export interface Reading extends Moment {
  microjoules: number | null;
  /** Null without a meter. */
  kind: MeterKind | null;
  /** A counter, seconds; null when it cannot be read. */
  engineCpuSeconds: number | null;
}

export type WindowEvent =
  | { kind: 'job-started'; jobId: string }
  | { kind: 'job-ended'; jobId: string }
  | { kind: 'overhead-started' }
  | { kind: 'overhead-ended' }
  /** The window has become long enough, or its meter changes. */
  | { kind: 'cut' };

export interface WindowState {
  /** Both clocks where the open window begins; `unixMilliseconds` as the clock showed it. */
  opened: Moment;
  /** Start of the open window on the line of windows, milliseconds since 1970. */
  t0: number;
  /** How far the line is ahead of a wall clock that was set back; 0 mostly. */
  aheadMilliseconds: number;
  engineCpuSeconds: number | null;
  /** Running jobs in order of their start. */
  jobs: readonly JobShare[];
  overheadDepth: number;
}

interface WindowStep {
  state: WindowState;
  window: EnergyReading | null;
  /** The figure of the job that ended with this event. */
  ended: JobEnergy | null;
}

/** Jobs that are followed at once; one more gets no figure. */
const jobsFollowedMax = 256;
/**
 * A clock set back further than this had misdated what went before: the line starts anew at it,
 * rather than dating everything wrongly from then on.
 */
export const aheadMillisecondsMax = 3_600_000;

export function openWindow(now: Moment, engineCpuSeconds: number | null): WindowState {
  return {
    opened: now,
    t0: Math.max(0, Math.floor(now.unixMilliseconds)),
    aheadMilliseconds: 0,
    engineCpuSeconds,
    jobs: [],
    overheadDepth: 0,
  };
}

/** False while the open window is shorter than the line's millisecond: then nothing is read. */
export function canClose(state: WindowState, now: Moment): boolean {
  return endOf(state, now) > state.t0;
}

/**
 * Takes in one event. `reading` is null when `canClose` says no: the event then changes to whom
 * the open window, which holds nothing yet, will belong.
 */
export function advance(
  state: WindowState,
  event: WindowEvent,
  reading: Reading | null,
): WindowStep {
  const closed =
    reading === null ? { state, window: null } : closeWindow(state, reading, endOf(state, reading));
  return { ...react(closed.state, event), window: closed.window };
}

function closeWindow(
  state: WindowState,
  reading: Reading,
  t1: number,
): { state: WindowState; window: EnergyReading } {
  assert.ok(t1 > state.t0, 'a window has a length');
  const { kind } = reading;
  const known = kind !== null && !isGap(state.opened, reading);
  const microjoules = known ? reading.microjoules : null;
  const named = state.jobs.slice(0, limits.jobsPerReadingMax);
  const window: EnergyReading = {
    t0: state.t0,
    t1,
    microjoules,
    cpuSeconds: secondsBetween(state.engineCpuSeconds, reading.engineCpuSeconds),
    method: kind?.method ?? null,
    scope: kind?.scope ?? null,
    quality: kind?.quality ?? null,
    relativeError: kind?.relativeError ?? null,
    source: kind?.source ?? 'none',
    spentOn: named.length > 0 ? 'job' : state.overheadDepth > 0 ? 'overhead' : 'idle',
    jobIds: named.map((job) => job.jobId),
  };
  const shares = microjoules === null ? null : shareOut(microjoules, named.length);
  const wall = Math.floor(reading.unixMilliseconds);
  const misdated = t1 - wall > aheadMillisecondsMax;
  const next: WindowState = {
    ...state,
    opened: {
      unixMilliseconds: reading.unixMilliseconds,
      monotonicMilliseconds: reading.monotonicMilliseconds,
    },
    t0: misdated ? Math.max(0, wall) : t1,
    aheadMilliseconds: misdated ? 0 : Math.max(0, t1 - wall),
    engineCpuSeconds: reading.engineCpuSeconds,
    // A job that the window has no room to name gets nothing of it, and so no figure.
    jobs: state.jobs.map((job, index) => addToJob(job, shares?.[index] ?? null, kind)),
  };
  return { state: next, window };
}

/**
 * Where the open window ends on the line. A clock that was set forward is followed at once. One
 * that was set back is followed as far as the window reaches; beyond that the line runs on by the
 * monotonic clock, ahead of the wall clock, because windows must not overlap.
 */
function endOf(state: WindowState, now: Moment): number {
  const wall = Math.floor(now.unixMilliseconds);
  if (!isGap(state.opened, now)) return Math.max(state.t0, wall + state.aheadMilliseconds);
  if (wall > state.t0) return wall;
  const elapsed = now.monotonicMilliseconds - state.opened.monotonicMilliseconds;
  return state.t0 + Math.max(0, Math.floor(elapsed));
}

function react(
  state: WindowState,
  event: WindowEvent,
): { state: WindowState; ended: JobEnergy | null } {
  const { jobs, overheadDepth } = state;
  switch (event.kind) {
    case 'job-started': {
      const known = jobs.some((job) => job.jobId === event.jobId);
      if (known || jobs.length >= jobsFollowedMax) return { state, ended: null };
      return { state: { ...state, jobs: [...jobs, emptyShare(event.jobId)] }, ended: null };
    }
    case 'job-ended': {
      const job = jobs.find((running) => running.jobId === event.jobId);
      if (job === undefined) return { state, ended: null };
      return {
        state: { ...state, jobs: jobs.filter((running) => running !== job) },
        ended: energyOfJob(job),
      };
    }
    case 'overhead-started':
      return { state: { ...state, overheadDepth: overheadDepth + 1 }, ended: null };
    case 'overhead-ended':
      return { state: { ...state, overheadDepth: Math.max(0, overheadDepth - 1) }, ended: null };
    case 'cut':
      return { state, ended: null };
  }
}

/** Difference of two counter readings to the millisecond; null unless both are known and it rose. */
function secondsBetween(before: number | null, after: number | null): number | null {
  if (before === null || after === null || after < before) return null;
  return Math.round((after - before) * 1_000) / 1_000;
}
