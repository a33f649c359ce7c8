// The waiting line: holds the pure queue, wakes jobs when their turn comes, quotes how long an
// answer will take and refuses at once what cannot be done in time. It remembers each model's
// measured speed.
import type { ModelId, Timings } from '@salvage/contract';
import type { Clock } from '@salvage/kit';
import {
  emptyQueue,
  enqueue,
  expectedWaitSeconds,
  leave,
  type Queue,
  secondsUntilRoom,
  setSlots,
  startNext,
} from '../jobs/queue.ts';
import { learnSpeed, type Speed, type Work, workSeconds } from '../jobs/quote.ts';
import type { GatewayLimits } from './limits.ts';
import type { ReadyEngine } from './ports.ts';
import { BusyError } from './refusal.ts';

export interface LineRequest {
  jobId: string;
  client: string;
  modelId: ModelId;
  work: Work;
  /** Seconds from now in which the client wants the whole answer; null: no hurry. */
  deadlineSeconds: number | null;
}

export interface Line {
  /**
   * Takes a job in and says how many seconds until its answer is whole, null when no speed is
   * known yet. Throws a BusyError: SLV_QUEUE_FULL or SLV_DEADLINE.
   */
  admit(request: LineRequest, engine: ReadyEngine | null): number | null;
  /** Resolves when the job may run. Rejects when `signal` aborts, or with SLV_DEADLINE. */
  turn(jobId: string, signal: AbortSignal): Promise<void>;
  /** The job has ended or given up; its slot goes to the next. Safe to repeat. */
  leave(jobId: string): void;
  /** An engine of the model is there: as many jobs as it takes run at once. */
  ready(modelId: ModelId, engine: ReadyEngine): void;
  /** An answer was measured. */
  learn(modelId: ModelId, engine: ReadyEngine, timings: Timings): void;
}

interface Entry {
  request: LineRequest;
  seconds: number | null;
  admittedAtSeconds: number;
  started: Promise<void>;
  start(): void;
}

export function createLine(clock: Clock, limits: GatewayLimits): Line {
  let queue: Queue = emptyQueue;
  const entries = new Map<string, Entry>();
  const speeds = new Map<ModelId, Speed>();
  const nowSeconds = (): number => clock.monotonicMilliseconds() / 1000;

  const pump = (lane: string): void => {
    for (;;) {
      const next = startNext(queue, lane, nowSeconds());
      if (next === null) return;
      queue = next.queue;
      entries.get(next.ticket.id)?.start();
    }
  };
  const retryAfter = (seconds: number | null): number =>
    Math.min(
      limits.retryAfterSecondsMax,
      Math.max(1, Math.ceil(seconds ?? limits.retryAfterSecondsDefault)),
    );
  const tooLate = (needs: number, deadline: number, wait: number): BusyError =>
    new BusyError(
      'SLV_DEADLINE',
      `the answer needs about ${Math.ceil(needs)} s and is wanted in ${deadline} s`,
      retryAfter(wait > 0 ? Math.min(wait, needs - deadline) : null),
    );

  const admit: Line['admit'] = (request, engine) => {
    const speed = speeds.get(request.modelId) ?? predictionOf(engine);
    const seconds = speed === null ? null : workSeconds(request.work, speed);
    const ticket = {
      id: request.jobId,
      lane: request.modelId,
      client: request.client,
      seconds,
    };
    const taken = enqueue(queue, ticket, limits);
    if (!taken.ok) {
      const whose = taken.bound === 'total' ? 'the queue is full' : 'your queue is full';
      const room = secondsUntilRoom(queue, nowSeconds());
      throw new BusyError('SLV_QUEUE_FULL', whose, retryAfter(room));
    }
    const slots = engine === null ? 1 : Math.max(1, engine.parallel);
    const admitted = setSlots(taken.queue, request.modelId, slots);
    const wait = expectedWaitSeconds(admitted, request.jobId, nowSeconds());
    // While the model must be loaded first, the job's own time is a lower bound only.
    const needs = seconds === null ? null : seconds + (wait ?? 0);
    if (request.deadlineSeconds !== null && needs !== null && needs > request.deadlineSeconds) {
      throw tooLate(needs, request.deadlineSeconds, wait ?? 0);
    }
    queue = admitted;
    let start = (): void => undefined;
    const started = new Promise<void>((resolve) => {
      start = resolve;
    });
    entries.set(request.jobId, {
      request,
      seconds,
      admittedAtSeconds: nowSeconds(),
      started,
      start,
    });
    pump(request.modelId);
    return engine === null || wait === null ? null : needs;
  };

  const turn: Line['turn'] = async (jobId, signal) => {
    const entry = entries.get(jobId);
    if (entry === undefined) return;
    await unlessAborted(entry.started, signal);
    const deadline = entry.request.deadlineSeconds;
    if (deadline === null) return;
    // The ones ahead may have taken longer than they were quoted.
    const needs = nowSeconds() - entry.admittedAtSeconds + (entry.seconds ?? 0);
    if (needs > deadline) throw tooLate(needs, deadline, 0);
  };

  return {
    admit,
    turn,
    leave: (jobId) => {
      const lane = entries.get(jobId)?.request.modelId;
      entries.delete(jobId);
      queue = leave(queue, jobId);
      if (lane !== undefined) pump(lane);
    },
    ready: (modelId, engine) => {
      queue = setSlots(queue, modelId, Math.max(1, engine.parallel));
      pump(modelId);
    },
    learn: (modelId, engine, timings) => {
      const before = speeds.get(modelId) ?? predictionOf(engine);
      if (before === null) return;
      speeds.delete(modelId);
      speeds.set(modelId, learnSpeed(before, timings));
      const oldest = speeds.keys().next();
      if (speeds.size > limits.speedsMax && oldest.done !== true) speeds.delete(oldest.value);
    },
  };
}

function predictionOf(engine: ReadyEngine | null): Speed | null {
  if (engine === null) return null;
  const { decodeTokensPerSecond, promptTokensPerSecond } = engine;
  return { decodeTokensPerSecond, promptTokensPerSecond, answerTokens: null };
}

/** What `promise` brings, unless `signal` aborts first: then its reason is thrown. */
export function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
