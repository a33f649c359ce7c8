// Round trips and bandwidth between nodes, one pair at a time and only while nothing is asked: two
// measurements at once would measure each other. Which pair is next is a pure question.
import type { NodeId } from '@salvage/contract';
import { type ClusterState, isWorking } from '../cluster/state.ts';
import { limits } from '../limits.ts';

export interface Pair {
  from: NodeId;
  to: NodeId;
}

/** The pair whose link is unknown or oldest; null when all are fresh. Ids in order. */
export function nextPair(
  cluster: ClusterState,
  failedAt: ReadonlyMap<string, number>,
  now: number,
): Pair | null {
  const nodes = [...cluster.nodes.values()]
    .filter(isWorking)
    .map((node) => node.nodeId)
    .sort();
  let oldest: { pair: Pair; at: number } | null = null;
  for (const [index, from] of nodes.entries()) {
    for (const to of nodes.slice(index + 1)) {
      const at = cluster.nodes.get(from)?.links[to]?.measuredAt ?? 0;
      const triedAt = failedAt.get(`${from} ${to}`) ?? 0;
      if (now - at < limits.linkAgeMillisecondsMax || now - triedAt < retryMilliseconds) continue;
      if (oldest === null || at < oldest.at) oldest = { pair: { from, to }, at };
    }
  }
  return oldest?.pair ?? null;
}

const retryMilliseconds = 10 * 60_000;
