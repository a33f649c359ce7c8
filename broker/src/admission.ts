// Who may come in: one CONNECT packet, judged in front of whichever server runs, so that Aedes and
// Mosquitto admit exactly the same clients.
import {
  type Credential,
  matchTopic,
  mayWrite,
  type Principal,
  type TopicRow,
  topics,
} from '@salvage/contract';
import type { IConnectPacket } from 'mqtt-packet';
import { limits } from './limits.ts';
import { hasPrototypeName } from './publish-law.ts';

/** Who is at the other end of a connection; fixed for its life. */
export interface Identity {
  user: string;
  clientId: string;
  principal: Principal;
}

/** CONNACK return codes of MQTT 3.1.1 §3.2.2.3. */
export const returnCodes = {
  protocolVersion: 1,
  identifier: 2,
  unavailable: 3,
  credentials: 4,
  notAuthorised: 5,
} as const;
export type ReturnCode = (typeof returnCodes)[keyof typeof returnCodes];

export type Admission =
  | { admitted: true; identity: Identity }
  | { admitted: false; returnCode: ReturnCode; reason: string };

export interface AdmissionQuestions {
  find(user: string): Credential | null;
  /** Compares a password with a hash; also asked for unknown users, so that time tells nothing. */
  verify(password: string, hash: string): boolean;
  hasRoom(identity: Identity): boolean;
}

/** A hash that no password makes. */
const nobodysHash = `$7$101$${'A'.repeat(16)}$${'A'.repeat(86)}==`;

const idPattern = /^[\x20-\x7e]+$/;

/** Judges a CONNECT: version, client id, keepalive, password, last will, room, in that order. */
export function judgeConnect(packet: IConnectPacket, ask: AdmissionQuestions): Admission {
  const refuse = (returnCode: ReturnCode, reason: string): Admission => ({
    admitted: false,
    returnCode,
    reason,
  });
  const { clientId, username: user = '', keepalive = 0, will } = packet;
  if (packet.protocolVersion !== 4 && packet.protocolVersion !== 3) {
    return refuse(returnCodes.protocolVersion, 'only MQTT 3.1 and 3.1.1 are spoken here');
  }
  if ('bridgeMode' in packet) return refuse(returnCodes.protocolVersion, 'bridges are not taken');
  if (clientId.length > limits.clientIdCharactersMax || !idPattern.test(clientId)) {
    return refuse(returnCodes.identifier, 'the client id is empty, too long or not plain ASCII');
  }
  if (keepalive === 0 || keepalive > limits.keepaliveSecondsMax) {
    return refuse(
      returnCodes.identifier,
      `a keepalive of 1-${limits.keepaliveSecondsMax} s is due`,
    );
  }
  const credential = ask.find(user);
  const password = packet.password?.toString('utf8') ?? '';
  const matches = ask.verify(password, credential?.hash ?? nobodysHash);
  if (credential === null || !matches) {
    return refuse(returnCodes.credentials, 'unknown user or wrong password');
  }
  if (clientId !== user && !clientId.startsWith(`${user}:`)) {
    return refuse(returnCodes.identifier, 'the client id is neither the user nor begins with it');
  }
  if ([user, ...clientId.split(':')].some(hasPrototypeName)) {
    return refuse(returnCodes.identifier, 'the client id is a reserved name');
  }
  const principal = { role: credential.role, nodeId: credential.nodeId };
  const willReason = will === undefined ? null : refuseWill(principal, will);
  if (willReason !== null) return refuse(returnCodes.notAuthorised, willReason);
  const identity = { user, clientId, principal };
  if (!ask.hasRoom(identity)) return refuse(returnCodes.unavailable, 'too many clients');
  return { admitted: true, identity };
}

function refuseWill(who: Principal, will: NonNullable<IConnectPacket['will']>): string | null {
  if ((will.qos ?? 0) > 1) return 'a last will with QoS 2';
  const match = hasPrototypeName(will.topic) ? null : matchTopic(will.topic);
  if (match === null || !mayWrite(who, will.topic)) return 'a last will on a topic of others';
  const row: TopicRow = topics[match.name];
  if (Buffer.byteLength(will.payload) > row.bytesMax) return 'a last will larger than its topic';
  if (will.retain === true && !row.retained) return 'a retained last will where none is kept';
  return null;
}
