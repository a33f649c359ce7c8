// The warden: the broker's own client session. It reads the retained `broker/desired`, brings
// credentials and doors to that state, and says in `broker/status` how far it has come. It speaks
// MQTT like everybody else, so it works in front of either server.
import {
  type BrokerDesired,
  type BrokerStatus,
  decode,
  encode,
  filterOf,
  wireVersion,
} from '@salvage/contract';
import { type Clock, createSession, type Log, messageOf, SalvageError } from '@salvage/kit';
import mqtt from 'mqtt';
import { type CredentialBook, sortCredentials } from './credential-book.ts';
import type { CredentialStore } from './credential-store.ts';
import { limits } from './limits.ts';
import type { Roster } from './roster.ts';
import type { MqttServer } from './server.ts';
import type { TlsDoor } from './tls-door.ts';

export const wardenUser = 'broker';

export interface WardenOptions {
  host: string;
  port: number;
  password: string;
  server: MqttServer;
  book: CredentialBook;
  store: CredentialStore;
  roster: Roster;
  tlsDoor: TlsDoor;
  /** What was wrong at the start, said until the next wish. */
  problem: string | null;
  clock: Clock;
  log: Log;
}

export interface Warden {
  stop(): Promise<void>;
}

/** Resolves when the warden listens. Rejects with SLV_BROKER when it cannot get in. */
export async function startWarden(options: WardenOptions): Promise<Warden> {
  const { server, store, log, clock } = options;
  const since = clock.unixMilliseconds();
  let { revision } = store.read();
  let problem = options.problem;
  let wish: BrokerDesired | null = null;
  let working: Promise<void> | null = null;

  const status = (state: BrokerStatus['state']): BrokerStatus => ({
    v: wireVersion,
    state,
    server: server.name,
    version: server.version,
    since: state === 'online' ? since : null,
    desiredRevision: revision,
    tls: options.tlsDoor.address,
    problem: problem === null ? null : problem.slice(0, limits.problemCharactersMax),
  });
  const publish = (): void => session.publish('brokerStatus', {}, status('online'));

  /** Works through wishes one at a time; of those that wait, only the newest counts. */
  const work = async (): Promise<void> => {
    for (let next = wish; next !== null; next = wish) {
      wish = null;
      problem = await apply(options, next);
      revision = next.revision;
      if (problem !== null) log.warn('desired-problem', { revision, problem });
      publish();
    }
  };
  const listening = new AbortController();
  const will = encode('brokerStatus', {}, { ...status('offline'), tls: null });
  const client = mqtt.connect({
    protocol: 'mqtt',
    host: options.host,
    port: options.port,
    clientId: wardenUser,
    username: wardenUser,
    password: options.password,
    keepalive: 30,
    clean: true,
    reconnectPeriod: 250,
    connectTimeout: limits.connectMilliseconds,
    queueQoSZero: false,
    will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: true },
  });
  const session = createSession({
    client,
    codec: { encode, decode },
    filters: [filterOf('brokerDesired')],
    onMessage: (message) => {
      if (message.name !== 'brokerDesired') return;
      wish = message.message;
      working ??= work().finally(() => {
        working = null;
      });
    },
    onProblem: ({ field, reason }) => {
      problem = `broker/desired cannot be read: ${field} ${reason}`;
      log.warn('desired-unreadable', { field, reason });
      publish();
    },
    onConnect: () => listening.abort(),
    onError: (error) => log.warn('warden-error', { problem: error.message }),
  });
  publish();

  const stop = async (): Promise<void> => {
    wish = null;
    await working;
    const ended = new AbortController();
    void session.end().then(() => ended.abort());
    await clock.sleep(limits.stopMilliseconds, ended.signal);
    client.end(true);
  };
  await clock.sleep(limits.wardenConnectMilliseconds, listening.signal);
  if (!listening.signal.aborted) {
    await stop();
    throw new SalvageError('SLV_BROKER', 'the broker does not answer its own client');
  }
  return { stop };
}

/** Brings one wish into force. What is wrong with it, null when nothing is. */
async function apply(options: WardenOptions, desired: BrokerDesired): Promise<string | null> {
  const { book, store, server, roster, log } = options;
  const { accepted, problems } = sortCredentials(desired.credentials);
  const change = book.replace(accepted);
  const { lanOpen, revision } = desired;
  const attempt = async (step: () => unknown): Promise<void> => {
    try {
      await step();
    } catch (error) {
      problems.push(messageOf(error));
    }
  };
  const saved = store.read();
  if (change.any || saved.lanOpen !== lanOpen || saved.revision !== revision) {
    await attempt(() => store.replace({ credentials: accepted, lanOpen, revision }));
  }
  // The doors ask the book, so from here on nobody who is revoked comes in again.
  const ended = roster.disconnect(change.revoked);
  if (change.any) {
    log.info('credentials', { count: accepted.length, revoked: change.revoked.size, ended });
    await attempt(() => server.refresh());
  }
  const tlsProblem = await options.tlsDoor.set(lanOpen);
  if (tlsProblem !== null) problems.push(tlsProblem);
  return problems.length === 0 ? null : problems.join('; ');
}
