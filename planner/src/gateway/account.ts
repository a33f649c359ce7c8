// One account of an answer that several engines may have worked on, pure. Times are what the
// engines' own clocks said; joules are summed only where every part has them and they can be added
// (design: scopes are never added), else they are null with a reason.
import type { JobEnergy, NodeId, Timings } from '@salvage/contract';

/** One engine's part of an answer; null where it ended without an account. */
export interface Part {
  nodeId: NodeId;
  timings: Timings | null;
  energy: JobEnergy | null;
}

export interface EnergyAccount {
  energy: JobEnergy | null;
  /** Null when there are joules. */
  nullBecause: string | null;
}

/**
 * Timings summed over the parts that gave them, null when none did. CPU seconds are null as soon
 * as one part's are unknown: the sum would be too small.
 */
export function sumTimings(parts: readonly Part[]): Timings | null {
  const given = parts.flatMap((part) => (part.timings === null ? [] : [part.timings]));
  if (given.length === 0) return null;
  const sum = (amountOf: (timings: Timings) => number): number =>
    given.reduce((total, timings) => total + amountOf(timings), 0);
  const cpuKnown = given.length === parts.length && given.every((t) => t.cpuSeconds !== null);
  return {
    promptTokens: sum((t) => t.promptTokens),
    cachedTokens: sum((t) => t.cachedTokens),
    promptMilliseconds: sum((t) => t.promptMilliseconds),
    outputTokens: sum((t) => t.outputTokens),
    outputMilliseconds: sum((t) => t.outputMilliseconds),
    cpuSeconds: cpuKnown ? sum((t) => t.cpuSeconds ?? 0) : null,
  };
}

/** Energy of all parts together. The relative error is that of parts that err the same way. */
export function sumEnergy(parts: readonly Part[]): EnergyAccount {
  const energies: JobEnergy[] = [];
  for (const part of parts) {
    const missing = whyMissing(part);
    if (missing !== null) {
      const prefix = parts.length > 1 ? 'a part of the answer has no joules: ' : '';
      return { energy: null, nullBecause: `${prefix}${missing}` };
    }
    if (part.energy !== null) energies.push(part.energy);
  }
  const [first, ...others] = energies;
  if (first === undefined) return { energy: null, nullBecause: 'no engine worked on it' };
  if (others.length === 0) return { energy: first, nullBecause: null };
  if (others.some((other) => other.scope !== first.scope || other.method !== first.method)) {
    return {
      energy: null,
      nullBecause: 'its parts were metered in different ways, and such joules are never added',
    };
  }
  const total = energies.reduce((sum, energy) => sum + (energy.microjoules ?? 0), 0);
  return {
    nullBecause: null,
    energy: {
      microjoules: total,
      method: first.method,
      scope: first.scope,
      quality: worstQuality(energies),
      relativeError: weightedError(energies, total),
      source: [...new Set(energies.map((energy) => energy.source))].join(' + ').slice(0, 200),
    },
  };
}

function whyMissing(part: Part): string | null {
  if (part.energy === null) return `${part.nodeId} gave no account of its work`;
  if (part.energy.microjoules !== null) return null;
  return `no meter is read on ${part.nodeId} yet, and no device profile matches it; either would give a figure`;
}

function worstQuality(energies: readonly JobEnergy[]): JobEnergy['quality'] {
  for (const quality of [null, 'estimated', 'calibrated'] as const) {
    if (energies.some((energy) => energy.quality === quality)) return quality;
  }
  return 'measured';
}

function weightedError(energies: readonly JobEnergy[], total: number): number | null {
  if (energies.some((energy) => energy.relativeError === null)) return null;
  if (total === 0) return Math.max(...energies.map((energy) => energy.relativeError ?? 0));
  const absolute = energies.reduce(
    (sum, energy) => sum + (energy.microjoules ?? 0) * (energy.relativeError ?? 0),
    0,
  );
  return absolute / total;
}
