// place(): where one model runs, exact over its candidates under this cost model. A candidate is a
// node with the whole model on it (paged and split ones come with engines that can run them). Each
// node gives a price or a refusal, by itself: what other nodes are there changes neither, so a
// loser that leaves or a node that cannot never changes the winner. Pure.
import type { EngineName, NodeId } from '@salvage/contract';
import type { NodeRecord } from '../cluster/state.ts';
import { addressBytesMax, memoryOf, reserveBytes } from '../cost/memory.ts';
import { hasModel, priceOf } from '../cost/price.ts';
import { becauseOf, megabytes, perSecond } from './explain.ts';
import { compareConsidered } from './rank.ts';
import type {
  Candidate,
  Considered,
  PlaceAnswer,
  PlaceRequest,
  Refusal,
  RefusalCode,
} from './types.ts';

/** A context is halved down to this before a node is refused, or to what was asked if less. */
export const contextTokensMin = 512;

/** Engines that run whole models, the one that needs no build first. */
const wholeEngines: readonly EngineName[] = ['binding', 'llama-server', 'fake'];

/** Disk that a fetched model leaves free. */
const diskReserveBytes = 256 * 1024 * 1024;

/**
 * The winner, everyone else who could, and why each other cannot. Ranking is `compareConsidered`.
 *
 * Memory that counts as free on a node: MemAvailable as it last said, less `reserveBytes` for its
 * system, less `memoryTakenBytes` (placements that are decided but not loaded yet: engines that run
 * are already missing from MemAvailable). The kernel counts a running engine's mapped weights as
 * available, because it could drop them; whoever wants them kept adds them to `memoryTakenBytes`.
 * Where this model runs already, its own need is given back before another context is tried.
 */
export function place(request: PlaceRequest): PlaceAnswer {
  const refusals: Refusal[] = [];
  const considered: Considered[] = [];
  for (const node of request.nodes) {
    const verdict = judge(request, node);
    if ('candidate' in verdict) considered.push(verdict);
    else refusals.push(verdict);
  }
  refusals.sort((a, b) => ((a.nodeId ?? '') < (b.nodeId ?? '') ? -1 : 1));
  if (request.nodes.length === 0) {
    refusals.push({ nodeId: null, code: 'no-nodes', text: 'no node has joined yet' });
  }
  const rank = compareConsidered(request);
  const [winner, ...runnersUp] = considered.sort(rank);
  if (winner === undefined) return { ok: false, refusals };
  return { ok: true, winner, runnersUp, refusals, because: becauseOf(winner, runnersUp, request) };
}

/** One node's price or its refusal. */
function judge(request: PlaceRequest, node: NodeRecord): Considered | Refusal {
  const { nodeId } = node;
  const no = (code: RefusalCode, text: string): Refusal => ({ nodeId, code, text });
  const absence = absenceOf(node);
  if (absence !== null) return no('not-awake', absence);
  if (node.drained) return no('drained', 'a person keeps work away from it');
  const failed = request.failed.get(nodeId);
  if (failed !== undefined) return no('failed-before', `its engine failed lately: ${failed}`);
  const names = node.hello?.engines.map(({ name }) => name) ?? [];
  const engine = wholeEngines.find((name) => names.includes(name));
  if (engine === undefined) return no('no-engine', 'it has no engine that runs whole models');

  const running = runningContext(request, node);
  const fit = running?.isEnough
    ? fitOfRunning(request, node, running.tokens)
    : fitOf(request, node);
  if ('code' in fit) return fit;
  if (running === null) {
    const lack = diskLack(request, node);
    if (lack !== null) return no('disk', lack);
  }
  const candidate: Candidate = {
    kind: 'whole',
    modelId: request.model.modelId,
    head: nodeId,
    workers: [],
    layers: [],
    engine,
    contextTokens: fit.contextTokens,
    parallel: 1,
    threads: 0, // the agent takes its best measured count
  };
  const price = priceOf({
    candidate,
    model: request.model,
    node,
    profile: request.profiles.get(nodeId) ?? null,
    memoryFreeBytes: fit.memoryFreeBytes,
    isRunning: running?.tokens === fit.contextTokens,
  });
  if (price === null) return no('not-awake', 'it has not said what it is');
  // What was measured counts as it is; a guess refuses only when even its high end is too slow.
  const { value, high } = price.decodeTokensPerSecond;
  const speed = price.basis === 'measured' ? value : high;
  if (speed < request.speedFloorTokensPerSecond) {
    const floor = perSecond(request.speedFloorTokensPerSecond);
    return no(
      'speed-floor',
      `${perSecond(speed)} (${price.basis}) are below the floor of ${floor}`,
    );
  }
  return { candidate, price };
}

/** Why a node cannot be asked at all; null when it can. */
function absenceOf(node: NodeRecord): string | null {
  const state = node.status?.state;
  if (state === undefined) return 'it was not heard of since the planner started';
  if (state !== 'awake') return `it is ${state}`;
  if (node.hello === null) return 'it has not said what it is';
  if (node.state === null) return 'it has not said yet how much memory is free';
  return null;
}

interface Fit {
  contextTokens: number;
  memoryFreeBytes: number;
}

/** The largest context, from the wanted one down by halves, that memory and addresses allow. */
function fitOf(request: PlaceRequest, node: NodeRecord): Fit | Refusal {
  const { model } = request;
  const no = (code: RefusalCode, text: string): Refusal => ({ nodeId: node.nodeId, code, text });
  const wanted = wantedContext(request);
  const least = Math.min(wanted, contextTokensMin);
  const own = runningContext(request, node);
  const ownBytes =
    own === null ? 0 : memoryOf(model, { contextTokens: own.tokens, parallel: 1 }).totalBytes;
  const memoryFreeBytes = freeBytesOf(node, request.memoryTakenBytes) + ownBytes;
  const addressBytes = node.hello === null ? 0 : addressBytesMax(node.hello.facts);
  const room = Math.min(memoryFreeBytes, addressBytes);
  for (let tokens = wanted; tokens >= least; tokens = nextContext(tokens, least)) {
    const { totalBytes } = memoryOf(model, { contextTokens: tokens, parallel: 1 });
    if (totalBytes <= room) return { contextTokens: tokens, memoryFreeBytes };
    if (tokens === least) break;
  }
  const need = memoryOf(model, { contextTokens: least, parallel: 1 });
  const needText = `it needs ${megabytes(need.totalBytes)} with a context of ${least}`;
  if (need.totalBytes > addressBytes) {
    const text = `${needText}; a 32-bit process can address ${megabytes(addressBytes)}`;
    return no('address-bits', text);
  }
  const freeText = `${megabytes(Math.max(0, memoryFreeBytes))} are free`;
  return no(
    need.weightsBytes <= memoryFreeBytes ? 'context' : 'memory',
    `${needText}; ${freeText}`,
  );
}

function nextContext(tokens: number, least: number): number {
  return Math.max(least, Math.floor(tokens / 2));
}

function wantedContext(request: PlaceRequest): number {
  return Math.max(1, Math.min(request.contextTokens, request.model.contextTokensMax));
}

/**
 * The context of the engine that already runs this model here, and whether it is kept: when it is
 * as long as wanted, or when the wanted one would not fit whole. Growing by steps as memory comes
 * and goes would only restart it.
 */
function runningContext(
  request: PlaceRequest,
  node: NodeRecord,
): { tokens: number; isEnough: boolean } | null {
  if (!request.ready.has(node.nodeId)) return null;
  const { model } = request;
  const engine = node.state?.engines.find(
    ({ modelSha256, phase }) => modelSha256 === model.sha256 && phase === 'ready',
  );
  const wanted = wantedContext(request);
  const tokens = engine?.contextTokens || wanted;
  if (tokens >= wanted) return { tokens, isEnough: true };
  const more =
    memoryOf(model, { contextTokens: wanted, parallel: 1 }).totalBytes -
    memoryOf(model, { contextTokens: tokens, parallel: 1 }).totalBytes;
  return { tokens, isEnough: more > freeBytesOf(node, request.memoryTakenBytes) };
}

/** What runs needs nothing more: its own bytes count as free for it. */
function fitOfRunning(request: PlaceRequest, node: NodeRecord, contextTokens: number): Fit {
  const { totalBytes } = memoryOf(request.model, { contextTokens, parallel: 1 });
  const free = Math.max(0, freeBytesOf(node, request.memoryTakenBytes));
  return { contextTokens, memoryFreeBytes: free + totalBytes };
}

function freeBytesOf(node: NodeRecord, taken: ReadonlyMap<NodeId, number>): number {
  const available = node.state?.memoryAvailableBytes ?? 0;
  const reserve = reserveBytes(node.hello?.facts.memoryTotalBytes ?? 0);
  return available - reserve - (taken.get(node.nodeId) ?? 0);
}

/** Why the file has no room on the node's disk; null when it has, or is there. */
function diskLack(request: PlaceRequest, node: NodeRecord): string | null {
  const { model } = request;
  if (node.state === null || node.hello === null || hasModel(node, model)) return null;
  const { limitBytes, usedBytes } = node.state.cache;
  // Models that are not in use are evicted for it, so the cache's own bytes count as room; free
  // disk is what it was when the agent started, and the cache may have grown since.
  const diskBytes = node.hello.facts.diskFreeBytes + usedBytes - diskReserveBytes;
  const room = Math.max(0, Math.min(limitBytes, diskBytes));
  if (model.bytes <= room) return null;
  return `the file has ${megabytes(model.bytes)}; its cache has room for ${megabytes(room)}`;
}
