// The gateway's port to engines: hands out what is ready, places what is not, and stops handing
// out an engine that broke until its node has had a moment to say what became of it.
import type { NodeState } from '@salvage/contract';
import { SalvageError } from '@salvage/kit';
import type { NodeRecord } from '../cluster/state.ts';
import { engineIdOf } from '../cluster/wishes.ts';
import type { Engines, ReadyEngine } from '../gateway/ports.ts';
import type { ModelCard } from '../models/card.ts';
import { type AcquirePorts, acquirePlacement, type Standing } from './acquire.ts';
import type { EngineDoor } from './engine-door.ts';
import { engineOf, isGivenUp, type Placed } from './placements.ts';

export interface EnginesOptions extends Omit<AcquirePorts, 'standing'> {
  models: { get(modelId: string): ModelCard | null };
  door: EngineDoor;
  node(nodeId: string): NodeRecord | null;
}

export interface ClusterEngines extends Engines {
  /** A node said what it runs: what was held against it is settled. */
  heardState(nodeId: string, state: NodeState): void;
  /** Once a step: notes since when engines are failed. */
  noteFailures(): void;
}

/** A node that has not said otherwise this long after its engine broke is believed again. */
const brokenMilliseconds = 2_500;
/** Until a price or a measurement says better. */
const speedUnknown = { decodeTokensPerSecond: 5, promptTokensPerSecond: 20 };

export function createEngines(options: EnginesOptions): ClusterEngines {
  const { clock, placements } = options;
  const broken = new Map<string, number>();

  const standing = (placed: Placed): Standing => {
    const node = options.node(placed.candidate.head);
    if (node === null || node.status?.state !== 'awake') return { kind: 'gone' };
    if (node.drained) return { kind: 'gone' };
    const engine = engineOf(placed, node.state?.engines ?? []);
    const key = `${node.nodeId} ${engineIdOf(placed.card)}`;
    const brokenAt = broken.get(key);
    if (brokenAt !== undefined) {
      if (clock.monotonicMilliseconds() - brokenAt < brokenMilliseconds) return { kind: 'coming' };
      broken.delete(key);
    }
    if (engine === null || engine.modelSha256 !== placed.card.sha256) return { kind: 'coming' };
    if (engine.phase === 'ready') return { kind: 'ready' };
    if (engine.phase !== 'failed') return { kind: 'coming' };
    const now = clock.unixMilliseconds();
    const giveUp = isGivenUp(engine, placed.failedSince ?? now, now);
    return { kind: 'failed', problem: engine.problem ?? 'its engine failed', giveUp };
  };

  const handOut = (placed: Placed): ReadyEngine | null => {
    const hello = options.node(placed.candidate.head)?.hello;
    if (hello == null) return null;
    const engineId = engineIdOf(placed.card);
    const { price, candidate } = placed;
    return {
      nodeId: candidate.head,
      engineId,
      contextTokens: candidate.contextTokens,
      parallel: candidate.parallel,
      decodeTokensPerSecond:
        price?.decodeTokensPerSecond.value ?? speedUnknown.decodeTokensPerSecond,
      promptTokensPerSecond:
        price?.promptTokensPerSecond.value ?? speedUnknown.promptTokensPerSecond,
      complete: async function* (request, signal) {
        placed.jobsRunning += 1;
        try {
          yield* options.door.complete(hello, engineId, request, signal);
        } finally {
          placed.jobsRunning -= 1;
          placed.usedAt = clock.unixMilliseconds();
        }
      },
    };
  };

  const known = (modelId: string): ModelCard => {
    const card = options.models.get(modelId);
    if (card === null) throw new SalvageError('SLV_MODEL_UNKNOWN', `there is no model ${modelId}`);
    return card;
  };

  return {
    current: (modelId) => {
      const card = options.models.get(modelId);
      const placed = card === null ? null : placements.get(card.modelId);
      if (placed === null || standing(placed).kind !== 'ready') return null;
      return handOut(placed);
    },
    acquire: async (modelId, signal) => {
      const placed = await acquirePlacement(known(modelId), { ...options, standing }, signal);
      const ready = handOut(placed);
      if (ready === null)
        throw new SalvageError('SLV_NODE_LOST', `${placed.candidate.head} is gone`);
      return ready;
    },
    report: (engineId, nodeId, problem) => {
      options.log.warn('engine-broke', { engineId, nodeId, problem });
      broken.set(`${nodeId} ${engineId}`, clock.monotonicMilliseconds());
    },
    heardState: (nodeId, state) => {
      for (const engine of state.engines) {
        if (engine.phase !== 'ready') broken.delete(`${nodeId} ${engine.engineId}`);
      }
    },
    noteFailures: () => {
      for (const placed of placements.list()) {
        const engines = options.node(placed.candidate.head)?.state?.engines ?? [];
        const failed = engineOf(placed, engines)?.phase === 'failed';
        placed.failedSince = failed ? (placed.failedSince ?? clock.unixMilliseconds()) : null;
      }
    },
  };
}
