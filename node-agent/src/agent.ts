// The agent: one process on one node. It puts the parts together and turns them on its own tick:
// MQTT callbacks, engines and downloads only leave word and wake it. While nothing happens it
// sleeps until something is due.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Decoded, NodeCommand, NodeDesired } from '@salvage/contract';
import {
  type Clock,
  createBoundedQueue,
  type Log,
  messageOf,
  type RingLog,
  SalvageError,
} from '@salvage/kit';
import { openBenchmarkRoom } from './benchmark/benchmark-room.ts';
import type { Measure } from './benchmark/process.ts';
import { createActs } from './commands/acts.ts';
import { createCommands } from './commands/commands.ts';
import { type AgentConfig, tunnelPortOf } from './config.ts';
import { openDesiredStore } from './desired-store.ts';
import type { EngineKind, JobMeter } from './engine/engine.ts';
import { createEngineRoom } from './engine/room.ts';
import { addressesOf } from './facts/addresses.ts';
import { diskFreeBytesOf, hostOf, readFacts } from './facts/facts.ts';
import { readBootId } from './facts/machine.ts';
import { readEngineCpuSeconds } from './facts/processes.ts';
import { readCpuTicks, readVitals, type Vitals } from './facts/vitals.ts';
import { createHealthRoom } from './health.ts';
import { type Identity, saveIdentity } from './identity.ts';
import { limits } from './limits.ts';
import { type Link, openLink } from './link.ts';
import { createMeterRoom } from './meter/meter-room.ts';
import { openModelCache } from './models/open-cache.ts';
import { createReconciler } from './reconcile/reconciler.ts';
import { createReporter, type Reporter } from './reporter.ts';
import { helloOf, stateOf } from './reports.ts';
import { isHot, troublesOf } from './troubles.ts';
import { measureLink } from './tunnel/link.ts';
import { openTunnel, type Tunnel, type TunnelOptions } from './tunnel/tunnel.ts';
import { agentVersion } from './version.ts';

export interface AgentOptions {
  config: AgentConfig;
  identity: Identity;
  /** Ways of making tokens, the preferred one first. */
  kinds: readonly EngineKind[];
  measure: Measure;
  clock: Clock;
  log: RingLog;
}

export interface Agent {
  readonly nodeId: string;
  readonly tunnelPort: number;
  /** Resolves after `stop`; rejects when a bug ended the tick. */
  readonly ended: Promise<void>;
  /** Says goodbye, ends the engines, closes all doors. */
  stop(): Promise<void>;
}

/** Starts the agent. Rejects with SLV_PORT_TAKEN, SLV_STATE, SLV_CONFIG. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { config, clock, log } = options;
  let identity = options.identity;
  const { nodeId } = identity;
  const startedAt = clock.unixMilliseconds();
  const stopping = new AbortController();
  const modelsFolder = join(config.cache, 'models');
  await mkdir(modelsFolder, { recursive: true });
  await mkdir(config.state, { recursive: true, mode: 0o700 });

  let wake = new AbortController();
  const onChange = (): void => wake.abort();
  const inbox = createBoundedQueue<NodeCommand>(limits.inboxCommandsMax);
  let desiredInbox: NodeDesired | null = null;
  /** The parts below speak through it as soon as it is there. */
  let speaker: Reporter | null = null;

  const facts = readFacts(config.root, await hostOf(modelsFolder));
  const engines = await releasesOf(options.kinds);
  const first = engines[0] ?? null;
  const health = createHealthRoom(() => clock.unixMilliseconds());
  const store = await openDesiredStore(join(config.state, 'desired.json'), identity, log);

  const meter = createMeterRoom({
    clock,
    log,
    readTicks: () => readCpuTicks(config.root),
    readEngineCpuSeconds: () => readEngineCpuSeconds('/', process.pid),
    onWindow: () => {
      speaker?.energyWaits(false);
      onChange();
    },
  });
  const jobMeter: JobMeter = {
    started: (jobId) => meter.started(jobId),
    ended: async (jobId) => {
      const energy = await meter.ended(jobId);
      speaker?.energyWaits(true);
      onChange();
      return energy;
    },
  };
  const room = createEngineRoom({
    kinds: engines.map(({ kind }) => kind),
    clock,
    log,
    meter: jobMeter,
    onChange,
  });
  const cache = await openModelCache({
    folder: modelsFolder,
    localStore: config.localStore,
    limitBytes: config.cacheLimitBytes,
    identity,
    clock,
    log,
  });
  const benchmark = await openBenchmarkRoom({
    world:
      first === null
        ? null
        : {
            release: first.release,
            facts,
            diskFile: () => cache.list().map((sha256) => cache.pathOf(sha256))[0] ?? null,
            measure: options.measure,
            root: config.root,
            clock,
            log,
          },
    file: join(config.state, 'benchmark.json'),
    meter,
    onChange: () => {
      speaker?.helloChanged();
      onChange();
    },
  });
  const reconciler = createReconciler({
    room,
    cache,
    kinds: new Set(engines.map(({ kind }) => kind.name)),
    hasLocalStore: config.localStore !== null,
    meter,
    threadsMax: config.threads || facts.coresLogical,
    threadsBest: () => benchmark.current?.threadsBest ?? facts.coresPhysical,
    onChange,
    clock,
    log,
  });

  const tunnelHost = config.tunnelHost ?? (config.local ? '127.0.0.1' : '0.0.0.0');
  const tunnel = await openDoor(config, { host: tunnelHost, identity, engines: room, clock, log });

  let vitals = { readAt: -Infinity, is: readVitals(config.root) };
  const freshVitals = (): Vitals => {
    const now = clock.monotonicMilliseconds();
    if (now - vitals.readAt >= limits.vitalsMilliseconds) {
      vitals = { readAt: now, is: readVitals(config.root) };
    }
    return vitals.is;
  };
  const link: Link = openLink({
    identity,
    url: config.mqttUrl ?? identity.mqtt.url,
    onMessage: (message: Decoded) => {
      if (message.name === 'nodeDesired') desiredInbox = message.message;
      if (message.name === 'nodeCommand' && !inbox.push(message.message)) log.warn('inbox-full');
      onChange();
    },
    onProblem: (problem) => {
      health.badMessage(problem);
      log.warn('bad-message', { ...problem });
      onChange();
    },
    onConnect: () => {
      speaker?.sayAll();
      onChange();
    },
    random: Math.random,
    log,
  });
  const reporter = createReporter({
    nodeId,
    link,
    hello: () =>
      helloOf({
        nodeId,
        name: nameOf(identity, config),
        agentVersion,
        bootId: readBootId(config.root),
        startedAt,
        facts,
        tunnel: { addresses: addressesOf(config.addresses, tunnelHost), port: tunnel.port },
        engines: engines.map(({ kind, release }) => ({ name: kind.name, release })),
        benchmark: benchmark.current,
      }),
    state: () =>
      stateOf({
        at: clock.unixMilliseconds(),
        desiredRevision: store.current?.revision ?? 0,
        vitals: freshVitals(),
        engines: reconciler.states(store.current),
        cache: {
          usedBytes: cache.usedBytes,
          limitBytes: cache.limitBytes,
          models: cache.list(),
        },
        agent: {
          cpuSeconds: secondsOf(process.cpuUsage()),
          memoryBytes: process.memoryUsage.rss(),
          bytesSent: link.bytesSent(),
        },
      }),
    engines: () => [store.current?.revision ?? 0, reconciler.states(store.current), cache.list()],
    health: () => health.list(),
    takeEnergy: meter.take,
    clock,
  });
  speaker = reporter;
  const commands = createCommands({
    acts: createActs({
      benchmark,
      room,
      cache,
      measureLink: (peer, signal) => measureLink({ ...peer, identity, clock, signal }),
      rename: async (name) => {
        identity = { ...identity, renamed: name };
        await saveIdentity(config.state, identity);
        reporter.helloChanged();
        onChange();
      },
      stopping: stopping.signal,
      log,
    }),
    reply: (reply) => link.publish('nodeReply', { nodeId }, reply),
    clock,
    log,
  });

  let diskFreeBytes: number | null = facts.diskFreeBytes;
  let lookedAt = -Infinity;
  let hot = false;
  /** Disk and heat change slowly: looked at as often as an idle state is sent. */
  const lookAfterHealth = (now: number): void => {
    if (now - lookedAt >= limits.statePublishMilliseconds) {
      lookedAt = now;
      void diskFreeBytesOf(modelsFolder).then(
        (bytes) => {
          diskFreeBytes = bytes;
        },
        (error) => log.warn('disk-unreadable', { problem: messageOf(error) }),
      );
    }
    const { temperatureCelsius, throttledNow } = vitals.is;
    const troubles = troublesOf({
      diskFreeBytes,
      temperatureCelsius,
      wasHot: hot,
      throttledNow,
      benchmarkProblem: benchmark.problem,
      hasEngines: engines.length > 0,
      engines: reconciler.states(store.current),
    });
    hot = isHot({ temperatureCelsius, wasHot: hot });
    for (const [code, trouble] of Object.entries(troubles)) health.set(code, trouble);
  };

  /** Everything the agent does begins here. Returns when to look again. */
  const tick = (): number => {
    if (desiredInbox !== null) {
      log.info('desired', {
        revision: desiredInbox.revision,
        engines: desiredInbox.engines.length,
      });
      store.take(desiredInbox);
      desiredInbox = null;
    }
    meter.setProfile(store.current?.wattsProfile ?? null);
    for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) commands.take(next);
    const benchmarkDueAt = benchmark.step({
      jobsRunning: room.jobsRunning,
      settled: reconciler.settled,
    });
    const reconcileDueAt = reconciler.step(store.current, benchmark.blocksStarts);
    lookAfterHealth(clock.monotonicMilliseconds());
    return Math.min(benchmarkDueAt, reconcileDueAt, reporter.step());
  };
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      wake = new AbortController();
      const dueAt = tick();
      await clock.sleep(limits.tickMillisecondsMin, stopping.signal);
      await clock.sleep(dueAt - clock.monotonicMilliseconds(), wake.signal);
    }
  };

  reporter.status('awake');
  log.info('agent-started', { nodeId, version: agentVersion, tunnelPort: tunnel.port });
  return {
    nodeId,
    tunnelPort: tunnel.port,
    ended: run(),
    stop: async () => {
      if (stopping.signal.aborted) return;
      log.info('agent-stopping');
      stopping.abort();
      onChange();
      reporter.status('gone'); // first, so that no new work is sent here
      reconciler.stop();
      await Promise.all([benchmark.stop(), room.stopAll(), tunnel.stop(), store.flushed()]);
      meter.stop();
      if (link.connected) reporter.sendEnergy();
      await Promise.race([link.end(), clock.sleep(limits.goodbyeMilliseconds)]);
    },
  };
}

interface UsableEngine {
  kind: EngineKind;
  release: string;
}

async function releasesOf(kinds: readonly EngineKind[]): Promise<UsableEngine[]> {
  const all = await Promise.all(
    kinds.map(async (kind) => ({ kind, release: await kind.release() })),
  );
  return all.flatMap(({ kind, release }) => (release === null ? [] : [{ kind, release }]));
}

/** A person's newest word first, then the setting, then what it was called when it joined. */
function nameOf(identity: Identity, config: AgentConfig): string {
  return identity.renamed ?? config.name ?? (identity.name || identity.nodeId);
}

/** Opens the tunnel; where nobody asked for a port, another one will do when it is taken. */
async function openDoor(
  config: AgentConfig,
  door: Omit<TunnelOptions, 'port'> & { log: Log },
): Promise<Tunnel> {
  const { port, fixed } = tunnelPortOf(config);
  try {
    return await openTunnel({ ...door, port });
  } catch (error) {
    const taken = error instanceof SalvageError && error.code === 'SLV_PORT_TAKEN';
    if (!taken || fixed) throw error;
    return openTunnel({ ...door, port: 0 });
  }
}

function secondsOf({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1e6;
}
