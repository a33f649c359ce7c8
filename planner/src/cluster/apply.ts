// (message, state) -> state. Pure; the same messages in any order of topics give the same cluster,
// because each topic carries its whole state.
import type { Decoded } from '@salvage/contract';
import { type ClusterState, emptyCluster, type Link, type NodeRecord } from './state.ts';

export { emptyCluster };

/** Takes in one message from a node or the broker; messages of other topics change nothing. */
export function applyMessage(state: ClusterState, message: Decoded): ClusterState {
  switch (message.name) {
    case 'nodeHello':
      return change(state, message.ids.nodeId, { hello: message.message });
    case 'nodeStatus':
      return change(state, message.ids.nodeId, { status: message.message });
    case 'nodeState':
      return change(state, message.ids.nodeId, { state: message.message });
    case 'nodeHealth':
      return change(state, message.ids.nodeId, { health: message.message });
    case 'brokerStatus':
      return { ...state, broker: message.message };
    default:
      return state;
  }
}

/** Sets what people decided or what was measured about one node. */
export function change(
  state: ClusterState,
  nodeId: string,
  part: Partial<Omit<NodeRecord, 'nodeId'>>,
): ClusterState {
  const node = { ...(state.nodes.get(nodeId) ?? emptyNode(nodeId)), ...part };
  return { ...state, nodes: new Map(state.nodes).set(nodeId, node) };
}

export function forget(state: ClusterState, nodeId: string): ClusterState {
  const nodes = new Map(state.nodes);
  nodes.delete(nodeId);
  return { ...state, nodes };
}

export function setLink(state: ClusterState, from: string, to: string, link: Link): ClusterState {
  return change(state, from, { links: { ...state.nodes.get(from)?.links, [to]: link } });
}

function emptyNode(nodeId: string): NodeRecord {
  return {
    nodeId,
    hello: null,
    status: null,
    state: null,
    health: null,
    desired: null,
    drained: false,
    links: {},
  };
}
