// Which of two possible candidates comes first. Every key belongs to one candidate alone, so this
// is a total order: the winner does not depend on the losers, nor on the order of the list.
import type { NodeId } from '@salvage/contract';
import type { NodeRecord } from '../cluster/state.ts';
import type { Considered, PlaceRequest } from './types.ts';

/** Staying where a model is ready is worth a tenth: less than that is not worth moving for. */
export const stayingFactor = 0.9;

/**
 * Load watts that a machine without a figure is ranked by, so that joules and seconds can be put
 * in one order: the medians of the bundled profiles, boards and PCs apart. Never shown as a
 * figure of that machine: its joules stay null. (Ranking by joules only where all have them, and
 * by time elsewhere, would let a loser's arrival or departure change the winner.)
 */
const assumedLoadWatts = { board: 6, pc: 34 } as const;

export function assumedWattsOf(node: NodeRecord | undefined): number {
  return node?.hello?.facts.architecture === 'x64' ? assumedLoadWatts.pc : assumedLoadWatts.board;
}

/**
 * 1. the whole context that was wanted before a shorter one, longer before shorter;
 * 2. fewer expected joules per token, those of a ready engine times `stayingFactor`, those of a
 *    machine without a figure its seconds per token times `assumedWattsOf`: among such machines of
 *    one kind that is simply the faster one;
 * 3. ready before not; 4. sooner ready; 5. by id, so that equals have one order.
 */
export function compareConsidered(
  request: Pick<PlaceRequest, 'nodes' | 'ready' | 'contextTokens' | 'model'>,
): (a: Considered, b: Considered) => number {
  const nodes = new Map<NodeId, NodeRecord>(request.nodes.map((node) => [node.nodeId, node]));
  const wanted = Math.min(request.contextTokens, request.model.contextTokensMax);
  const keysOf = ({ candidate, price }: Considered): readonly number[] => {
    const isReady = request.ready.has(candidate.head);
    const watts = assumedWattsOf(nodes.get(candidate.head));
    const joules = price.joulesPerToken?.value ?? watts / price.decodeTokensPerSecond.value;
    return [
      -Math.min(wanted, candidate.contextTokens),
      joules * (isReady ? stayingFactor : 1),
      isReady ? 0 : 1,
      price.loadSeconds,
    ];
  };
  return (a, b) => {
    const left = keysOf(a);
    const right = keysOf(b);
    for (const [index, key] of left.entries()) {
      const other = right[index] ?? key;
      if (key !== other) return key < other ? -1 : 1;
    }
    return a.candidate.head < b.candidate.head ? -1 : 1;
  };
}
