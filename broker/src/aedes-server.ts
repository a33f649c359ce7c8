// Aedes 1.2.0 in this process. Retained messages are in memory only: planner and agents republish
// their own on every connect.
//
// A PUBLISH that the law refuses cannot be answered with an error: Aedes would close the connection,
// and one wrong topic would cut a node off from everything else. So the packet is emptied and sent
// to a topic that nobody can subscribe to: it is acknowledged, as MQTT 3.1.1 wants, and vanishes.

import { mayRead } from '@salvage/contract';
import { Aedes, type Client, type PublishPacket } from 'aedes';
import type { Identity } from './admission.ts';
import { GuardedConnection } from './guarded-connection.ts';
import { limits } from './limits.ts';
import { hasPrototypeName, judgePublish, refuseSubscribe } from './publish-law.ts';
import type { MqttServer, ServerOptions } from './server.ts';

/** No filter of the law matches it: all of those begin with the contract's prefix. */
const deadLetterTopic = '$dead';

/** Starts Aedes; it listens nowhere and takes the connections it is handed. */
export async function startAedes(options: ServerOptions): Promise<MqttServer> {
  const { log, denied } = options;
  const subscriptions = new WeakMap<Client, Set<string>>();
  const aedes = await Aedes.createBroker({
    concurrency: limits.messagesAtOnce,
    queueLimit: limits.queuedBeforeConnackMax,
    connectTimeout: limits.connectMilliseconds,
    drainTimeout: limits.drainMilliseconds,
    keepaliveLimit: limits.keepaliveSecondsMax,
    maxClientsIdLength: limits.clientIdCharactersMax,
    // The guard has judged the password; a connection without a guard is nobody.
    authenticate: (client, _user, _password, done) => done(null, identityOf(client) !== null),
    authorizePublish: (client, packet, done) => {
      const who = identityOf(client);
      const verdict =
        who === null
          ? ({ allowed: false, reason: 'nobody' } as const)
          : judgePublish(who.principal, {
              topic: packet.topic,
              qos: packet.qos,
              retain: packet.retain,
              payloadBytes: Buffer.byteLength(packet.payload),
            });
      if (verdict.allowed) {
        packet.retain = verdict.retain;
      } else {
        denied('publish', { user: who?.user, topic: shown(packet.topic), reason: verdict.reason });
        bury(packet);
      }
      done(null);
    },
    authorizeSubscribe: (client, wish, done) => {
      const who = identityOf(client);
      const held = subscriptions.get(client) ?? new Set();
      subscriptions.set(client, held);
      const count = held.has(wish.topic) ? held.size - 1 : held.size;
      const reason = who === null ? 'nobody' : refuseSubscribe(who.principal, wish, count);
      if (reason === null) {
        held.add(wish.topic);
        return done(null, wish);
      }
      denied('subscribe', { user: who?.user, topic: shown(wish.topic), reason });
      done(null, null);
    },
    // A second look at delivery, should a filter ever be granted that matches more than it may.
    authorizeForward: (client, packet) => {
      const who = identityOf(client);
      if (who === null || hasPrototypeName(packet.topic)) return null;
      return mayRead(who.principal, packet.topic) ? packet : null;
    },
  });
  aedes.on('unsubscribe', (topics, client) => {
    for (const topic of topics) subscriptions.get(client)?.delete(topic);
  });
  const trouble = (client: Client, error: Error): void =>
    log.debug('client-error', { clientId: client.id, problem: error.message });
  aedes.on('clientError', trouble);
  aedes.on('connectionError', trouble);
  aedes.addListener('error', (error: Error) =>
    log.error('aedes-error', { problem: error.message }),
  );
  return {
    name: 'aedes',
    version: String(Reflect.get(aedes, 'version')),
    accept: (connection) => void aedes.handle(connection),
    refresh: () => Promise.resolve(),
    stop: () => new Promise((resolve) => aedes.close(() => resolve())),
  };
}

function identityOf(client: Client | null): Identity | null {
  return client?.conn instanceof GuardedConnection ? client.conn.identity : null;
}

function bury(packet: PublishPacket): void {
  packet.topic = deadLetterTopic;
  packet.payload = Buffer.alloc(0);
  packet.retain = false;
}

function shown(topic: string): string {
  return topic.slice(0, 200);
}
