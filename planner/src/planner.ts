// Composition: opens the stores, the doors and the link to the broker, and hands each what it
// needs. Nothing is decided here.

import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Decoded, type Message, wireVersion } from '@salvage/contract';
import {
  type Clock,
  type Log,
  messageOf,
  realClock,
  type Session,
  writeFileWhole,
} from '@salvage/kit';
import { Hono } from 'hono';
import type { PlannerConfig } from './config.ts';
import { createControl } from './control/control.ts';
import { createEngineDoor } from './control/engine-door.ts';
import { loadProfiles, matchProfile } from './cost/profiles.ts';
import { createGatewayApp } from './gateway/app.ts';
import { serveGateway } from './gateway/server.ts';
import { lanAddresses } from './hub/addresses.ts';
import { type Announcement, announce } from './hub/announce.ts';
import { createBrokerWish } from './hub/broker-wish.ts';
import { openAuthority, openIdentity, pinOf } from './hub/certificates.ts';
import { openHubServer } from './hub/hub-server.ts';
import { createJoinDoor } from './hub/join-door.ts';
import { openNodeRegister } from './hub/node-register.ts';
import { openPacks } from './hub/packs.ts';
import { openTokenStore } from './hub/token-store.ts';
import { openLedger } from './ledger/ledger.ts';
import type { JobRecord } from './ledger/types.ts';
import { limits } from './limits.ts';
import { openLink } from './link.ts';
import { createPlannerLog } from './log.ts';
import { loadCatalogue } from './models/catalogue.ts';
import { openModelStore } from './models/model-store.ts';
import { openOperatorKey } from './operator/key.ts';
import { createOperator } from './operator/operator.ts';
import { createOperatorApp } from './operator/routes.ts';
import { placeWith } from './place-with.ts';
import { version } from './version.ts';

export interface RunningPlanner {
  gatewayPort: number;
  hubPort: number;
  stop(): Promise<void>;
}

/** The salvage tree that this file lies in. */
const tree = fileURLToPath(new URL('../..', import.meta.url));

/** Starts every part; resolves when the gateway answers. Rejects with what could not start. */
export async function startPlanner(
  config: PlannerConfig,
  clock: Clock = realClock,
): Promise<RunningPlanner> {
  const log: Log = createPlannerLog(config.logLevel);
  const inState = (...names: string[]): string => join(config.state, ...names);
  const inCache = (...names: string[]): string => join(config.cache, ...names);
  await mkdir(inState('run'), { recursive: true, mode: 0o700 });
  const random = (bytes: number): Uint8Array => randomBytes(bytes);
  const newId = (): string => randomBytes(8).toString('hex');
  const now = (): number => clock.unixMilliseconds();
  const startedAt = now();

  const authority = await openAuthority(inState('tls'));
  const addresses = lanAddresses(networkInterfaces(), config.addresses);
  const hubIdentity = await openIdentity(authority, inState('tls'), {
    name: 'hub',
    role: 'hub',
    addresses: ['localhost', '127.0.0.1', '::1', ...addresses],
  });
  const plannerIdentity = await openIdentity(authority, inState('tls'), {
    name: 'planner',
    role: 'planner',
  });
  const { caPem } = authority;
  const pin = pinOf(hubIdentity.keyPem);
  const operatorKey = await openOperatorKey(inState('keys', 'operator'), random);
  const register = await openNodeRegister(inState('nodes.json'), newId);
  const tokens = await openTokenStore(inState('tokens.json'), { now, random });
  const models = await openModelStore({
    stateFile: inState('models.json'),
    folder: inCache('models'),
    fetch,
    clock,
    log,
  });
  const ledger = openLedger({ file: inState('ledger.sqlite'), clock });
  const packs = await openPacks({ folder: inCache('packs'), tree, log });
  const profiles = await loadProfiles();
  const catalogue = await loadCatalogue();

  let session: Session | null = null;
  let announcement: Announcement | null = null;
  const jobs = new Map<string, JobRecord>();

  /** A ledger that cannot write (a full disk) must not stop answers; it warns for itself. */
  const keep = (what: string, write: () => void): void => {
    try {
      write();
    } catch (error) {
      log.error('ledger-failed', { what, problem: messageOf(error) });
    }
  };
  const onOther = (message: Decoded): void => {
    if (message.name !== 'nodeEnergy') return;
    keep('readings', () => ledger.recordReadings(message.ids.nodeId, message.message));
  };
  const control = createControl({
    clock,
    log,
    register,
    models,
    door: createEngineDoor({ ...plannerIdentity, caPem }),
    profileOf: (node) => (node.hello === null ? null : matchProfile(node.hello.facts, profiles)),
    place: placeWith(config, profiles, now),
    storeUrl: (nodeId) =>
      `${hubUrl(register.get(nodeId)?.local ? '127.0.0.1' : undefined)}/store/models`,
    newId,
    onOther,
  });

  const gateway = createGatewayApp(
    {
      models,
      engines: control.engines,
      authenticate: (key, fromLoopback) => {
        if (key === null) return fromLoopback ? { name: 'local' } : null;
        if (key === operatorKey) return { name: 'operator' };
        const record = tokens.find(key, 'client');
        return record === null ? null : { name: record.name || record.tokenId };
      },
      recordJob: (job) => keep('job', () => ledger.recordJob(job)),
      onJobPhase: (job) => {
        if (job.endedAt === null) jobs.set(job.jobId, job);
        else jobs.delete(job.jobId);
        session?.publish('jobState', { jobId: job.jobId }, jobStateOf(job, now()));
      },
    },
    { clock, random, log, extraHosts: () => addresses },
  );

  const hubApp = new Hono<{ Bindings: never }>();
  const hub = await openHubServer({
    app: hubApp as never,
    identity: { ...hubIdentity, caPem },
    port: config.hubPort,
    host: config.hubHost,
    log,
  });
  function hubUrl(host = addresses[0] ?? '127.0.0.1'): string {
    return `https://${host.includes(':') ? `[${host}]` : host}:${hub.port}`;
  }

  const wish = createBrokerWish({
    clock,
    session: () => session,
    status: () => control.cluster.broker,
    lanOpen: () => {
      if (config.local) return false;
      const remoteNode = register.list().some((node) => !node.local);
      return tokens.hasOpenJoinToken() || remoteNode || tokens.hasClientKey();
    },
    credentials: () => register.credentials(),
    onDoor: (open) => {
      void hub.setOpen(open).then(() => {
        announcement?.stop();
        announcement = null;
        if (!open || config.announce === '') return;
        const { clusterId } = register;
        const mqttPort = config.brokerTlsPort;
        announcement = announce({
          name: config.announce,
          clusterId,
          mqttPort,
          hubPort: hub.port,
          log,
        });
        // The first machine that joins should not wait for its pack.
        packs.ready().catch((error: Error) => log.warn('pack-failed', { problem: error.message }));
      });
    },
  });

  const joinDoor = createJoinDoor({
    clock,
    log,
    authority,
    tokens,
    register,
    packs,
    pin,
    fileOfModel: (sha256) => models.fileOf(sha256),
    mqttUrl: (host, local) =>
      local
        ? config.mqttUrl
        : `mqtts://${host.includes(':') ? `[${host}]` : host}:${config.brokerTlsPort}`,
    hubUrl,
    onEnrolled: async () => {
      control.nodesChanged();
      wish.refresh();
      await wish.settled(5_000);
    },
  });
  hubApp.route('/', joinDoor as never);
  hubApp.route('/', gateway as never);

  const operator = createOperator({
    config,
    key: operatorKey,
    startedAt,
    control,
    register,
    tokens,
    models,
    ledger,
    packs,
    profiles,
    catalogue,
    hub: () => ({ url: hubUrl(), open: hub.openTo !== null }),
    pin,
    refreshDoors: async () => {
      control.nodesChanged();
      wish.refresh();
      await wish.settled(3_000);
      await hub.setOpen(wish.lanOpen);
    },
    brokerConnected: () => session?.connected ?? false,
    jobs: () => [...jobs.values()],
    gatewayUrl: () => `http://127.0.0.1:${served.port}`,
    now,
  });
  const localApp = new Hono();
  localApp.route('/salvage/v1', createOperatorApp(operator) as never);
  localApp.route('/', gateway as never);
  const served = await serveGateway(localApp as never, {
    host: '127.0.0.1',
    port: config.gatewayPort,
  });

  const publishStatus = (state: 'online' | 'offline' = 'online'): void => {
    const message: Message<'plannerStatus'> = {
      v: wireVersion,
      state,
      instanceId,
      version,
      since: startedAt,
      warnings: [...ledger.warnings(), ...control.warnings].slice(0, limits.warningsPublishedMax),
    };
    session?.publish('plannerStatus', {}, message);
  };
  const instanceId = newId();
  session = await openLink({
    url: config.mqttUrl,
    state: config.state,
    instanceId,
    version,
    clock,
    log,
    onMessage: control.onMessage,
    onProblem: (problem) => {
      control.onProblem(problem);
      publishStatus();
    },
    onConnect: control.onConnect,
    onClose: control.onClose,
  });
  control.attach(session);
  publishStatus();
  wish.refresh();

  const stopping = new AbortController();
  const loop = control.run(stopping.signal);
  // Tokens expire by themselves; the doors follow.
  const timer = setInterval(() => wish.refresh(), 5_000);
  const runFile = inState('run', 'planner.json');
  const gatewayUrl = `http://127.0.0.1:${served.port}`;
  await writeFileWhole(runFile, `${JSON.stringify({ gatewayUrl, pid: process.pid })}\n`);
  log.info('planner-ready', { gatewayUrl, hubPort: hub.port });

  return {
    gatewayPort: served.port,
    hubPort: hub.port,
    stop: async () => {
      clearInterval(timer);
      stopping.abort();
      await rm(runFile, { force: true });
      announcement?.stop();
      await Promise.allSettled([served.stop(), hub.stop(), loop]);
      publishStatus('offline');
      await session?.end();
      ledger.close();
    },
  };
}

function jobStateOf(job: JobRecord, at: number): Message<'jobState'> {
  return {
    v: wireVersion,
    jobId: job.jobId,
    phase: job.phase,
    modelId: job.modelId,
    nodeId: job.nodeId,
    at,
    promptTokens: job.timings?.promptTokens ?? 0,
    outputTokens: job.timings?.outputTokens ?? 0,
  };
}
