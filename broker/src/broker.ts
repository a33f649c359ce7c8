// Puts the broker together: credentials, a server, doors in front of it, and the warden inside.
import { join } from 'node:path';
import { defaultPorts } from '@salvage/contract';
import {
  type Clock,
  hashPassword,
  type Log,
  randomPassword,
  realClock,
  SalvageError,
  silentLog,
  verifyPassword,
} from '@salvage/kit';
import { isLoopback } from './addresses.ts';
import { judgeConnect } from './admission.ts';
import { startAedes } from './aedes-server.ts';
import { createCredentialBook } from './credential-book.ts';
import { openCredentialStore } from './credential-store.ts';
import { createDenialLog } from './denial-log.ts';
import { openDoor } from './door.ts';
import type { GuardOptions } from './guarded-connection.ts';
import { startMosquitto } from './mosquitto-server.ts';
import { openPlannerCredential } from './planner-credential.ts';
import { createRoster } from './roster.ts';
import type { MqttServer, ServerName, ServerOptions } from './server.ts';
import { createTlsDoor } from './tls-door.ts';
import { startWarden, wardenUser } from './warden.ts';

export interface BrokerOptions {
  /** The state folder: credentials, the planner's key, the certificate. */
  state: string;
  /** Where the plain door listens; this machine's own addresses only. */
  host?: string;
  /** 0 takes a free port, as with `tlsPort`. */
  port?: number;
  tlsHost?: string;
  tlsPort?: number;
  server?: ServerName;
  clock?: Clock;
  log?: Log;
}

export interface RunningBroker {
  readonly port: number;
  /** Null while the TLS door is closed. */
  readonly tlsPort: number | null;
  stop(): Promise<void>;
}

const starters: Record<ServerName, (options: ServerOptions) => Promise<MqttServer>> = {
  aedes: startAedes,
  mosquitto: startMosquitto,
};

/**
 * Starts a broker and resolves when it serves and its warden listens. Rejects with SLV_CONFIG for a
 * plain door off loopback, SLV_PORT_TAKEN, SLV_STATE, SLV_NEEDS_TOOL or SLV_BROKER; nothing is left
 * running then.
 */
export async function startBroker(options: BrokerOptions): Promise<RunningBroker> {
  const { state, clock = realClock, log = silentLog } = options;
  const host = options.host ?? '127.0.0.1';
  if (host !== 'localhost' && !isLoopback(host)) {
    throw new SalvageError('SLV_CONFIG', `the plain door may not listen on ${host}`, {
      hint: 'passwords would travel in the clear; other machines use the TLS door (--tls-host)',
    });
  }
  const undo: (() => unknown)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const store = openCredentialStore(join(state, 'broker', 'credentials.sqlite'));
    undo.push(() => store.close());
    const password = randomPassword();
    const warden = {
      user: wardenUser,
      role: 'broker',
      nodeId: null,
      hash: hashPassword(password),
    } as const;
    const planner = await openPlannerCredential(state, store);
    const saved = store.read();
    const book = createCredentialBook([planner, warden], saved.credentials);
    const denied = createDenialLog(log, clock);
    const roster = createRoster();
    const start = starters[options.server ?? 'aedes'];
    const server = await start({ state, credentials: book.all, clock, log, denied });
    undo.push(() => server.stop());
    const guard: GuardOptions = {
      judge: (packet) =>
        judgeConnect(packet, { find: book.find, verify: verifyPassword, hasRoom: roster.hasRoom }),
      onAdmitted: (connection) => {
        roster.add(connection);
        server.accept(connection);
      },
      onRefused: (reason, identity, address) =>
        denied('connection', { reason, user: identity?.user, address }),
    };
    const shared = { guard, denied, log };
    const plain = await openDoor({
      ...shared,
      host,
      port: options.port ?? defaultPorts.mqtt,
      certificate: null,
    });
    undo.push(() => plain.close());
    const tlsDoor = createTlsDoor(state, {
      ...shared,
      host: options.tlsHost ?? '0.0.0.0',
      port: options.tlsPort ?? defaultPorts.mqttTls,
    });
    undo.push(() => tlsDoor.set(false));
    const problem = await tlsDoor.set(saved.lanOpen);
    const { port } = plain;
    const inside = { host, port, password, server, book, store, roster, tlsDoor, problem };
    const running = await startWarden({ ...inside, clock, log });
    undo.push(() => running.stop());
    log.info('broker-ready', { server: server.name, version: server.version, host, port });
    return {
      port,
      get tlsPort() {
        return tlsDoor.address?.port ?? null;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
