// The cluster as the planner knows it: rebuilt from retained messages after a restart, never
// saved. Pure data.
import type {
  BrokerStatus,
  NodeDesired,
  NodeHealth,
  NodeHello,
  NodeId,
  NodeState,
  NodeStatus,
} from '@salvage/contract';

/** Round trip and bandwidth between two nodes' tunnel ports, as the first one measured them. */
export interface Link {
  roundTripMilliseconds: number;
  bytesPerSecond: number;
  measuredAt: number;
}

export interface NodeRecord {
  nodeId: NodeId;
  hello: NodeHello | null;
  status: NodeStatus | null;
  state: NodeState | null;
  health: NodeHealth | null;
  /** The last document that was published for it, with our decisions in it. */
  desired: NodeDesired | null;
  /** True while a person keeps work away from it. */
  drained: boolean;
  links: Readonly<Record<NodeId, Link>>;
}

export interface ClusterState {
  nodes: ReadonlyMap<NodeId, NodeRecord>;
  broker: BrokerStatus | null;
}

export const emptyCluster: ClusterState = { nodes: new Map(), broker: null };

/** A node that runs and takes work. */
export function isWorking(node: NodeRecord): boolean {
  return node.status?.state === 'awake' && node.hello !== null && !node.drained;
}
