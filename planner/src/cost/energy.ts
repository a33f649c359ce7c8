// Joules of one token, from a device profile's watts and a speed. Both are intervals and so is the
// answer; without watts there is no figure and the reason is said. Pure.
import type { Interval } from '@salvage/contract';
import type { DeviceProfile } from './device-profile.ts';

export type EnergyOfToken =
  | { joulesPerToken: Interval; joulesNullBecause: null }
  | { joulesPerToken: null; joulesNullBecause: string };

/**
 * Load watts ÷ tokens per second: all that the machine draws while it decodes, its idle share
 * included (estimated, scope as the profile's). Low is low watts at the highest speed, high the
 * other way round.
 */
export function energyOf(
  decode: Interval,
  profile: DeviceProfile | null,
  machine: string,
): EnergyOfToken {
  if (profile === null) {
    return {
      joulesPerToken: null,
      joulesNullBecause: `no meter, and no device profile matches ${machine}`,
    };
  }
  const { loadWatts, relativeError } = profile;
  return {
    joulesPerToken: {
      value: loadWatts / decode.value,
      low: (loadWatts * (1 - relativeError)) / decode.high,
      high: (loadWatts * (1 + relativeError)) / decode.low,
    },
    joulesNullBecause: null,
  };
}
