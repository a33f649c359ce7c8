// How fast a node is expected to run a model. Decoding is bound by the bytes that one token reads,
// so a measured speed on one model becomes one on another by their bytes; what was not measured
// gets an interval that says so. Pure.
import type { Benchmark, Facts, Interval } from '@salvage/contract';
import type { NodeRecord } from '../cluster/state.ts';
import type { ModelCard } from '../models/card.ts';
import type { DeviceProfile } from './device-profile.ts';
import { kvBytesPerToken } from './memory.ts';

export interface Speed {
  /** Tokens per second of one answer alone. */
  decode: Interval;
  prompt: Interval;
  basis: 'measured' | 'profile' | 'guess';
}

export type ModelWork = Pick<
  ModelCard,
  'bytesPerToken' | 'quant' | 'layers' | 'headsKv' | 'headSizeKey' | 'headSizeValue'
>;

/**
 * What a token costs besides its bytes: threads meet at the end of each layer, and sampling and
 * the way out of the engine take their time once. Small against anything but tiny models.
 */
const layerSeconds = 10e-6;
const tokenSeconds = 150e-6;
/** A context that is filled this far is read back for each token in the low end of the interval. */
const contextTokensRead = 2_048;

/** Factors around the expected speed. */
interface Spread {
  low: number;
  high: number;
}

/**
 * Null when the node has not said what it is. Effective bandwidth is the benchmark's
 * `decode × modelBytes` where there is one, else the profile's, else a careful guess by
 * instruction set.
 */
export function speedOf(
  model: ModelWork,
  node: Pick<NodeRecord, 'hello'>,
  profile: Pick<DeviceProfile, 'decodeBytesPerSecond' | 'relativeError'> | null,
): Speed | null {
  if (node.hello === null) return null;
  const { facts, benchmark } = node.hello;
  if (benchmark !== null && benchmark.decodeTokensPerSecond > 0 && benchmark.modelBytes > 0) {
    return measured(model, benchmark);
  }
  const known = profile?.decodeBytesPerSecond ?? null;
  const bytesPerSecond = known ?? guessBytesPerSecond(facts);
  const spread = known === null ? { low: 0.25, high: 2.5 } : { low: 0.6, high: 1.4 };
  const decode = decodeOf(model, bytesPerSecond, spread);
  return {
    decode,
    // Prompts ran 2.2 to 5.4 times as fast as answers on the machines of the bundled profiles.
    prompt: { value: decode.value * 3, low: decode.low * 2, high: decode.high * 5.5 },
    basis: known === null ? 'guess' : 'profile',
  };
}

function measured(model: ModelWork, benchmark: Benchmark): Speed {
  const spread = spreadOf(benchmark, model.quant);
  const bytesPerSecond = benchmark.decodeTokensPerSecond * benchmark.modelBytes;
  const decode = decodeOf(model, bytesPerSecond, spread);
  // Prompts are bound by arithmetic, which grows with the weights as well.
  const promptBytesPerSecond = benchmark.promptTokensPerSecond * benchmark.modelBytes;
  const prompt =
    promptBytesPerSecond > 0
      ? decodeOf(model, promptBytesPerSecond, { low: spread.low * 0.7, high: spread.high * 1.3 })
      : { value: decode.value, low: decode.low, high: decode.high * 5.5 };
  return { decode, prompt, basis: 'measured' };
}

/** How far a prediction from this benchmark may be off. */
function spreadOf(benchmark: Benchmark, quant: string): Spread {
  const isThrottled = benchmark.throttled === true ? 0.1 : 0;
  const isOtherQuant = benchmark.modelQuant === quant ? 0 : 0.1;
  const error = (benchmark.kind === 'full' ? 0.15 : 0.3) + isOtherQuant + isThrottled;
  // A model that lay in the cache was read faster than memory can: the truth may be far below.
  const low = benchmark.modelExceedsCache ? 1 - error : Math.min(0.35, 1 - error);
  return { low, high: 1 + error };
}

function decodeOf(model: ModelWork, bytesPerSecond: number, spread: Spread): Interval {
  const overheadSeconds = tokenSeconds + model.layers * layerSeconds;
  const kvBytes = contextTokensRead * kvBytesPerToken(model);
  const speed = (bytes: number, bandwidth: number): number =>
    1 / (bytes / bandwidth + overheadSeconds);
  return {
    value: speed(model.bytesPerToken, bytesPerSecond),
    low: speed(model.bytesPerToken + kvBytes, bytesPerSecond * spread.low),
    high: speed(model.bytesPerToken, bytesPerSecond * spread.high),
  };
}

/** Bytes of weights a second, by flag; the low end of the bundled profiles with that flag. */
const guesses: readonly { flag: string; bytesPerSecond: number }[] = [
  { flag: 'avx2', bytesPerSecond: 10e9 },
  { flag: 'avx', bytesPerSecond: 6e9 },
  { flag: 'asimddp', bytesPerSecond: 8e9 },
  { flag: 'asimd', bytesPerSecond: 1.2e9 },
];
const slowestBytesPerSecond = 0.8e9;

function guessBytesPerSecond(facts: Pick<Facts, 'cpuFlags' | 'coresPhysical'>): number {
  const found = guesses.find(({ flag }) => facts.cpuFlags.includes(flag));
  const share = facts.coresPhysical <= 1 ? 0.5 : 1;
  return (found?.bytesPerSecond ?? slowestBytesPerSecond) * share;
}
