// What the planner says: desired (a retained document that one node reconciles towards),
// command (one act, answered once), its own status, and the placements in force.
import * as v from 'valibot';
import { EngineId, ModelId, NodeId, Sha256 } from '../ids.ts';
import { engineNames } from './node.ts';
import { Amount, Count, HealthWarning, Name, Text, Time, Version } from './shared.ts';

/** One engine that a node should run: a whole model now, a head or a worker of a gang later. */
export const EngineWish = v.object({
  engineId: EngineId,
  engine: v.picklist(engineNames),
  part: v.picklist(['whole', 'head', 'worker']),
  modelId: ModelId,
  modelSha256: Sha256,
  modelBytes: Count,
  contextTokens: Count,
  /** 0 leaves the count to the agent: its best measured one. */
  threads: Count,
  parallel: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(64)),
});
export type EngineWish = v.InferOutput<typeof EngineWish>;

export const NodeDesired = v.object({
  v: Version,
  /** Rises with every change; the agent's `state` says which one it has reached. */
  revision: Count,
  /** False while the node is drained: it runs no engine, whatever `engines` says. */
  work: v.boolean(),
  engines: v.pipe(v.array(EngineWish), v.maxLength(16)),
  /** Watts of a matching device profile, for the estimate meter; null: none matches. */
  wattsProfile: v.nullable(
    v.object({
      profileId: Name,
      idleWatts: Amount,
      loadWatts: Amount,
      relativeError: Amount,
      scope: v.picklist(['wall', 'dc']),
    }),
  ),
  /** The model store's base URL (HTTPS, mutual TLS), without a trailing slash. */
  storeUrl: v.nullable(Name),
});
export type NodeDesired = v.InferOutput<typeof NodeDesired>;

/** Every command: QoS 1, never retained, safe to repeat, worthless after `expiresAt`. */
export const Command = v.variant('kind', [
  v.object({ kind: v.literal('benchmark'), depth: v.picklist(['quick', 'full']) }),
  /** Round trip and bandwidth to one peer's tunnel port: one pair at a time. */
  v.object({
    kind: v.literal('measure-link'),
    peer: NodeId,
    addresses: v.pipe(v.array(Name), v.maxLength(8)),
    port: Count,
  }),
  v.object({ kind: v.literal('logs'), lines: v.pipe(Count, v.maxValue(200)) }),
  v.object({ kind: v.literal('evict-model'), modelSha256: Sha256 }),
  v.object({ kind: v.literal('rename'), name: Name }),
]);
export type Command = v.InferOutput<typeof Command>;

export const NodeCommand = v.object({
  v: Version,
  commandId: Name,
  expiresAt: Time,
  command: Command,
});
export type NodeCommand = v.InferOutput<typeof NodeCommand>;

export const PlannerStatus = v.object({
  v: Version,
  state: v.picklist(['online', 'offline']),
  instanceId: Name,
  version: Name,
  since: v.nullable(Time),
  warnings: v.pipe(v.array(HealthWarning), v.maxLength(64)),
});
export type PlannerStatus = v.InferOutput<typeof PlannerStatus>;

export const PlannerPlacements = v.object({
  v: Version,
  at: Time,
  placements: v.pipe(
    v.array(
      v.object({
        modelId: ModelId,
        kind: v.picklist(['whole', 'paged', 'split']),
        head: NodeId,
        workers: v.pipe(v.array(NodeId), v.maxLength(16)),
        contextTokens: Count,
        reason: Text,
      }),
    ),
    v.maxLength(100),
  ),
});
export type PlannerPlacements = v.InferOutput<typeof PlannerPlacements>;
