// The planner's MQTT session: connects with the credential that the broker left for it, with its
// offline message as last will, and hands decoded messages on.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Decoded,
  type DecodeProblem,
  decode,
  encode,
  type PlannerStatus,
  readFilters,
  wireVersion,
} from '@salvage/contract';
import { type Clock, createSession, type Log, SalvageError, type Session } from '@salvage/kit';
import mqtt from 'mqtt';

export interface LinkOptions {
  url: string;
  state: string;
  instanceId: string;
  version: string;
  clock: Clock;
  log: Log;
  onMessage(message: Decoded): void;
  onProblem(problem: DecodeProblem): void;
  onConnect(): void;
  onClose(): void;
}

const credentialWaitMilliseconds = 20_000;

/** Opens the session; it reconnects by itself for as long as the program lives. */
export async function openLink(options: LinkOptions): Promise<Session> {
  const { user, password } = await readCredential(options);
  const will: PlannerStatus = {
    v: wireVersion,
    state: 'offline',
    instanceId: options.instanceId,
    version: options.version,
    since: null,
    warnings: [],
  };
  const packet = encode('plannerStatus', {}, will);
  const client = mqtt.connect(options.url, {
    clientId: user,
    username: user,
    password,
    keepalive: 30,
    clean: true,
    reconnectPeriod: 500,
    connectTimeout: 10_000,
    queueQoSZero: false,
    will: { topic: packet.topic, payload: Buffer.from(packet.payload), qos: 1, retain: true },
  });
  let lastError = '';
  return createSession({
    client,
    codec: { encode, decode },
    filters: readFilters({ role: 'planner', nodeId: null }),
    onMessage: options.onMessage,
    onProblem: options.onProblem,
    onConnect: () => {
      lastError = '';
      options.onConnect();
    },
    onClose: () => {
      if (lastError === '') options.log.warn('broker-lost', { url: options.url });
      options.onClose();
    },
    onError: (error) => {
      if (error.message !== lastError) options.log.warn('broker-error', { problem: error.message });
      lastError = error.message;
    },
  });
}

/** The broker writes this file at its first start, which may be going on right now. */
async function readCredential(options: LinkOptions): Promise<{ user: string; password: string }> {
  const file = join(options.state, 'keys', 'planner-mqtt.json');
  const until = options.clock.monotonicMilliseconds() + credentialWaitMilliseconds;
  for (;;) {
    try {
      return JSON.parse(await readFile(file, 'utf8')) as { user: string; password: string };
    } catch (error) {
      if (options.clock.monotonicMilliseconds() > until) {
        throw new SalvageError('SLV_BROKER', `no credential for the broker in ${file}`, {
          hint: 'start the broker first, with the same state folder: salvage broker',
          cause: error,
        });
      }
      await options.clock.sleep(100);
    }
  }
}
