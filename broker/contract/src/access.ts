// The access law, derived from the topic table: who may write and who may read which topic. The
// broker asks these two questions of every packet; Mosquitto's ACL file is printed from the same
// rows.
import { filterOf, matchTopic } from './codec.ts';
import type { NodeId, Role } from './ids.ts';
import { type TopicName, type TopicRow, topicNames, topics } from './topics.ts';

export interface Principal {
  role: Role;
  /** Set for the role `node` alone. */
  nodeId: NodeId | null;
}

/** True when `who` may publish to `topic` (a full topic name, no wildcards). */
export function mayWrite(who: Principal, topic: string): boolean {
  const match = matchTopic(topic);
  if (match === null) return false;
  const row: TopicRow = topics[match.name];
  return row.writers.includes(who.role) && owns(who, match.ids);
}

/** True when `who` may subscribe to `filter`: it must be one of the filters of its own rows. */
export function mayRead(who: Principal, filter: string): boolean {
  return readFilters(who).some((allowed) => covers(allowed, filter));
}

/** Every filter `who` may subscribe to; a node's hold its own id where the planner's hold `+`. */
export function readFilters(who: Principal): string[] {
  return filters(who, 'readers');
}

/** Every filter `who` may publish under, for brokers that take the law as a file. */
export function writeFilters(who: Principal): string[] {
  return filters(who, 'writers');
}

function filters(who: Principal, side: 'readers' | 'writers'): string[] {
  if (who.role === 'node' && who.nodeId === null) return []; // of no node, so of none
  return topicNames
    .filter((name: TopicName) => (topics[name] as TopicRow)[side].includes(who.role))
    .map((name) => filterOf(name, who.role === 'node' && who.nodeId ? { nodeId: who.nodeId } : {}));
}

function owns(who: Principal, ids: Record<string, string>): boolean {
  if (who.role !== 'node') return true;
  return ids['nodeId'] === undefined || ids['nodeId'] === who.nodeId;
}

/** True when every topic that `filter` matches is matched by `allowed` as well. */
function covers(allowed: string, filter: string): boolean {
  const have = allowed.split('/');
  const want = filter.split('/');
  if (have.length !== want.length) return false;
  return want.every((level, index) => {
    if (level === '#') return false;
    return have[index] === '+' ? level !== '' : have[index] === level;
  });
}
