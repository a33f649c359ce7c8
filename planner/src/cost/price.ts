// One candidate's price: what it needs and gives, every figure with its interval. Pure.
import type { NodeRecord } from '../cluster/state.ts';
import type { ModelCard } from '../models/card.ts';
import type { Candidate, Price } from '../placement/types.ts';
import type { DeviceProfile } from './device-profile.ts';
import { energyOf } from './energy.ts';
import { memoryOf } from './memory.ts';
import { speedOf } from './speed.ts';

/** Where no disk was measured: an SD card. */
const diskBytesPerSecondGuess = 40e6;
/** Starting the engine's process and its first allocation: 0.7 s measured, more on a board. */
const startSeconds = 1.5;
/** Share of a link's nominal speed that files travel at; a wireless one halves again. */
const linkShare = 0.8;
const linkMegabitsGuess = { wired: 100, wireless: 40, other: 40 } as const;

export interface PriceRequest {
  candidate: Candidate;
  model: ModelCard;
  /** The candidate's head. */
  node: NodeRecord;
  profile: DeviceProfile | null;
  /** What of its memory this engine may use. */
  memoryFreeBytes: number;
  /** True where exactly this engine already runs. */
  isRunning: boolean;
}

/** Null when the node has not said what it is. */
export function priceOf(request: PriceRequest): Price | null {
  const { candidate, model, node, profile } = request;
  const speed = speedOf(model, node, profile);
  if (speed === null || node.hello === null) return null;
  const { facts, benchmark } = node.hello;
  const threads = benchmark?.threadsBest || Math.max(1, facts.coresPhysical);
  return {
    decodeTokensPerSecond: speed.decode,
    promptTokensPerSecond: speed.prompt,
    loadSeconds: request.isRunning ? 0 : loadSecondsOf(model, node),
    memoryBytes: memoryOf(model, candidate).totalBytes,
    memoryFreeBytes: request.memoryFreeBytes,
    cpuSecondsPerToken: threads / speed.decode.value,
    ...energyOf(speed.decode, profile, machineOf(node)),
    basis: speed.basis,
  };
}

/** Fetch over the network where the file is not there, then read it from the disk. */
function loadSecondsOf(model: ModelCard, node: NodeRecord): number {
  const diskBytesPerSecond = node.hello?.benchmark?.diskBytesPerSecond || diskBytesPerSecondGuess;
  const isThere = hasModel(node, model);
  const fetchSeconds = isThere ? 0 : model.bytes / fetchBytesPerSecondOf(node);
  return startSeconds + model.bytes / diskBytesPerSecond + fetchSeconds;
}

export function hasModel(node: NodeRecord, model: Pick<ModelCard, 'sha256'>): boolean {
  return node.state?.cache.models.includes(model.sha256) ?? false;
}

/** By the fastest link that says its speed; what does not say is taken for a slow one. */
function fetchBytesPerSecondOf(node: NodeRecord): number {
  const speeds = (node.hello?.facts.network ?? []).map(
    ({ kind, speedMegabits }) =>
      (speedMegabits || linkMegabitsGuess[kind]) * (kind === 'wireless' ? 0.5 : 1),
  );
  const megabits = Math.max(10, ...speeds);
  return (megabits * 1e6 * linkShare) / 8;
}

/** The machine in words, for sentences. */
export function machineOf(node: NodeRecord): string {
  const facts = node.hello?.facts;
  const name = [facts?.machineVendor, facts?.machineProduct].filter(Boolean).join(' ');
  return name || facts?.cpuName || 'this machine';
}
