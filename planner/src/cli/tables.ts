// The table of nodes, as `status`, `nodes list` and `up` show it. Pure.
import type { NodeView } from '../operator/api.ts';
import { bytesText, countText, rangeText, shareText, unknown } from './format.ts';
import { formatTable, type Look, plainLook } from './table-format.ts';

/** One row a node. */
export function nodesTable(nodes: readonly NodeView[], look: Look = plainLook): string {
  if (nodes.length === 0) return 'no nodes yet: salvage token create prints the line that adds one';
  return formatTable({
    ...look,
    columns: [
      { head: 'NODE', wraps: true },
      { head: 'STATE', wraps: true },
      { head: 'MACHINE', wraps: true },
      { head: 'FREE', align: 'right', wraps: true },
      { head: 'WATTS' },
      { head: 'READY' },
    ],
    rows: nodes.map((node) => [
      node.name === node.nodeId ? node.nodeId : `${node.nodeId}\n(${node.name})`,
      node.drained ? `${node.state}, drained` : node.state,
      machineOf(node),
      memoryOf(node),
      wattsOf(node),
      enginesOf(node),
    ]),
  });
}

function machineOf(node: NodeView): string {
  const name = node.machine ?? node.cpuName ?? node.architecture ?? unknown;
  const cores = node.coresPhysical === null ? '' : `, ${countText(node.coresPhysical, 'core')}`;
  return `${name}${cores}${node.local ? ' (here)' : ''}`;
}

function memoryOf(node: NodeView): string {
  if (node.memoryTotalBytes === null) return unknown;
  const free = node.memoryAvailableBytes === null ? '?' : bytesText(node.memoryAvailableBytes);
  return `${free} of ${bytesText(node.memoryTotalBytes)}`;
}

/** A profile's watts are estimates: the intervals say more than their middle. */
function wattsOf(node: NodeView): string {
  if (node.watts === null) return unknown;
  const { idle, load } = node.watts;
  return `idle ${rangeText(idle)} E\nload ${rangeText(load)} E`;
}

function enginesOf(node: NodeView): string {
  const lines = node.engines.map((engine) => {
    if (engine.phase === 'ready') return engine.modelId;
    const share = engine.phase === 'failed' ? '' : ` ${shareText(engine.progress)}`;
    return `${engine.modelId} ${engine.phase}${share}`;
  });
  return lines.length === 0 ? unknown : lines.join('\n');
}
