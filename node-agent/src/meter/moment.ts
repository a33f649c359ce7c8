// Both clocks at one moment: the wall clock dates a window, the monotonic one measures it, and
// where they disagree the window is a gap.
import type { Clock } from '@salvage/kit';
import { limits } from '../limits.ts';

export interface Moment {
  unixMilliseconds: number;
  monotonicMilliseconds: number;
}

export function momentOf(clock: Clock): Moment {
  return {
    unixMilliseconds: clock.unixMilliseconds(),
    monotonicMilliseconds: clock.monotonicMilliseconds(),
  };
}

/**
 * True when the wall clock went on and the monotonic one did not (suspend), or when one of them was
 * set: nobody can say how long the machine drew its watts.
 */
export function isGap(before: Moment, now: Moment): boolean {
  const wall = now.unixMilliseconds - before.unixMilliseconds;
  const monotonic = now.monotonicMilliseconds - before.monotonicMilliseconds;
  return Math.abs(wall - monotonic) > limits.clockDisagreementMillisecondsMax || monotonic < 0;
}
