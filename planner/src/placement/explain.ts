// Placement in words: the winner, the runner-up and why, and why each other node lost. Numbers
// carry their unit, estimates their interval and the mark E. Pure.
import type { Interval } from '@salvage/contract';
import { assumedWattsOf, stayingFactor } from './rank.ts';
import type { Considered, PlaceAnswer, PlaceRequest, Price } from './types.ts';

const scope = 'over these candidates, under this cost model';

/** Several lines, without a newline at the end. */
export function explain(answer: PlaceAnswer): string {
  const lost = answer.refusals.map(
    ({ nodeId, code, text }) => `  ${nodeId ?? 'cluster'}: no (${code}): ${text}`,
  );
  if (!answer.ok) return ['no node can run it:', ...lost].join('\n');
  const { winner, runnersUp } = answer;
  const { modelId, contextTokens, engine } = winner.candidate;
  const others = runnersUp.map((other) => `  ${lineOf(other)}`);
  return [
    `${modelId} goes to ${winner.candidate.head} (${engine}, context ${contextTokens}), ${scope}`,
    `  ${lineOf(winner)}`,
    `because ${answer.because}`,
    ...(others.length > 0 ? ['would also do, best first:', ...others] : []),
    ...(lost.length > 0 ? ['cannot:', ...lost] : []),
  ].join('\n');
}

/** Why the winner won, in one sentence without a full stop. */
export function becauseOf(
  winner: Considered,
  runnersUp: readonly Considered[],
  request: Pick<PlaceRequest, 'nodes' | 'ready'>,
): string {
  const [second] = runnersUp;
  if (second === undefined) return 'it is the only node that can run it';
  const [mine, theirs] = [winner.price.joulesPerToken, second.price.joulesPerToken];
  const name = second.candidate.head;
  const staying =
    request.ready.has(winner.candidate.head) && !request.ready.has(name)
      ? `; it is ready there, which counts for ${percent(1 - stayingFactor)}`
      : '';
  if (winner.candidate.contextTokens > second.candidate.contextTokens) {
    const shorter = second.candidate.contextTokens;
    return `it has memory for a context of ${winner.candidate.contextTokens}, ${name} for ${shorter}`;
  }
  if (mine !== null && theirs !== null) {
    return `it takes ${joules(mine)} a token where ${name} takes ${joules(theirs)}${staying}`;
  }
  const speeds = `${speed(winner.price)} against ${speed(second.price)} of ${name}`;
  const assumed = [winner, second]
    .filter(({ price }) => price.joulesPerToken === null)
    .map(({ candidate }) => {
      const node = request.nodes.find(({ nodeId }) => nodeId === candidate.head);
      return `${candidate.head} as if it drew ${assumedWattsOf(node)} W`;
    })
    .join(' and ');
  return `${speeds}, ranked with ${assumed}, the middle of known machines of its kind${staying}`;
}

function lineOf({ candidate, price }: Considered): string {
  const energy =
    price.joulesPerToken === null
      ? `no joule figure (${price.joulesNullBecause}), ${number(price.cpuSecondsPerToken)} CPU s/token`
      : `${joules(price.joulesPerToken)} a token`;
  const load = price.loadSeconds === 0 ? 'ready now' : `ready in ${seconds(price.loadSeconds)}`;
  const memory = `${megabytes(price.memoryBytes)} of ${megabytes(price.memoryFreeBytes)} free`;
  return `${candidate.head}: ${speed(price)} (${price.basis}), ${energy}, ${memory}, context ${candidate.contextTokens}, ${load}`;
}

function speed(price: Price): string {
  return `${range(price.decodeTokensPerSecond)} tokens/s`;
}

/** Every joule of placement comes from a profile's watts: an estimate. */
function joules(interval: Interval): string {
  return `${range(interval)} J E`;
}

function range({ value, low, high }: Interval): string {
  return `${number(value)} (${number(low)} to ${number(high)})`;
}

export function perSecond(tokensPerSecond: number): string {
  return `${number(tokensPerSecond)} tokens/s`;
}

export function megabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${Math.round(bytes / 1e6)} MB`;
}

function seconds(value: number): string {
  return value >= 120 ? `${Math.round(value / 60)} min` : `${Math.ceil(value)} s`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Two significant digits below a hundred. */
function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(2)));
}
