// The life of a job, pure: queued -> placing -> running -> done | failed | cancelled, and back from
// running to placing when its engine is lost and the answer is taken up again elsewhere.
import { strict as assert } from 'node:assert';
import type { EndReason, JobEnergy, JobPhase, ModelId, NodeId, Timings } from '@salvage/contract';
import type { JobRecord } from '../ledger/types.ts';

export type JobEvent =
  | { event: 'placing' }
  | { event: 'running'; nodeId: NodeId; at: number }
  | { event: 'first-token'; at: number }
  | { event: 'replay'; problem: string }
  | {
      event: 'done';
      at: number;
      endReason: EndReason;
      timings: Timings | null;
      energy: JobEnergy | null;
    }
  | { event: 'failed'; at: number; problem: string }
  | { event: 'cancelled'; at: number };

const endPhases: ReadonlySet<JobPhase> = new Set(['done', 'failed', 'cancelled']);
const problemCharactersMax = 500;

/** A job as it begins. `at` is the wall clock in milliseconds. */
export function queuedJob(request: {
  jobId: string;
  client: string;
  modelId: ModelId;
  dialect: string;
  at: number;
}): JobRecord {
  const { at, ...identity } = request;
  return {
    ...identity,
    nodeId: null,
    phase: 'queued',
    queuedAt: at,
    startedAt: null,
    firstTokenAt: null,
    endedAt: null,
    endReason: null,
    timings: null,
    energy: null,
    replays: 0,
    problem: null,
  };
}

/** True once nothing can happen to the job any more. */
export function hasEnded(job: JobRecord): boolean {
  return endPhases.has(job.phase);
}

/** The job after an event. Asserts that the event may happen in the job's phase. */
export function nextJob(job: JobRecord, event: JobEvent): JobRecord {
  assert(!hasEnded(job), `${event.event} after ${job.phase}`);
  switch (event.event) {
    case 'placing':
      assert(job.phase === 'queued', `placing after ${job.phase}`);
      return { ...job, phase: 'placing' };
    case 'running':
      assert(job.phase !== 'running', 'running twice');
      return {
        ...job,
        phase: 'running',
        nodeId: event.nodeId,
        startedAt: job.startedAt ?? event.at,
      };
    case 'first-token':
      assert(job.phase === 'running', `a token while ${job.phase}`);
      return { ...job, firstTokenAt: job.firstTokenAt ?? event.at };
    case 'replay':
      assert(job.phase === 'running', `replay while ${job.phase}`);
      return {
        ...job,
        phase: 'placing',
        replays: job.replays + 1,
        problem: event.problem.slice(0, problemCharactersMax),
      };
    case 'done':
      assert(job.phase === 'running', `done while ${job.phase}`);
      return {
        ...job,
        phase: 'done',
        endedAt: event.at,
        endReason: event.endReason,
        timings: event.timings,
        energy: event.energy,
      };
    case 'failed':
      return {
        ...job,
        phase: 'failed',
        endedAt: event.at,
        problem: event.problem.slice(0, problemCharactersMax),
      };
    case 'cancelled':
      return { ...job, phase: 'cancelled', endedAt: event.at, endReason: 'cancelled' };
  }
}
