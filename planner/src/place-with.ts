// place() with this cluster in it: profiles matched, failures remembered, memory that placements
// will take but have not yet. Pure but for the clock, which is an argument.
import type { NodeId } from '@salvage/contract';
import type { NodeRecord } from './cluster/state.ts';
import { engineIdOf } from './cluster/wishes.ts';
import type { PlannerConfig } from './config.ts';
import type { PlaceInputs } from './control/control.ts';
import type { DeviceProfile } from './cost/device-profile.ts';
import { memoryOf } from './cost/memory.ts';
import { type KnownDevice, matchProfile } from './cost/profiles.ts';
import type { ModelCard } from './models/card.ts';
import { place } from './placement/place.ts';
import type { PlaceAnswer } from './placement/types.ts';

/** `without`: models that are thought away, to see whether unloading them would help. */
export type PlaceHere = (
  card: ModelCard,
  inputs: PlaceInputs,
  contextTokens?: number,
  without?: ReadonlySet<string>,
) => PlaceAnswer;

export function placeWith(
  config: Pick<PlannerConfig, 'contextTokens' | 'speedFloorTokensPerSecond'>,
  profiles: readonly KnownDevice[],
  now: () => number,
): PlaceHere {
  return (card, inputs, contextTokens = config.contextTokens, without = new Set()) => {
    const { cluster, placements } = inputs;
    const givenBack = new Map<NodeId, number>();
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
      if (without.has(placed.card.modelId)) {
        if (engine?.phase !== 'ready') continue;
        // Its weights count as available already; cache and buffers come back with its end.
        const { totalBytes } = memoryOf(placed.card, { contextTokens: context, parallel });
        const own = Math.max(0, totalBytes - placed.card.bytes);
        givenBack.set(head, (givenBack.get(head) ?? 0) + own);
      } else if (placed.card.modelId === card.modelId) {
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
      nodes: nodes.map((node) => withMemory(node, givenBack.get(node.nodeId) ?? 0)),
      profiles: matched,
      memoryTakenBytes,
      ready,
      failed: placements.failuresOf(card.modelId, now()),
    });
  };
}

function withMemory(node: NodeRecord, bytes: number): NodeRecord {
  if (bytes === 0 || node.state === null) return node;
  const memoryAvailableBytes = node.state.memoryAvailableBytes + bytes;
  return { ...node, state: { ...node.state, memoryAvailableBytes } };
}
