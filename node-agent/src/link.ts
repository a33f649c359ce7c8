// The agent's MQTT connection: TLS against the cluster's own authority where the address says
// mqtts, the last will `gone`, and reconnects that wait longer each time and never in step with
// the other nodes after a power cut.
import {
  type Decoded,
  type DecodeProblem,
  decode,
  encode,
  type NodeStatus,
  readFilters,
  wireVersion,
} from '@salvage/contract';
import { createSession, type Log, type Session } from '@salvage/kit';
import mqtt from 'mqtt';
import type { Identity } from './identity.ts';
import { limits } from './limits.ts';

export interface Link extends Session {
  /** Bytes written to the broker since the start, over all connections. */
  bytesSent(): number;
}

export interface LinkOptions {
  identity: Identity;
  url: string;
  /** Called from the client's callback: enqueue, do not act. */
  onMessage(message: Decoded): void;
  onProblem(problem: DecodeProblem): void;
  onConnect(): void;
  /** 0 to 1. */
  random(): number;
  log: Log;
}

/** Milliseconds before attempt number `attempt + 1`: doubling, and half of it left to chance. */
export function reconnectWait(attempt: number, random: () => number): number {
  const { mqttReconnectMillisecondsMin: min, mqttReconnectMillisecondsMax: max } = limits;
  const wait = Math.min(max, min * 2 ** Math.min(attempt, 16));
  return Math.max(min, Math.round(wait * (0.5 + random() / 2)));
}

/** Opens the session; it reconnects by itself until `end`. */
export function openLink(options: LinkOptions): Link {
  const { identity, url, log, random } = options;
  const { nodeId } = identity;
  const will: NodeStatus = { v: wireVersion, state: 'gone', since: null, wakeExpectedAt: null };
  const packet = encode('nodeStatus', { nodeId }, will);
  const secure = url.startsWith('mqtts:');
  const client = mqtt.connect(url, {
    clientId: identity.mqtt.user,
    username: identity.mqtt.user,
    password: identity.mqtt.password,
    keepalive: limits.mqttKeepaliveSeconds,
    clean: true,
    reconnectPeriod: reconnectWait(0, random),
    connectTimeout: limits.mqttConnectTimeoutMilliseconds,
    queueQoSZero: false,
    resubscribe: false, // the session subscribes on every connect
    will: { topic: packet.topic, payload: Buffer.from(packet.payload), qos: 1, retain: true },
    ...(secure ? { ca: identity.caPem, servername: 'hub.salvage.internal' } : {}),
  });

  let attempt = 0;
  let sentBefore = 0;
  let lastError = '';
  let isConnected = false;
  const sentNow = (): number =>
    (client.stream as { bytesWritten?: number } | undefined)?.bytesWritten ?? 0;
  client.on('reconnect', () => {
    attempt += 1;
    client.options.reconnectPeriod = reconnectWait(attempt, random);
  });
  client.on('connect', () => {
    attempt = 0;
    client.options.reconnectPeriod = reconnectWait(0, random);
  });
  client.on('close', () => {
    sentBefore += sentNow();
  });

  const session = createSession({
    client,
    codec: { encode, decode },
    filters: readFilters({ role: 'node', nodeId }),
    onMessage: options.onMessage,
    onProblem: options.onProblem,
    onConnect: () => {
      lastError = '';
      isConnected = true;
      log.info('broker-connected', { url });
      options.onConnect();
    },
    onClose: () => {
      if (isConnected) log.warn('broker-lost', { url });
      isConnected = false;
    },
    onError: (error) => {
      if (error.message === lastError) return; // once for each cause, not for each attempt
      lastError = error.message;
      log.warn('broker-error', { url, code: codeOf(error), problem: error.message });
    },
  });
  return {
    get connected() {
      return session.connected;
    },
    publish: session.publish,
    end: session.end,
    bytesSent: () => sentBefore + (client.connected ? sentNow() : 0),
  };
}

/** CONNACK 4 and 5 (MQTT 3.1.1 §3.2.2.3): the broker does not know these credentials. */
function codeOf(error: Error & { code?: unknown }): 'SLV_BROKER' | 'SLV_BROKER_REFUSED' {
  return error.code === 4 || error.code === 5 ? 'SLV_BROKER_REFUSED' : 'SLV_BROKER';
}
