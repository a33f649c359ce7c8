// Which nodes are there. A last will says so within seconds; what a will cannot say (the broker
// died as well, a message was lost) is noticed by silence. Pure: (cluster, heard) -> lost nodes.
import type { NodeId } from '@salvage/contract';
import type { ClusterState } from '../cluster/state.ts';

export interface Heard {
  /** When each node was last heard of, on the planner's monotonic clock. */
  at: ReadonlyMap<NodeId, number>;
  /** Since when the planner is connected to the broker; null while it is not. */
  connectedSince: number | null;
}

/** Agents wait at most 30 s between attempts to connect. */
const reconnectMillisecondsMax = 45_000;
/** Agents publish their state every 30 s. */
const silenceMillisecondsMax = 120_000;

/** Nodes that count as awake but were not heard of since the broker is back, or for too long. */
export function silentNodes(cluster: ClusterState, heard: Heard, now: number): NodeId[] {
  const { connectedSince } = heard;
  if (connectedSince === null) return [];
  return [...cluster.nodes.values()]
    .filter((node) => node.status?.state === 'awake')
    .map((node) => node.nodeId)
    .filter((nodeId) => {
      const at = heard.at.get(nodeId) ?? 0;
      const lostInOutage = at < connectedSince && now - connectedSince > reconnectMillisecondsMax;
      return lostInOutage || now - Math.max(at, connectedSince) > silenceMillisecondsMax;
    });
}
