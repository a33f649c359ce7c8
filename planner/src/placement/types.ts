// The final interface of placement. What is chosen, what it is predicted to cost, and why each
// other candidate lost: a price or a refusal, as data.
import type { EngineName, Interval, ModelId, NodeId } from '@salvage/contract';
import type { NodeRecord } from '../cluster/state.ts';
import type { DeviceProfile } from '../cost/device-profile.ts';
import type { ModelCard } from '../models/card.ts';

/** One way to run one model variant. */
export interface Candidate {
  kind: 'whole' | 'paged' | 'split';
  modelId: ModelId;
  head: NodeId;
  workers: NodeId[];
  /** Layers per node, head first, for splits; empty for whole models. */
  layers: number[];
  engine: EngineName;
  contextTokens: number;
  parallel: number;
  threads: number;
}

/** What a candidate is predicted to need and give. Every figure with its unit and interval. */
export interface Price {
  decodeTokensPerSecond: Interval;
  promptTokensPerSecond: Interval;
  /** Seconds until the engine is ready, 0 where it already is. */
  loadSeconds: number;
  memoryBytes: number;
  memoryFreeBytes: number;
  cpuSecondsPerToken: number;
  /** Null where no meter, calibration or profile gives watts. */
  joulesPerToken: Interval | null;
  joulesNullBecause: string | null;
  basis: 'measured' | 'profile' | 'guess';
}

export const refusalCodes = [
  'memory',
  'speed-floor',
  'drained',
  'not-awake',
  'no-engine',
  'context',
  'disk',
  'address-bits',
  'failed-before',
  'no-nodes',
] as const;
export type RefusalCode = (typeof refusalCodes)[number];

/** Why a candidate is not possible, in words and as data. */
export interface Refusal {
  nodeId: NodeId | null;
  code: RefusalCode;
  text: string;
}

export interface Considered {
  candidate: Candidate;
  price: Price;
}

export interface PlaceRequest {
  model: ModelCard;
  contextTokens: number;
  speedFloorTokensPerSecond: number;
  nodes: readonly NodeRecord[];
  /** Profile of each node where one matches. */
  profiles: ReadonlyMap<NodeId, DeviceProfile>;
  /** Memory that other placements will hold on each node, bytes. */
  memoryTakenBytes: ReadonlyMap<NodeId, number>;
  /** Engines of this model that already run: moving costs, staying does not. */
  ready: ReadonlySet<NodeId>;
  /** Nodes where this model's engine failed lately, with the reason. */
  failed: ReadonlyMap<NodeId, string>;
}

export type PlaceAnswer =
  | { ok: true; winner: Considered; runnersUp: Considered[]; refusals: Refusal[]; because: string }
  | { ok: false; refusals: Refusal[] };
