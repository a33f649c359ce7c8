// Round trips and bandwidth between nodes, one pair at a time and only while nothing is asked: two
// measurements at once would measure each other. Which pair is next is a pure question.
import type { NodeId } from '@salvage/contract';
import { type ClusterState, isWorking, type NodeRecord } from '../cluster/state.ts';
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
  const working = [...cluster.nodes.values()].filter(isWorking);
  const nodes = working.map((node) => node.nodeId).sort();
  const hidden = new Set(working.filter(isOnLoopback).map((node) => node.nodeId));
  let oldest: { pair: Pair; at: number } | null = null;
  for (const [index, from] of nodes.entries()) {
    for (const to of nodes.slice(index + 1)) {
      if (hidden.has(from) !== hidden.has(to)) continue;
      const at = cluster.nodes.get(from)?.links[to]?.measuredAt ?? 0;
      const triedAt = failedAt.get(`${from} ${to}`) ?? 0;
      if (now - at < limits.linkAgeMillisecondsMax || now - triedAt < retryMilliseconds) continue;
      if (oldest === null || at < oldest.at) oldest = { pair: { from, to }, at };
    }
  }
  return oldest?.pair ?? null;
}

/** A tunnel that only its own machine reaches: of no use to a node elsewhere. */
function isOnLoopback(node: NodeRecord): boolean {
  const addresses = node.hello?.tunnel.addresses ?? [];
  return addresses.every((address) => /^(127\.|::1$|localhost$)/.test(address));
}

const retryMilliseconds = 10 * 60_000;
