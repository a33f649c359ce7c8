// (placements, cluster) -> what each node should run; and the way back after a restart: running
// engines -> placements. Pure.
import { type EngineWish, type NodeDesired, wireVersion } from '@salvage/contract';
import type { DeviceProfile } from '../cost/device-profile.ts';
import type { ModelCard } from '../models/card.ts';
import type { Candidate } from '../placement/types.ts';
import type { NodeRecord } from './state.ts';

/** `qwen3-0.6b:q8_0` -> `qwen3-0-6b-q8-0-1a2b3c4d`: an engine id names model and exact file. */
export function engineIdOf(card: Pick<ModelCard, 'modelId' | 'sha256'>): string {
  const name = card.modelId.replace(/[^a-z0-9]+/g, '-').slice(0, 48);
  return `${name}-${card.sha256.slice(0, 8)}`;
}

export function wishOf(candidate: Candidate, card: ModelCard): EngineWish {
  return {
    engineId: engineIdOf(card),
    engine: candidate.engine,
    part: 'whole',
    modelId: card.modelId,
    modelSha256: card.sha256,
    modelBytes: card.bytes,
    contextTokens: candidate.contextTokens,
    threads: candidate.threads,
    parallel: candidate.parallel,
  };
}

/** The document of one node, without its revision. */
export function desiredOf(options: {
  node: NodeRecord;
  placements: readonly { candidate: Candidate; card: ModelCard }[];
  profile: DeviceProfile | null;
  storeUrl: string;
}): Omit<NodeDesired, 'revision'> {
  const { node, placements, profile } = options;
  return {
    v: wireVersion,
    work: !node.drained,
    engines: placements
      .filter(({ candidate }) => candidate.head === node.nodeId)
      .map(({ candidate, card }) => wishOf(candidate, card)),
    wattsProfile:
      profile === null
        ? null
        : {
            profileId: profile.profileId,
            idleWatts: profile.idleWatts,
            loadWatts: profile.loadWatts,
            relativeError: profile.relativeError,
            scope: profile.scope,
          },
    storeUrl: options.storeUrl,
  };
}

/** Engines that a node already runs of models that the store holds: a restarted planner keeps them. */
export function adoptable(
  node: NodeRecord,
  cards: readonly ModelCard[],
): { candidate: Candidate; card: ModelCard }[] {
  return (node.state?.engines ?? []).flatMap((engine) => {
    const card = cards.find((known) => known.sha256 === engine.modelSha256);
    if (card === undefined || engine.phase === 'failed' || engine.phase === 'stopping') return [];
    const candidate: Candidate = {
      kind: 'whole',
      modelId: card.modelId,
      head: node.nodeId,
      workers: [],
      layers: [],
      engine: engine.engine,
      contextTokens: engine.contextTokens,
      parallel: 1,
      threads: 0,
    };
    return [{ candidate, card }];
  });
}
