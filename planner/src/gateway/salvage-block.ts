// The block that says what an answer cost, pure: the same in every dialect. Joules are shown with
// their interval, and estimates with the mark E; without joules the reason stands in their place.
import { intervalOf, type JobEnergy, joulesOf, type Timings } from '@salvage/contract';
import type { AnswerEnd } from './answer.ts';

export interface EnergyBlock {
  joules: number;
  joules_low: number | null;
  joules_high: number | null;
  method: string | null;
  scope: string | null;
  quality: string | null;
  relative_error: number | null;
  source: string;
  /** `E`: an estimate, not a measurement. */
  mark: 'E' | null;
}

export interface TimingsBlock {
  prompt_tokens: number;
  cached_tokens: number;
  prompt_seconds: number;
  output_tokens: number;
  output_seconds: number;
  tokens_per_second: number | null;
}

export interface SalvageBlock {
  job_id: string;
  node: string | null;
  cpu_seconds: number | null;
  energy: EnergyBlock | null;
  energy_null_because: string | null;
  timings: TimingsBlock | null;
  replays: number;
  notice: string | null;
}

export function salvageBlock(end: AnswerEnd): SalvageBlock {
  return {
    job_id: end.jobId,
    node: end.nodeId,
    cpu_seconds: end.timings?.cpuSeconds ?? null,
    energy: energyBlock(end.energy),
    energy_null_because: end.energyNullBecause,
    timings: timingsBlock(end.timings),
    replays: end.replays,
    notice: end.notice,
  };
}

/** `joules=1.5;low=1.2;high=1.8;method=counter;scope=package;quality=measured`, for a header. */
export function energyHeader(block: SalvageBlock): string | null {
  const { energy } = block;
  if (energy === null) return null;
  const { joules, joules_low, joules_high, method, scope, quality, mark } = energy;
  const fields = { joules, low: joules_low, high: joules_high, method, scope, quality, mark };
  return Object.entries(fields)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${value}`)
    .join(';');
}

function energyBlock(energy: JobEnergy | null): EnergyBlock | null {
  if (energy === null || energy.microjoules === null) return null;
  const joules = joulesOf(energy.microjoules);
  const interval = energy.relativeError === null ? null : intervalOf(joules, energy.relativeError);
  return {
    joules,
    joules_low: interval === null ? null : Math.max(0, interval.low),
    joules_high: interval?.high ?? null,
    method: energy.method,
    scope: energy.scope,
    quality: energy.quality,
    relative_error: energy.relativeError,
    source: energy.source,
    mark: energy.quality === 'estimated' ? 'E' : null,
  };
}

function timingsBlock(timings: Timings | null): TimingsBlock | null {
  if (timings === null) return null;
  const outputSeconds = timings.outputMilliseconds / 1000;
  return {
    prompt_tokens: timings.promptTokens,
    cached_tokens: timings.cachedTokens,
    prompt_seconds: timings.promptMilliseconds / 1000,
    output_tokens: timings.outputTokens,
    output_seconds: outputSeconds,
    tokens_per_second: outputSeconds > 0 ? timings.outputTokens / outputSeconds : null,
  };
}
