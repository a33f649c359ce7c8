// The meter of a machine that has none: watts between a profile's idle and load figures, by how
// busy all cores were. The line is deliberately straight: fitted curves of higher degree run wild
// outside the points they were fitted to. Honest only with its profile's error beside it.
import type { NodeDesired } from '@salvage/contract';
import type { Clock } from '@salvage/kit';
import type { CpuTicks } from '../facts/vitals.ts';
import type { Meter, MeterKind } from './meter.ts';
import { isGap, type Moment, momentOf } from './moment.ts';

export type WattsProfile = NonNullable<NodeDesired['wattsProfile']>;

export interface EstimateMeterOptions {
  profile: WattsProfile;
  /** Busy and total time of all cores since boot; null when it cannot be read. */
  readTicks(): CpuTicks | null;
  clock: Clock;
}

/** The contract's bound of a source's name. */
const sourceCharactersMax = 200;

/** `watts = idle + (load - idle) x busy share of all cores`; null across a gap. */
export function createEstimateMeter(options: EstimateMeterOptions): Meter {
  const { profile, clock } = options;
  let last: (Moment & { ticks: CpuTicks }) | null = null;
  let shareBefore = 0;

  const joulesSinceLast = (): number | null => {
    const now = momentOf(clock);
    const ticks = options.readTicks();
    const before = last;
    last = ticks === null ? null : { ...now, ticks };
    if (ticks === null || before === null || isGap(before, now)) return null;

    const busy = ticks.busy - before.ticks.busy;
    const total = ticks.total - before.ticks.total;
    if (busy < 0 || total < 0) return null;
    // A window shorter than a tick says nothing of its share: it is taken to be like the one before.
    if (total > 0) shareBefore = Math.min(1, busy / total);
    const seconds = (now.monotonicMilliseconds - before.monotonicMilliseconds) / 1_000;
    return seconds * wattsAt(profile, shareBefore);
  };

  return { kind: kindOf(profile), joulesSinceLast } satisfies Meter;
}

/** Watts at a busy share of 0 to 1. */
function wattsAt(profile: Pick<WattsProfile, 'idleWatts' | 'loadWatts'>, share: number): number {
  return profile.idleWatts + (profile.loadWatts - profile.idleWatts) * share;
}

function kindOf(profile: WattsProfile): MeterKind {
  return {
    method: 'model',
    scope: profile.scope,
    quality: 'estimated',
    relativeError: profile.relativeError,
    source: `profile ${profile.profileId}`.slice(0, sourceCharactersMax),
  };
}
