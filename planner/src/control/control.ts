// The control loop: messages come in through a bounded inbox, one step at a time turns them into
// the cluster's state, and what has changed goes out as whole, retained documents. It holds what
// the pure rooms decide about, and decides nothing itself.
import {
  type Command,
  type Decoded,
  type DecodeProblem,
  type HealthWarning,
  type NodeDesired,
  type NodeReply,
  wireVersion,
} from '@salvage/contract';
import { type Clock, createBoundedQueue, type Log, messageOf, type Session } from '@salvage/kit';
import { applyMessage, change, emptyCluster, forget, setLink } from '../cluster/apply.ts';
import type { ClusterState, NodeRecord } from '../cluster/state.ts';
import { adoptable, desiredOf } from '../cluster/wishes.ts';
import type { DeviceProfile } from '../cost/device-profile.ts';
import type { Engines } from '../gateway/ports.ts';
import type { NodeRegister } from '../hub/node-register.ts';
import { limits } from '../limits.ts';
import type { ModelCard } from '../models/card.ts';
import type { PlaceAnswer } from '../placement/types.ts';
import { type Changes, createChanges } from './changes.ts';
import { type Commands, createCommands } from './commands.ts';
import type { EngineDoor } from './engine-door.ts';
import { createEngines } from './engines.ts';
import { nextPair } from './links.ts';
import { createPlacements, type Placements } from './placements.ts';
import { silentNodes } from './presence.ts';

export interface ControlOptions {
  clock: Clock;
  log: Log;
  register: NodeRegister;
  models: { list(): ModelCard[]; get(modelId: string): ModelCard | null };
  door: EngineDoor;
  profileOf(node: NodeRecord): DeviceProfile | null;
  /** The pure placement, with this cluster's settings in it. */
  place(
    card: ModelCard,
    control: PlaceInputs,
    contextTokens?: number,
    without?: ReadonlySet<string>,
  ): PlaceAnswer;
  /** Base URL of the model store as this node reaches it. */
  storeUrl(nodeId: string): string;
  newId(): string;
  /** Messages that are not about the cluster's state: energy, signals, questions. */
  onOther(message: Decoded): void;
}

export interface PlaceInputs {
  cluster: ClusterState;
  placements: Placements;
}

export interface Control {
  readonly cluster: ClusterState;
  readonly placements: Placements;
  readonly engines: Engines;
  readonly warnings: HealthWarning[];
  place(card: ModelCard, contextTokens?: number): PlaceAnswer;
  attach(session: Session): void;
  /** From the session's callbacks: only enqueues. */
  onMessage(message: Decoded): void;
  onProblem(problem: DecodeProblem): void;
  onConnect(): void;
  onClose(): void;
  /** Register or drained nodes changed: tell the nodes. */
  nodesChanged(): void;
  command(nodeId: string, command: Command, millisecondsMax?: number): Promise<NodeReply>;
  /** Runs until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export function createControl(options: ControlOptions): Control {
  const { clock, log, register } = options;
  const inbox = createBoundedQueue<Decoded>(limits.inboxMax);
  const changes: Changes = createChanges(clock);
  const placements = createPlacements();
  const heardAt = new Map<string, number>();
  const lostAt = new Map<string, number>();
  const adopted = new Set<string>();
  const problems = new Map<string, HealthWarning>();
  const linkFailedAt = new Map<string, number>();
  const startedAt = clock.monotonicMilliseconds();
  let cluster: ClusterState = emptyCluster;
  let session: Session | null = null;
  let connectedSince: number | null = null;
  let linkBusy = false;
  let wake = new AbortController();
  let publishedPlacements = '';

  const commands: Commands = createCommands({
    session: () => session,
    clock,
    newId: options.newId,
  });
  const jobsRunning = (): number =>
    placements.list().reduce((sum, placed) => sum + placed.jobsRunning, 0);

  const takeIn = (message: Decoded): void => {
    const { ids } = message;
    if ('nodeId' in ids) {
      const registered = register.get(ids.nodeId);
      if (registered === null) return; // of a removed node, or of a stranger: no node of ours
      heardAt.set(ids.nodeId, clock.monotonicMilliseconds());
      if (cluster.nodes.get(ids.nodeId)?.drained !== registered.drained) {
        cluster = change(cluster, ids.nodeId, { drained: registered.drained });
      }
    }
    const before = 'nodeId' in ids ? cluster.nodes.get(ids.nodeId)?.status?.state : undefined;
    cluster = applyMessage(cluster, message);
    if (message.name === 'nodeStatus')
      noteStatus(message.ids.nodeId, before, message.message.state);
    if (message.name === 'nodeState') engines.heardState(message.ids.nodeId, message.message);
    if (message.name === 'nodeReply') commands.settle(message.message);
    options.onOther(message);
  };

  const noteStatus = (nodeId: string, before: string | undefined, after: string): void => {
    if (before === after) return;
    log.info('node-status', { nodeId, state: after });
    if (after === 'awake') lostAt.delete(nodeId);
    else if (before === 'awake') lostAt.set(nodeId, clock.monotonicMilliseconds());
  };

  const markSilent = (): void => {
    const now = clock.monotonicMilliseconds();
    for (const nodeId of silentNodes(cluster, { at: heardAt, connectedSince }, now)) {
      noteStatus(nodeId, 'awake', 'gone');
      cluster = change(cluster, nodeId, {
        status: { v: wireVersion, state: 'gone', since: null, wakeExpectedAt: null },
      });
    }
  };

  /** Engines that ran before this planner did are kept, once, before we wish anything of a node. */
  const adopt = (node: NodeRecord): void => {
    if (adopted.has(node.nodeId) || node.state === null || node.status?.state !== 'awake') return;
    adopted.add(node.nodeId);
    const now = clock.unixMilliseconds();
    for (const { candidate, card } of adoptable(node, options.models.list())) {
      if (placements.get(card.modelId) !== null) continue;
      placements.set({
        candidate,
        card,
        reason: 'it ran there already when the planner started',
        price: null,
        placedAt: now,
        usedAt: now,
        jobsRunning: 0,
        failedSince: null,
      });
    }
  };

  const forgetUnused = (): void => {
    const now = clock.unixMilliseconds();
    for (const placed of placements.list()) {
      const gone = options.models.get(placed.card.modelId)?.sha256 !== placed.card.sha256;
      const idle = placed.jobsRunning === 0 && now - placed.usedAt > limits.keepReadyMilliseconds;
      if (gone || idle) placements.drop(placed.card.modelId);
    }
  };

  const publish = (): void => {
    if (session === null) return;
    for (const node of cluster.nodes.values()) {
      if (!adopted.has(node.nodeId)) continue;
      const next = desiredOf({
        node,
        placements: placements.list(),
        profile: options.profileOf(node),
        storeUrl: options.storeUrl(node.nodeId),
      });
      if (node.desired !== null && same(node.desired, next)) continue;
      const revision = Math.max((node.desired?.revision ?? 0) + 1, clock.unixMilliseconds());
      const desired: NodeDesired = { ...next, revision };
      cluster = change(cluster, node.nodeId, { desired });
      session.publish('nodeDesired', { nodeId: node.nodeId }, desired);
    }
    publishPlacements(session);
  };

  const publishPlacements = (to: Session): void => {
    const list = placements.list().map(({ candidate, card, reason }) => ({
      modelId: card.modelId,
      kind: candidate.kind,
      head: candidate.head,
      workers: candidate.workers,
      contextTokens: candidate.contextTokens,
      reason: reason.slice(0, 500),
    }));
    const text = JSON.stringify(list);
    if (text === publishedPlacements) return;
    publishedPlacements = text;
    const at = clock.unixMilliseconds();
    to.publish('plannerPlacements', {}, { v: wireVersion, at, placements: list });
  };

  const measureNextLink = (): void => {
    if (linkBusy || session === null || !session.connected || jobsRunning() > 0) return;
    const now = clock.unixMilliseconds();
    const pair = nextPair(cluster, linkFailedAt, now);
    const peer = pair === null ? null : cluster.nodes.get(pair.to);
    if (pair === null || peer?.hello == null) return;
    linkBusy = true;
    const { addresses, port } = peer.hello.tunnel;
    commands
      .send(pair.from, { kind: 'measure-link', peer: pair.to, addresses, port }, 30_000)
      .then((reply) => {
        const link = {
          roundTripMilliseconds: Number(reply.result?.['roundTripMilliseconds']),
          bytesPerSecond: Number(reply.result?.['bytesPerSecond']),
          measuredAt: now,
        };
        if (!Number.isFinite(link.roundTripMilliseconds + link.bytesPerSecond)) {
          throw new Error('the reply holds no figures');
        }
        cluster = setLink(cluster, pair.from, pair.to, link);
        cluster = setLink(cluster, pair.to, pair.from, link);
        log.info('link-measured', { ...pair, ...link });
      })
      .catch((error) => {
        linkFailedAt.set(`${pair.from} ${pair.to}`, now);
        log.warn('link-not-measured', { ...pair, problem: messageOf(error) });
      })
      .finally(() => {
        linkBusy = false;
      });
  };

  const step = (): void => {
    for (let message = inbox.shift(); message !== undefined; message = inbox.shift())
      takeIn(message);
    for (const nodeId of cluster.nodes.keys()) {
      if (register.get(nodeId) === null) {
        cluster = forget(cluster, nodeId);
        adopted.delete(nodeId);
      }
    }
    markSilent();
    for (const node of cluster.nodes.values()) adopt(node);
    forgetUnused();
    engines.noteFailures();
    publish();
    measureNextLink();
    changes.notify();
  };

  const nudge = (): void => wake.abort();
  const engines = createEngines({
    clock,
    log,
    changes,
    placements,
    models: options.models,
    door: options.door,
    node: (nodeId) => cluster.nodes.get(nodeId) ?? null,
    place: (card, without) => options.place(card, { cluster, placements }, undefined, without),
    publish,
    mayYetCome: (nodeId) => {
      const now = clock.monotonicMilliseconds();
      const unheard = register.list().some((one) => !heardAt.has(one.nodeId));
      const starting = now - startedAt < limits.helloGraceMilliseconds;
      if (starting && (unheard || heardAt.size === 0)) return true;
      const lost = nodeId === null ? undefined : lostAt.get(nodeId);
      return lost !== undefined && now - lost < limits.nodeBackMilliseconds;
    },
  });

  return {
    get cluster() {
      return cluster;
    },
    placements,
    engines,
    get warnings() {
      return [...problems.values()];
    },
    place: (card, contextTokens) => options.place(card, { cluster, placements }, contextTokens),
    attach: (opened) => {
      session = opened;
    },
    onMessage: (message) => {
      if (!inbox.push(message)) log.warn('inbox-full', { topic: message.name });
      nudge();
    },
    onProblem: (problem) => {
      log.warn('bad-message', { ...problem });
      if (problems.size >= limits.warningsMax && !problems.has(problem.topic)) return;
      problems.set(problem.topic, {
        code: 'bad-message',
        severity: 'warning',
        title: `A message on ${problem.topic.slice(0, 150)} was refused`,
        text: `${problem.field || 'the message'}: ${problem.reason}`.slice(0, 500),
        advice: 'bring the programs of this cluster to the same version',
        since: clock.unixMilliseconds(),
      });
    },
    onConnect: () => {
      connectedSince = clock.monotonicMilliseconds();
      nudge();
    },
    onClose: () => {
      connectedSince = null;
    },
    nodesChanged: () => {
      for (const { nodeId, drained } of register.list()) {
        if (cluster.nodes.has(nodeId)) cluster = change(cluster, nodeId, { drained });
      }
      nudge();
    },
    command: (nodeId, command, millisecondsMax) => commands.send(nodeId, command, millisecondsMax),
    run: async (signal) => {
      signal.addEventListener('abort', nudge, { once: true });
      while (!signal.aborted) {
        await clock.sleep(1_000, wake.signal);
        wake = new AbortController();
        step();
      }
    },
  };
}

function same(a: NodeDesired, b: Omit<NodeDesired, 'revision'>): boolean {
  return JSON.stringify({ ...a, revision: 0 }) === JSON.stringify({ ...b, revision: 0 });
}
