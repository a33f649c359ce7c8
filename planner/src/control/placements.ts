// The placements in force and what is known against them: which node runs which model, since
// when it was last used, and where an engine of a model failed lately. No I/O; time is an argument.
import type { EngineState, NodeId } from '@salvage/contract';
import { engineIdOf } from '../cluster/wishes.ts';
import { limits } from '../limits.ts';
import type { ModelCard } from '../models/card.ts';
import type { Candidate, Price } from '../placement/types.ts';

export interface Placed {
  candidate: Candidate;
  card: ModelCard;
  reason: string;
  /** Null for an engine that ran before this planner started. */
  price: Price | null;
  placedAt: number;
  usedAt: number;
  /** Answers at work through the gateway. */
  jobsRunning: number;
  /** When its engine was first seen failed, without being well since; null while it is well. */
  failedSince: number | null;
}

export interface Placements {
  get(modelId: string): Placed | null;
  list(): Placed[];
  set(placed: Placed): void;
  drop(modelId: string): void;
  /** Remembers that a node could not run a model, for a while. */
  rememberFailure(modelId: string, nodeId: NodeId, problem: string, now: number): void;
  failuresOf(modelId: string, now: number): Map<NodeId, string>;
}

export function createPlacements(): Placements {
  const placed = new Map<string, Placed>();
  const failures = new Map<
    string,
    { nodeId: NodeId; modelId: string; problem: string; until: number }
  >();
  return {
    get: (modelId) => placed.get(modelId) ?? null,
    list: () => [...placed.values()],
    set: (one) => {
      if (placed.size < limits.placementsMax) placed.set(one.card.modelId, one);
    },
    drop: (modelId) => placed.delete(modelId),
    rememberFailure: (modelId, nodeId, problem, now) => {
      for (const [key, failure] of failures) if (failure.until <= now) failures.delete(key);
      const until = now + limits.failedMilliseconds;
      failures.set(`${modelId} ${nodeId}`, { modelId, nodeId, problem, until });
    },
    failuresOf: (modelId, now) => {
      const own = [...failures.values()].filter(
        (one) => one.modelId === modelId && one.until > now,
      );
      return new Map(own.map(({ nodeId, problem }) => [nodeId, problem]));
    },
  };
}

/** The engine of a placement as its node reports it; null while the node has not said so. */
export function engineOf(placed: Placed, engines: readonly EngineState[]): EngineState | null {
  const engineId = engineIdOf(placed.card);
  return engines.find((engine) => engine.engineId === engineId) ?? null;
}

/** Engines start again by themselves; after this long, or this often, the place is given up. */
const failedMillisecondsMax = 8_000;
const restartsMax = 4;

/** True when a failed engine is not worth waiting for any more. */
export function isGivenUp(engine: EngineState, failedSince: number, now: number): boolean {
  return engine.restarts >= restartsMax || now - failedSince >= failedMillisecondsMax;
}

/**
 * The placement that makes room with the least harm: of those with no answer at work, the one
 * that was used longest ago. Null when every one is in use.
 */
export function leastUsed(placed: readonly Placed[], butNot: string): Placed | null {
  const idle = placed.filter((one) => one.jobsRunning === 0 && one.card.modelId !== butNot);
  return idle.sort((a, b) => a.usedAt - b.usedAt)[0] ?? null;
}
