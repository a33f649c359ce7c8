// A job's record while it lives: moves it through the state machine and tells the ports, once at
// each change of phase and once at its end, whatever the end is.
import type { EndReason, JobEnergy, NodeId, Timings } from '@salvage/contract';
import { type Clock, type Log, messageOf, type SalvageError } from '@salvage/kit';
import { hasEnded, type JobEvent, nextJob, queuedJob } from '../jobs/job.ts';
import type { JobRecord } from '../ledger/types.ts';
import type { GatewayPorts } from './ports.ts';

export interface JobTrack {
  readonly job: JobRecord;
  placing(): void;
  running(nodeId: NodeId): void;
  firstToken(): void;
  replay(problem: string): void;
  done(end: { endReason: EndReason; timings: Timings | null; energy: JobEnergy | null }): void;
  failed(failure: SalvageError): void;
  /** Does nothing when the job has already ended. */
  cancelled(): void;
}

/** Begins a job; the ports hear of it at once. */
export function trackJob(
  desk: { ports: Pick<GatewayPorts, 'recordJob' | 'onJobPhase'>; clock: Clock; log: Log },
  identity: { jobId: string; client: string; modelId: string; dialect: string },
): JobTrack {
  const at = (): number => Math.round(desk.clock.unixMilliseconds());
  let job = queuedJob({ ...identity, at: at() });

  // The account of a job must not cost its client the answer.
  const tell = (what: string, act: () => void): void => {
    try {
      act();
    } catch (error) {
      desk.log.error(what, { jobId: job.jobId, problem: messageOf(error) });
    }
  };
  const move = (event: JobEvent): void => {
    const phase = job.phase;
    job = nextJob(job, event);
    if (job.phase !== phase) tell('job-phase-not-told', () => desk.ports.onJobPhase(job));
    if (!hasEnded(job)) return;
    tell('job-not-recorded', () => desk.ports.recordJob(job));
    desk.log.info('job-ended', {
      jobId: job.jobId,
      client: job.client,
      modelId: job.modelId,
      nodeId: job.nodeId,
      phase: job.phase,
      replays: job.replays,
      outputTokens: job.timings?.outputTokens ?? null,
    });
  };

  tell('job-phase-not-told', () => desk.ports.onJobPhase(job));
  return {
    get job() {
      return job;
    },
    placing: () => move({ event: 'placing' }),
    running: (nodeId) => move({ event: 'running', nodeId, at: at() }),
    firstToken: () => {
      if (job.firstTokenAt === null) move({ event: 'first-token', at: at() });
    },
    replay: (problem) => move({ event: 'replay', problem }),
    done: (end) => move({ event: 'done', at: at(), ...end }),
    failed: (failure) => move({ event: 'failed', at: at(), problem: failure.message }),
    cancelled: () => {
      if (!hasEnded(job)) move({ event: 'cancelled', at: at() });
    },
  };
}
