// The operator's door filled with the planner's parts: each method a few lines over one of them.
import type { Architecture, Interval } from '@salvage/contract';
import { SalvageError } from '@salvage/kit';
import type { PlannerConfig } from '../config.ts';
import type { Control } from '../control/control.ts';
import { type KnownDevice, matchProfile } from '../cost/profiles.ts';
import type { NodeRegister } from '../hub/node-register.ts';
import type { Packs } from '../hub/packs.ts';
import type { TokenStore } from '../hub/token-store.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { JobRecord } from '../ledger/types.ts';
import type { ModelCard } from '../models/card.ts';
import { type CatalogueEntry, cardOfCatalogue } from '../models/catalogue.ts';
import type { ModelStore } from '../models/model-store.ts';
import { explain } from '../placement/explain.ts';
import { rolesOf } from '../placement/roles.ts';
import { version } from '../version.ts';
import type { CatalogueView, NodeView, StatusView } from './api.ts';
import { findingsOf } from './doctor.ts';
import type { Operator } from './routes.ts';
import { modelView, nodeView, tokenView } from './views.ts';

export interface OperatorParts {
  config: PlannerConfig;
  key: string;
  startedAt: number;
  control: Control;
  register: NodeRegister;
  tokens: TokenStore;
  models: ModelStore;
  ledger: Ledger;
  packs: Packs;
  profiles: readonly KnownDevice[];
  catalogue: readonly CatalogueEntry[];
  hub(): { url: string; open: boolean };
  pin: string;
  /** Nodes or tokens changed: doors and credentials follow. */
  refreshDoors(): Promise<void>;
  brokerConnected(): boolean;
  jobs(): JobRecord[];
  gatewayUrl(): string;
  now(): number;
}

export function createOperator(parts: OperatorParts): Operator {
  const { control, register, tokens, models } = parts;

  const viewOf = (nodeId: string): NodeView => {
    const registered = register.get(nodeId);
    if (registered === null) {
      throw new SalvageError('SLV_NODE_UNKNOWN', `there is no node ${nodeId}`);
    }
    const node = control.cluster.nodes.get(nodeId) ?? null;
    const facts = node?.hello?.facts ?? null;
    const profile = facts === null ? null : matchProfile(facts, parts.profiles);
    const roles = node === null ? [] : rolesOf(node);
    return nodeView(registered, node, profile, roles);
  };

  const status = (): StatusView => {
    const { url, open } = parts.hub();
    const running = parts.jobs();
    return {
      clusterId: register.clusterId,
      version,
      startedAt: parts.startedAt,
      broker: control.cluster.broker,
      brokerConnected: parts.brokerConnected(),
      gatewayUrl: parts.gatewayUrl(),
      hubUrl: open ? url : null,
      lanOpen: open,
      nodes: register.list().map(({ nodeId }) => viewOf(nodeId)),
      placements: control.placements.list().map(({ candidate, card, reason }) => ({
        modelId: card.modelId,
        nodeId: candidate.head,
        contextTokens: candidate.contextTokens,
        ready: control.engines.current(card.modelId) !== null,
        reason,
      })),
      jobs: {
        running: running.filter((job) => job.phase === 'running').length,
        waiting: running.filter((job) => job.phase === 'queued' || job.phase === 'placing').length,
      },
      warnings: [...control.warnings, ...parts.ledger.warnings()],
    };
  };

  const catalogueView = (entry: CatalogueEntry): CatalogueView => {
    const card = cardOfCatalogue(entry);
    const answer = control.place(card);
    const installed = models.list().some((model) => model.source === entry.source);
    const speed: Interval | null = answer.ok ? answer.winner.price.decodeTokensPerSecond : null;
    return {
      modelId: card.modelId,
      name: card.name,
      source: entry.source,
      bytes: card.bytes,
      parameters: card.parameters,
      licence: card.licence ?? 'not stated',
      about: entry.about,
      installed,
      tokensPerSecond: speed,
      bestNode: answer.ok ? answer.winner.candidate.head : null,
      refusedBecause: answer.ok ? null : (answer.refusals[0]?.text ?? 'no node is there'),
    };
  };

  const catalogueCard = (modelId: string): ModelCard | null => {
    const entry = parts.catalogue.find((one) => one.modelId === modelId);
    return entry === undefined ? null : cardOfCatalogue(entry);
  };

  return {
    key: parts.key,
    status,
    changeNode: async (nodeId, change) => {
      await register.update(nodeId, change);
      if (change.name !== undefined) {
        await control.command(nodeId, { kind: 'rename', name: change.name }).catch(() => undefined);
      }
      control.nodesChanged();
      return viewOf(nodeId);
    },
    removeNode: async (nodeId) => {
      await register.remove(nodeId);
      await parts.refreshDoors();
    },
    logsOf: async (nodeId, lines) => {
      viewOf(nodeId);
      const reply = await control.command(nodeId, { kind: 'logs', lines });
      const list = reply.result?.['lines'];
      return Array.isArray(list) ? list.map(String) : [];
    },
    models: () => models.list().map((card) => modelView(card, control.cluster.nodes.values())),
    catalogue: () => parts.catalogue.map(catalogueView),
    inspect: (source, signal) => models.inspect(source, signal),
    addModel: async (request, onEvent, signal) => {
      const card = await models.add({
        ...request,
        signal,
        onProgress: (progress) => onEvent({ event: 'progress', ...progress }),
      });
      return modelView(card, control.cluster.nodes.values());
    },
    removeModel: async (modelId) => {
      await models.remove(modelId);
      control.nodesChanged();
    },
    place: (modelId, contextTokens) => {
      const card = models.get(modelId) ?? catalogueCard(modelId);
      if (card === null)
        throw new SalvageError('SLV_MODEL_UNKNOWN', `there is no model ${modelId}`);
      const answer = control.place(card, contextTokens);
      return { modelId: card.modelId, answer, explanation: explain(answer) };
    },
    tokens: () => tokens.list().map(tokenView),
    createToken: async ({ local, ...wish }) => {
      const { token, record } = await tokens.create({ ...wish, local });
      await parts.refreshDoors();
      const { url, open } = parts.hub();
      const joinLine =
        wish.for === 'node' && !local && open
          ? `curl -fsS --insecure --pinnedpubkey '${parts.pin}' ${url}/join/${token} | sudo sh`
          : null;
      return { token, record: tokenView(record), joinLine };
    },
    revokeToken: async (tokenId) => {
      const found = await tokens.revoke(tokenId);
      await parts.refreshDoors();
      return found;
    },
    energy: (since, until) => parts.ledger.report({ since, until }),
    jobs: (limit) => parts.ledger.jobs({ limit }),
    doctor: () => findingsOf(status(), models.list().length),
    prepare: (architecture, onStep) => parts.packs.prepare(architecture as Architecture, onStep),
  };
}
