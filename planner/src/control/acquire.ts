// A ready engine for a model: the one that runs, or a new placement, waited for. This is where
// placement meets the world's delays: nodes that have not said hello yet, engines that load, fail
// or vanish. One loop, woken by changes, with one deadline.
import type { NodeId } from '@salvage/contract';
import { type Clock, type Log, SalvageError } from '@salvage/kit';
import { limits } from '../limits.ts';
import type { ModelCard } from '../models/card.ts';
import type { PlaceAnswer, Refusal } from '../placement/types.ts';
import type { Changes } from './changes.ts';
import { leastUsed, type Placed, type Placements } from './placements.ts';

export interface AcquirePorts {
  clock: Clock;
  log: Log;
  changes: Changes;
  placements: Placements;
  /** Where the model's engine stands now. */
  standing(placed: Placed): Standing;
  /** `without`: models that are thought away, to see whether unloading them would help. */
  place(card: ModelCard, without?: ReadonlySet<string>): PlaceAnswer;
  /** Tells the nodes what changed. */
  publish(): void;
  /** True while nodes may still say hello: just after a start, or after one was lost. */
  mayYetCome(nodeId: NodeId | null): boolean;
}

export type Standing =
  | { kind: 'ready' }
  | { kind: 'coming' }
  | { kind: 'failed'; problem: string; giveUp: boolean }
  | { kind: 'gone' };

/** Resolves when the model's placement is ready. Rejects with SLV_NO_PLACE or SLV_TIMEOUT. */
export async function acquirePlacement(
  card: ModelCard,
  ports: AcquirePorts,
  signal: AbortSignal,
): Promise<Placed> {
  const until = ports.clock.monotonicMilliseconds() + limits.acquireMillisecondsMax;
  let roomUntil: number | null = null;
  let lostNode: NodeId | null = null;
  for (;;) {
    if (signal.aborted) throw new SalvageError('SLV_TIMEOUT', 'the request was given up');
    const placed = ports.placements.get(card.modelId);
    if (placed !== null) {
      placed.usedAt = ports.clock.unixMilliseconds();
      const standing = ports.standing(placed);
      if (standing.kind === 'ready') return placed;
      if (standing.kind === 'gone') lostNode = placed.candidate.head;
      giveUpIfHopeless(placed, standing, ports);
    }
    if (ports.placements.get(card.modelId) === null) {
      const answer = ports.place(card);
      if (answer.ok) settle(card, answer, ports);
      else if (!ports.mayYetCome(lostNode)) {
        const now = ports.clock.monotonicMilliseconds();
        if (roomUntil === null && makeRoom(card, ports)) roomUntil = now + roomMilliseconds;
        if (roomUntil === null || now > roomUntil) throw noPlace(card, answer.refusals);
      }
    }
    if (ports.clock.monotonicMilliseconds() > until) throw tooLong(card, ports);
    await ports.changes.wait(1_000, signal);
  }
}

function giveUpIfHopeless(placed: Placed, standing: Standing, ports: AcquirePorts): void {
  const { modelId } = placed.card;
  const { head } = placed.candidate;
  if (standing.kind === 'gone') {
    ports.log.warn('placement-lost', { modelId, nodeId: head });
    ports.placements.drop(modelId);
  } else if (standing.kind === 'failed' && standing.giveUp) {
    ports.log.warn('placement-failed', { modelId, nodeId: head, problem: standing.problem });
    const now = ports.clock.unixMilliseconds();
    ports.placements.rememberFailure(modelId, head, standing.problem, now);
    ports.placements.drop(modelId);
    ports.publish();
  }
}

function settle(
  card: ModelCard,
  answer: Extract<PlaceAnswer, { ok: true }>,
  ports: AcquirePorts,
): void {
  const now = ports.clock.unixMilliseconds();
  const { candidate, price } = answer.winner;
  unloadBeyondBound(card, candidate.head, ports);
  ports.log.info('placed', { modelId: card.modelId, nodeId: candidate.head });
  ports.placements.set({
    candidate,
    card,
    price,
    reason: answer.because,
    placedAt: now,
    usedAt: now,
    jobsRunning: 0,
    failedSince: null,
  });
  ports.publish();
}

/** Small models could fill a node's document before its memory: the one unused for longest goes. */
function unloadBeyondBound(card: ModelCard, nodeId: NodeId, ports: AcquirePorts): void {
  const there = ports.placements.list().filter((placed) => placed.candidate.head === nodeId);
  if (there.length < limits.enginesPerNodeMax) return;
  const victim = leastUsed(there, card.modelId);
  if (victim === null) {
    throw new SalvageError('SLV_QUEUE_FULL', `${nodeId} runs ${there.length} models, all at work`);
  }
  ports.log.info('placement-evicted', { modelId: victim.card.modelId, nodeId });
  ports.placements.drop(victim.card.modelId);
}

/** How long the memory of ended engines may take to come back. */
const roomMilliseconds = 20_000;

/**
 * Unloads idle models of one node, those unused for longest first and no more than needed, if the
 * model then has a place; else nothing. True when it unloaded some.
 */
function makeRoom(card: ModelCard, ports: AcquirePorts): boolean {
  const idle = ports.placements.list().filter((placed) => placed.jobsRunning === 0);
  idle.sort((a, b) => a.usedAt - b.usedAt);
  for (const nodeId of new Set(idle.map((placed) => placed.candidate.head))) {
    const victims = new Set<string>();
    for (const placed of idle.filter((one) => one.candidate.head === nodeId)) {
      victims.add(placed.card.modelId);
      if (!ports.place(card, victims).ok) continue;
      for (const modelId of victims) {
        ports.log.info('placement-evicted', { modelId, nodeId });
        ports.placements.drop(modelId);
      }
      ports.publish();
      return true;
    }
  }
  return false;
}

function noPlace(card: ModelCard, refusals: Refusal[]): SalvageError {
  const message = `no node can run ${card.modelId}: ${inWords(refusals)}`;
  return new SalvageError('SLV_NO_PLACE', message, {
    hint: `see why: salvage place ${card.modelId} --explain`,
  });
}

function inWords(refusals: Refusal[]): string {
  if (refusals.length === 0) return 'there is no node';
  const shown = refusals
    .slice(0, 4)
    .map(({ nodeId, text }) => (nodeId ? `${nodeId}: ${text}` : text));
  const more = refusals.length - shown.length;
  return shown.join('; ') + (more > 0 ? `; and ${more} more` : '');
}

function tooLong(card: ModelCard, ports: AcquirePorts): SalvageError {
  const placed = ports.placements.get(card.modelId);
  const where = placed === null ? '' : ` on ${placed.candidate.head}`;
  const seconds = limits.acquireMillisecondsMax / 1000;
  return new SalvageError(
    'SLV_TIMEOUT',
    `${card.modelId} was not ready${where} after ${seconds} s`,
    {
      hint: 'it may be ready soon: ask again; salvage status shows how far it is',
    },
  );
}
