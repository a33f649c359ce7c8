// Bytes <-> message. Encoding asserts (a bad message of ours is a bug); decoding never throws (a
// bad message of theirs is data): size is capped before parsing, unknown keys are ignored, missing
// ones refused, and what is refused names topic and field.
import { strict as assert } from 'node:assert';
import * as v from 'valibot';
import {
  type Message,
  type TopicIds,
  type TopicName,
  type TopicRow,
  topicNames,
  topics,
} from './topics.ts';
import { topicPrefix } from './version.ts';

export interface Packet {
  topic: string;
  payload: string;
  qos: 0 | 1;
  retain: boolean;
}

/** Why a packet was refused: shown as a health warning that names node, topic and field. */
export interface DecodeProblem {
  topic: string;
  /** Dotted path of the field, `''` for the message as a whole. */
  field: string;
  reason: string;
}

export type Decoded = {
  [Name in TopicName]: { ok: true; name: Name; ids: TopicIds<Name>; message: Message<Name> };
}[TopicName];

const idLevel = /^\{(\w+)\}$/;

/** `nodeHello`, `{ nodeId: 'x220' }` -> `salvage/v1/node/x220/hello`. */
export function topicOf<Name extends TopicName>(name: Name, ids: TopicIds<Name>): string {
  const pattern: string = topics[name].pattern;
  return `${topicPrefix}/${pattern.replace(/\{(\w+)\}/g, (_, key: string) => {
    const id = (ids as Record<string, string>)[key];
    assert(id !== undefined && /^[^+#/$\0]+$/.test(id), `topic ${name} needs a plain ${key}`);
    return id;
  })}`;
}

/** The subscription that covers every instance of a topic: ids become `+`. */
export function filterOf(name: TopicName, ids: Record<string, string> = {}): string {
  return `${topicPrefix}/${topics[name].pattern.replace(/\{(\w+)\}/g, (_, key) => ids[key] ?? '+')}`;
}

/** Finds the row a topic belongs to and the ids in it; null for a topic that is not ours. */
export function matchTopic(topic: string): { name: TopicName; ids: Record<string, string> } | null {
  const levels = topic.split('/');
  const prefix = topicPrefix.split('/');
  if (prefix.some((level, index) => levels[index] !== level)) return null;
  const rest = levels.slice(prefix.length);
  for (const name of topicNames) {
    const ids = matchLevels(topics[name].pattern.split('/'), rest);
    if (ids !== null) return { name, ids };
  }
  return null;
}

function matchLevels(pattern: string[], levels: string[]): Record<string, string> | null {
  if (pattern.length !== levels.length) return null;
  const ids: Record<string, string> = {};
  for (const [index, want] of pattern.entries()) {
    const have = levels[index] ?? '';
    const key = idLevel.exec(want)?.[1];
    if (key === undefined ? have !== want : have === '') return null;
    if (key !== undefined) ids[key] = have;
  }
  return ids;
}

/** A message as the packet to publish. Throws an assertion error when it breaks its schema. */
export function encode<Name extends TopicName>(
  name: Name,
  ids: TopicIds<Name>,
  message: Message<Name>,
): Packet {
  const row: TopicRow = topics[name];
  const checked = v.safeParse(row.schema, message);
  assert(checked.success, `${name} breaks its schema: ${firstIssue(checked.issues).join(': ')}`);
  const payload = JSON.stringify(checked.output);
  assert(
    Buffer.byteLength(payload) <= row.bytesMax,
    `${name} is larger than ${row.bytesMax} bytes`,
  );
  return { topic: topicOf(name, ids), payload, qos: row.qos, retain: row.retained };
}

/** A packet as a message, or the reason why not. Never throws. */
export function decode(
  topic: string,
  payload: Uint8Array,
): Decoded | { ok: false; problem: DecodeProblem } {
  const refuse = (field: string, reason: string) =>
    ({ ok: false, problem: { topic: topic.slice(0, 200), field, reason } }) as const;
  const match = matchTopic(topic);
  if (match === null) return refuse('', 'not a topic of this wire');
  const row: TopicRow = topics[match.name];
  if (payload.byteLength > row.bytesMax) {
    return refuse('', `${payload.byteLength} bytes where ${row.bytesMax} are allowed`);
  }
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    return refuse('', 'not JSON');
  }
  const checked = v.safeParse(row.schema, json);
  if (!checked.success) return refuse(...firstIssue(checked.issues));
  return { ok: true, name: match.name, ids: match.ids, message: checked.output } as Decoded;
}

function firstIssue(issues: readonly v.BaseIssue<unknown>[] | undefined): [string, string] {
  const issue = issues?.[0];
  if (issue === undefined) return ['', ''];
  return [v.getDotPath(issue) ?? '', issue.message.slice(0, 200)];
}
