// A broker of one's own for a test: a fresh state folder, free ports, a planner connected to it,
// and clients of every role. Waiting is polling a condition with a deadline, never a fixed sleep.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type BrokerDesired,
  type BrokerStatus,
  type Credential,
  decode,
  encode,
  type Role,
  wireVersion,
} from '@salvage/contract';
import { hashPassword, realClock } from '@salvage/kit';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import {
  type BrokerOptions,
  type RunningBroker,
  type ServerName,
  startBroker,
} from '../src/index.ts';

export interface Login {
  user: string;
  password: string;
}

export interface Stand {
  readonly broker: RunningBroker;
  readonly state: string;
  readonly planner: MqttClient;
  /** Publishes a wish as the planner and resolves with the status that answers it. */
  wish(change: Partial<BrokerDesired>): Promise<BrokerStatus>;
  connect(login: Login, options?: IClientOptions): Promise<MqttClient>;
  /** Stops the broker, leaves the state folder, starts it again; the planner stays away. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** The clients of most tests: password = `<user>-password`. */
export const people: Record<string, { role: Role; nodeId: string | null }> = {
  alder: { role: 'node', nodeId: 'alder' },
  birch: { role: 'node', nodeId: 'birch' },
  operator: { role: 'operator', nodeId: null },
  home: { role: 'home', nodeId: null },
};

export function loginOf(user: string): Login {
  return { user, password: `${user}-password` };
}

export function credentialOf(user: string, password = loginOf(user).password): Credential {
  const who = people[user];
  assert(who !== undefined, `no such person: ${user}`);
  return { user, ...who, hash: hashPassword(password) };
}

export function everybody(): Credential[] {
  return Object.keys(people).map((user) => credentialOf(user));
}

/** Why the tests on a server are left out here; in CI they never are: there they fail instead. */
export function reasonToSkip(server: ServerName): string | false {
  if (server !== 'mosquitto' || process.env['CI'] !== undefined) return false;
  const environment = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` };
  const found = spawnSync('mosquitto', ['-h'], { env: environment }).error === undefined;
  return found ? false : 'mosquitto is not installed: sudo apt install mosquitto';
}

/** Resolves when `condition` holds; fails after `milliseconds`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  milliseconds = 10_000,
): Promise<void> {
  const end = realClock.monotonicMilliseconds() + milliseconds;
  while (!(await condition())) {
    assert(realClock.monotonicMilliseconds() < end, `waited in vain: ${what}`);
    await realClock.sleep(10);
  }
}

/** Connects once; rejects with what the broker answered. */
export async function connectTo(
  port: number,
  login: Login,
  options: IClientOptions = {},
): Promise<MqttClient> {
  const client = mqtt.connect({
    protocol: 'mqtt',
    host: '127.0.0.1',
    port,
    clientId: login.user,
    username: login.user,
    password: login.password,
    reconnectPeriod: 0,
    connectTimeout: 5_000,
    ...options,
  });
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      client.end(true);
      reject(error);
    };
    client.once('error', fail);
    client.once('close', () => fail(new Error('closed')));
    client.once('connect', () => {
      client.removeAllListeners('error');
      client.on('error', () => undefined);
      resolve(client);
    });
  });
}

/** The QoS granted for each filter, 128 where it was refused. */
export function subscribe(client: MqttClient, filters: string[], qos: 0 | 1 | 2 = 1) {
  return new Promise<number[]>((resolve, reject) => {
    client.subscribe(filters, { qos }, (error, _grants, packet) => {
      if (packet?.granted === undefined) reject(error ?? new Error('no SUBACK'));
      else resolve(packet.granted.map(Number));
    });
  });
}

/** Publishes with QoS 1 and resolves when it was acknowledged. */
export function publish(
  client: MqttClient,
  topic: string,
  payload: string | Buffer,
  retain = false,
) {
  return client.publishAsync(topic, payload, { qos: 1, retain });
}

/** Starts a broker and a planner on it. `credentials` are in force when it resolves. */
export async function openStand(
  options: Partial<BrokerOptions> = {},
  credentials: Credential[] = everybody(),
): Promise<Stand> {
  const state = await mkdtemp(join(tmpdir(), 'salvage-broker-'));
  const start = () => startBroker({ state, port: 0, tlsPort: 0, tlsHost: '127.0.0.1', ...options });
  const clients = new Set<MqttClient>();
  let desired: BrokerDesired = { v: wireVersion, revision: 0, lanOpen: false, credentials: [] };
  let latest: BrokerStatus | null = null;
  let broker = await start();
  let planner = await asPlanner();

  async function asPlanner(): Promise<MqttClient> {
    const file = await readFile(join(state, 'keys', 'planner-mqtt.json'), 'utf8');
    const client = await connectTo(broker.port, JSON.parse(file) as Login);
    clients.add(client);
    client.on('message', (topic, payload) => {
      const message = decode(topic, payload);
      if (message.ok && message.name === 'brokerStatus') latest = message.message;
    });
    await subscribe(client, ['salvage/v1/broker/status']);
    return client;
  }
  const stand: Stand = {
    get broker() {
      return broker;
    },
    state,
    get planner() {
      return planner;
    },
    wish: async (change) => {
      if (!planner.connected) planner = await asPlanner();
      desired = { ...desired, ...change, revision: desired.revision + 1 };
      const packet = encode('brokerDesired', {}, desired);
      await publish(planner, packet.topic, packet.payload, true);
      const answered = (): boolean => latest?.desiredRevision === desired.revision;
      await until(`revision ${desired.revision}`, answered);
      assert(latest !== null);
      return latest;
    },
    connect: async (login, more) => {
      const client = await connectTo(broker.port, login, more);
      clients.add(client);
      return client;
    },
    restart: async () => {
      await broker.stop();
      broker = await start();
    },
    stop: async () => {
      for (const client of clients) client.end(true);
      await broker.stop();
      await rm(state, { recursive: true, force: true });
    },
  };
  await stand.wish({ credentials });
  return stand;
}
