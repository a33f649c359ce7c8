// (cluster, register, models ...) -> what the operator's door shows. Pure.
import { intervalOf } from '@salvage/contract';
import type { NodeRecord } from '../cluster/state.ts';
import { engineIdOf } from '../cluster/wishes.ts';
import type { DeviceProfile } from '../cost/device-profile.ts';
import type { RegisteredNode } from '../hub/node-register.ts';
import type { TokenRecord } from '../hub/token-store.ts';
import type { ModelCard } from '../models/card.ts';
import type { ModelView, NodeView, TokenView } from './api.ts';

export function nodeView(
  registered: RegisteredNode,
  node: NodeRecord | null,
  profile: DeviceProfile | null,
  roles: NodeView['roles'],
): NodeView {
  const facts = node?.hello?.facts ?? null;
  const machine = [facts?.machineVendor, facts?.machineProduct].filter(Boolean).join(' ');
  return {
    nodeId: registered.nodeId,
    name: registered.name,
    state: node?.status?.state ?? 'unknown',
    drained: registered.drained,
    local: registered.local,
    machine: machine === '' ? null : machine,
    cpuName: facts?.cpuName ?? null,
    architecture: facts?.architecture ?? null,
    coresPhysical: facts?.coresPhysical ?? null,
    memoryTotalBytes: facts?.memoryTotalBytes ?? null,
    memoryAvailableBytes: node?.state?.memoryAvailableBytes ?? null,
    benchmark: node?.hello?.benchmark ?? null,
    engines: node?.state?.engines ?? [],
    watts:
      profile === null
        ? null
        : {
            idle: intervalOf(profile.idleWatts, profile.relativeError),
            load: intervalOf(profile.loadWatts, profile.relativeError),
            profileId: profile.profileId,
            source: profile.source,
          },
    warnings: node?.health?.warnings ?? [],
    agentVersion: node?.hello?.agentVersion ?? null,
    roles,
  };
}

export function modelView(card: ModelCard, nodes: Iterable<NodeRecord>): ModelView {
  const { chatTemplate, ...rest } = card;
  const engineId = engineIdOf(card);
  const readyOn = [...nodes]
    .filter((node) => node.status?.state === 'awake')
    .filter((node) =>
      node.state?.engines.some((one) => one.engineId === engineId && one.phase === 'ready'),
    )
    .map((node) => node.nodeId);
  return { ...rest, hasChatTemplate: chatTemplate !== null, readyOn };
}

export function tokenView(record: TokenRecord): TokenView {
  const { sha256: _, ...rest } = record;
  return rest;
}
