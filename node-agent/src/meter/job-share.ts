// What one job has spent so far: its shares of the windows it ran in. Where several jobs share a
// window each gets an equal part of it, to the microjoule, so that the parts sum to the whole.
import { strict as assert } from 'node:assert';
import type { JobEnergy } from '@salvage/contract';
import type { MeterKind } from './meter.ts';

export interface JobShare {
  readonly jobId: string;
  readonly windowsCount: number;
  /** Null from the first window on that was a gap, had no meter or cannot be added. */
  readonly microjoules: number | null;
  readonly kind: MeterKind | null;
}

export function emptyShare(jobId: string): JobShare {
  return { jobId, windowsCount: 0, microjoules: 0, kind: null };
}

/** Splits integer microjoules into `count` equal parts; the first gets what does not divide. */
export function shareOut(microjoules: number, count: number): number[] {
  if (count === 0) return [];
  const each = Math.floor(microjoules / count);
  const shares = Array.from({ length: count }, (_, index) =>
    index === 0 ? microjoules - each * (count - 1) : each,
  );
  assert.equal(
    shares.reduce((sum, share) => sum + share, 0),
    microjoules,
  );
  return shares;
}

/** Adds one window's share; null microjoules make the whole figure unknown. */
export function addToJob(
  job: JobShare,
  microjoules: number | null,
  kind: MeterKind | null,
): JobShare {
  const joined = job.windowsCount === 0 ? kind : joinKinds(job.kind, kind);
  const known = joined !== null && job.microjoules !== null && microjoules !== null;
  return {
    jobId: job.jobId,
    windowsCount: job.windowsCount + 1,
    microjoules: known ? (job.microjoules ?? 0) + (microjoules ?? 0) : null,
    kind: joined,
  };
}

/** The figure of a job that has ended. One too short for a window is unknown, not 0. */
export function energyOfJob(job: JobShare): JobEnergy {
  const { kind } = job;
  return {
    microjoules: job.windowsCount === 0 ? null : job.microjoules,
    method: kind?.method ?? null,
    scope: kind?.scope ?? null,
    quality: kind?.quality ?? null,
    relativeError: kind?.relativeError ?? null,
    source: kind?.source ?? 'none',
  };
}

/** Best first: a sum is as good as its worst part. */
const qualities: readonly MeterKind['quality'][] = ['measured', 'calibrated', 'estimated'];

/**
 * The kind of a sum over two kinds of reading, null when they must not be added: scopes never are,
 * nor what was obtained in different ways.
 */
function joinKinds(sum: MeterKind | null, next: MeterKind | null): MeterKind | null {
  if (sum === null || next === null) return null;
  if (sum.scope !== next.scope || sum.method !== next.method) return null;
  const worst = Math.max(qualities.indexOf(sum.quality), qualities.indexOf(next.quality));
  return {
    ...next,
    quality: qualities[worst] ?? 'estimated',
    relativeError: Math.max(sum.relativeError, next.relativeError),
  };
}
