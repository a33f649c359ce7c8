// The access law, packet by packet: the contract says who may write and read; this adds what a
// broker must guard besides (sizes, the retained flag, QoS 2, names of JavaScript's prototype).
import {
  matchTopic,
  mayRead,
  mayWrite,
  type Principal,
  type TopicRow,
  topics,
} from '@salvage/contract';
import { limits } from './limits.ts';

/** What the law says of a PUBLISH: refused, or allowed, kept when `retain` is true. */
export type PublishVerdict =
  | { allowed: true; retain: boolean }
  | { allowed: false; reason: string };

export interface PublishQuestion {
  topic: string;
  qos: number;
  retain: boolean;
  payloadBytes: number;
}

const prototypeNames = new Set(Object.getOwnPropertyNames(Object.prototype));

/**
 * True when a level of `topic` is a name that every JavaScript object has. Libraries that look
 * topics and ids up in plain objects have crashed over them (GHSA-52qw-whmv-87c5).
 */
export function hasPrototypeName(topic: string): boolean {
  return topic.split('/').some((level) => prototypeNames.has(level));
}

export function judgePublish(who: Principal, packet: PublishQuestion): PublishVerdict {
  const no = (reason: string): PublishVerdict => ({ allowed: false, reason });
  if (packet.qos > 1) return no('QoS 2');
  if (hasPrototypeName(packet.topic)) return no('a reserved name in the topic');
  const match = matchTopic(packet.topic);
  if (match === null || !mayWrite(who, packet.topic)) return no('not a topic this user writes');
  const row: TopicRow = topics[match.name];
  if (packet.payloadBytes > row.bytesMax) {
    return no(`${packet.payloadBytes} bytes where ${row.bytesMax} are allowed`);
  }
  return { allowed: true, retain: packet.retain && row.retained };
}

/** Null when `who` may subscribe, else why not. `subscriptions` is how many it holds already. */
export function refuseSubscribe(
  who: Principal,
  wish: { topic: string; qos: number },
  subscriptions: number,
): string | null {
  if (wish.qos > 1) return 'QoS 2';
  if (hasPrototypeName(wish.topic)) return 'a reserved name in the filter';
  if (!mayRead(who, wish.topic)) return 'not a topic this user reads';
  if (subscriptions >= limits.subscriptionsPerClientMax) return 'too many subscriptions';
  return null;
}
