// place() with this cluster in it: profiles matched, failures remembered, memory that placements
// will take but have not yet. Pure but for the clock, which is an argument.
import type { NodeId } from '@salvage/contract';
import { engineIdOf } from './cluster/wishes.ts';
import type { PlannerConfig } from './config.ts';
import type { PlaceInputs } from './control/control.ts';
import type { DeviceProfile } from './cost/device-profile.ts';
import { memoryOf } from './cost/memory.ts';
import { type KnownDevice, matchProfile } from './cost/profiles.ts';
import type { ModelCard } from './models/card.ts';
import { place } from './placement/place.ts';
import type { PlaceAnswer } from './placement/types.ts';

export function placeWith(
  config: Pick<PlannerConfig, 'contextTokens' | 'speedFloorTokensPerSecond'>,
  profiles: readonly KnownDevice[],
  now: () => number,
): (card: ModelCard, inputs: PlaceInputs, contextTokens?: number) => PlaceAnswer {
  return (card, { cluster, placements }, contextTokens = config.contextTokens) => {
    const nodes = [...cluster.nodes.values()];
    const matched = new Map<NodeId, DeviceProfile>();
    for (const { nodeId, hello } of nodes) {
      const profile = hello === null ? null : matchProfile(hello.facts, profiles);
      if (profile !== null) matched.set(nodeId, profile);
    }
    const memoryTakenBytes = new Map<NodeId, number>();
    const ready = new Set<NodeId>();
    for (const placed of placements.list()) {
      const { head, contextTokens: context, parallel } = placed.candidate;
      const engineId = engineIdOf(placed.card);
      const engine = cluster.nodes
        .get(head)
        ?.state?.engines.find((one) => one.engineId === engineId);
      if (placed.card.modelId === card.modelId) {
        if (engine?.phase === 'ready') ready.add(head);
      } else if (engine?.phase === 'ready') {
        // Its weights are mapped, and the kernel counts mapped pages as available.
        memoryTakenBytes.set(head, (memoryTakenBytes.get(head) ?? 0) + placed.card.bytes);
      } else {
        const { totalBytes } = memoryOf(placed.card, { contextTokens: context, parallel });
        memoryTakenBytes.set(head, (memoryTakenBytes.get(head) ?? 0) + totalBytes);
      }
    }
    return place({
      model: card,
      contextTokens: Math.min(contextTokens, card.contextTokensMax),
      speedFloorTokensPerSecond: config.speedFloorTokensPerSecond,
      nodes,
      profiles: matched,
      memoryTakenBytes,
      ready,
      failed: placements.failuresOf(card.modelId, now()),
    });
  };
}
