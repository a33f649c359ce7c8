// One answer from the queue to its end. Whatever happens to engines on the way, the consumer sees
// one continuous text: a lost engine is reported, another is acquired, and prompt and answer are
// replayed there as token ids. Aborting ends the job at once as cancelled.
import type { CompletionRequest, EndReason, JobEnergy, Timings } from '@salvage/contract';
import { asFailure, type Clock, type FailureCode, type Log, SalvageError } from '@salvage/kit';
import type { JobRecord } from '../ledger/types.ts';
import type { ModelCard } from '../models/card.ts';
import { type Part, sumEnergy, sumTimings } from './account.ts';
import { attempt, isRequestFault, type Outcome } from './attempt.ts';
import { type JobTrack, trackJob } from './job-track.ts';
import type { GatewayLimits } from './limits.ts';
import { type Line, unlessAborted } from './line.ts';
import type { GatewayPorts, ReadyEngine } from './ports.ts';
import { faultFields } from './refusal.ts';
import { type AnswerSettings, nextRequest, replayKind, type Transcript } from './replay.ts';

/** What every answer of one gateway shares. */
export interface AnswerDesk {
  ports: GatewayPorts;
  clock: Clock;
  log: Log;
  limits: GatewayLimits;
  line: Line;
}

export interface AnswerOrder {
  jobId: string;
  client: string;
  dialect: string;
  model: ModelCard;
  prompt: { text: string; special: boolean };
  settings: AnswerSettings;
  /** True when the client sees each token as it comes; then what was sent cannot be taken back. */
  streamed: boolean;
}

export interface AnswerEnd {
  jobId: string;
  nodeId: string | null;
  reason: EndReason;
  promptTokens: number;
  outputTokens: number;
  timings: Timings | null;
  energy: JobEnergy | null;
  energyNullBecause: string | null;
  replays: number;
  notice: string | null;
}

export type AnswerEvent =
  | { event: 'text'; text: string }
  /** Everything so far is void: the answer begins again (never once a client has seen text). */
  | { event: 'restart' }
  | { event: 'end'; end: AnswerEnd };

export interface Answer {
  /** The job as it stands now. */
  readonly job: JobRecord;
  /** Ends after `end`, or at an abort; throws a SalvageError when there is no (more) answer. */
  events: AsyncGenerator<AnswerEvent, void, undefined>;
}

/** Waits between attempts to get another engine after the first of them failed. */
const acquireAgainMilliseconds = 1_000;

/** Failures to get an engine that may pass while a lost node comes back. */
const passing: ReadonlySet<FailureCode> = new Set<FailureCode>([
  'SLV_NO_PLACE',
  'SLV_NODE_LOST',
  'SLV_ENGINE_START',
  'SLV_ENGINE_EXITED',
  'SLV_ENGINE_UNKNOWN',
  'SLV_ENGINE_STUCK',
]);

/** Begins the answer of a job that the line has admitted. The events must be consumed. */
export function beginAnswer(desk: AnswerDesk, order: AnswerOrder, client: AbortSignal): Answer {
  const { jobId, dialect, model } = order;
  const track = trackJob(desk, { jobId, client: order.client, modelId: model.modelId, dialect });
  return {
    get job() {
      return track.job;
    },
    events: answerEvents(desk, order, track, client),
  };
}

async function* answerEvents(
  desk: AnswerDesk,
  order: AnswerOrder,
  track: JobTrack,
  client: AbortSignal,
): AsyncGenerator<AnswerEvent, void, undefined> {
  const stop = new AbortController();
  const onClientGone = (): void => stop.abort(client.reason);
  const tooLong = new SalvageError('SLV_TIMEOUT', 'the job took too long and was ended');
  const over = new AbortController();
  void desk.clock.sleep(desk.limits.jobMillisecondsMax, over.signal).then(() => {
    if (!over.signal.aborted) stop.abort(tooLong);
  });
  client.addEventListener('abort', onClientGone, { once: true });
  if (client.aborted) onClientGone();
  try {
    await desk.line.turn(order.jobId, stop.signal);
    yield* produce(desk, order, track, stop.signal);
  } catch (error) {
    if (client.aborted) return;
    if (!(error instanceof SalvageError)) desk.log.error('gateway-bug', faultFields(error));
    const failure = asFailure(error, 'SLV_NODE_LOST', 'the answer broke');
    track.failed(failure);
    throw failure;
  } finally {
    over.abort();
    client.removeEventListener('abort', onClientGone);
    track.cancelled();
    desk.line.leave(order.jobId);
  }
}

/** What has been said so far, and by whom. */
interface Course {
  transcript: Transcript;
  parts: Part[];
  /** True once a client that sees every token has been given text. */
  seen: boolean;
}

async function* produce(
  desk: AnswerDesk,
  order: AnswerOrder,
  track: JobTrack,
  signal: AbortSignal,
): AsyncGenerator<AnswerEvent, void, undefined> {
  const { jobId, model, settings } = order;
  const { engines } = desk.ports;
  const transcript: Transcript = { promptTokens: null, sentTokens: [] };
  const course: Course = { transcript, parts: [], seen: false };
  if (engines.current(model.modelId) === null) track.placing();
  let engine = await unlessAborted(engines.acquire(model.modelId, signal), signal);
  for (;;) {
    desk.line.ready(model.modelId, engine);
    track.running(engine.nodeId);
    const request = nextRequest(jobId, order.prompt, settings, transcript);
    if (request === null) return yield finish(order, track, course, 'length');
    const outcome: Outcome = yield* relay(desk, { order, track, course, engine, request }, signal);
    if (outcome.event === 'ended') {
      const { reason, timings, energy } = outcome.end;
      course.parts.push({ nodeId: engine.nodeId, timings, energy });
      desk.line.learn(model.modelId, engine, timings);
      return yield finish(order, track, course, reason);
    }
    const { failure, timings, energy } = outcome;
    if (isRequestFault(failure)) throw failure;
    course.parts.push({ nodeId: engine.nodeId, timings, energy });
    giveUp(desk, jobId, engine, failure);
    const kind = replayKind({ constrained: settings.jsonSchema !== null, seen: course.seen });
    if (kind === 'never') throw cannotGoOn(failure);
    if (track.job.replays >= desk.limits.replaysMax) throw failure;
    track.replay(failure.message);
    if (kind === 'restart' && transcript.sentTokens.length > 0) {
      transcript.sentTokens = [];
      yield { event: 'restart' };
    }
    engine = await recover(desk, order, { replays: track.job.replays, failure }, signal);
  }
}

/** Passes one engine's text on and keeps the ids; returns how it ended. */
async function* relay(
  desk: AnswerDesk,
  at: {
    order: AnswerOrder;
    track: JobTrack;
    course: Course;
    engine: ReadyEngine;
    request: CompletionRequest;
  },
  signal: AbortSignal,
): AsyncGenerator<AnswerEvent, Outcome, undefined> {
  const { course, track } = at;
  const { clock } = desk;
  const { watchdogMilliseconds } = desk.limits;
  for await (const item of attempt(at.engine, at.request, {
    clock,
    watchdogMilliseconds,
    signal,
  })) {
    if (item.event === 'prompt') {
      course.transcript.promptTokens ??= item.tokens;
    } else if (item.event === 'tokens') {
      course.transcript.sentTokens.push(...item.tokens);
      track.firstToken();
      if (item.text === '') continue;
      course.seen ||= at.order.streamed;
      yield { event: 'text', text: item.text };
    } else {
      return item;
    }
  }
  throw new SalvageError('SLV_NODE_LOST', 'the engine gave no outcome');
}

/** Tells the planner that an engine broke; one that is merely full is not broken. */
function giveUp(desk: AnswerDesk, jobId: string, engine: ReadyEngine, failure: SalvageError): void {
  const { nodeId, engineId } = engine;
  desk.log.warn('engine-lost', { jobId, nodeId, engineId, code: failure.code });
  if (failure.code !== 'SLV_QUEUE_FULL') {
    desk.ports.engines.report(engineId, nodeId, failure.message);
  }
}

/**
 * Another engine, after a short wait; asked for again while the lost node may still come back.
 * An attempt under way is never cut short: loading on another node may take minutes.
 */
async function recover(
  desk: AnswerDesk,
  order: AnswerOrder,
  lost: { replays: number; failure: SalvageError },
  signal: AbortSignal,
): Promise<ReadyEngine> {
  const { clock, limits } = desk;
  const until = clock.monotonicMilliseconds() + limits.recoverMillisecondsMax;
  let wait = limits.replayWaitMilliseconds[lost.replays - 1] ?? acquireAgainMilliseconds;
  for (;;) {
    await clock.sleep(wait, signal);
    signal.throwIfAborted();
    try {
      const acquired = desk.ports.engines.acquire(order.model.modelId, signal);
      return await unlessAborted(acquired, signal);
    } catch (error) {
      signal.throwIfAborted();
      const failure = asFailure(error, 'SLV_NODE_LOST', 'no other engine');
      wait = acquireAgainMilliseconds;
      if (passing.has(failure.code) && clock.monotonicMilliseconds() + wait < until) continue;
      throw new SalvageError(
        'SLV_NODE_LOST',
        `${lost.failure.message}; nothing else can go on with the answer: ${failure.message}`,
        { cause: failure },
      );
    }
  }
}

function cannotGoOn(failure: SalvageError): SalvageError {
  return new SalvageError(
    failure.code,
    `${failure.message}; an answer that must be JSON cannot go on elsewhere once it has begun`,
    { hint: 'ask again', cause: failure },
  );
}

function finish(
  order: AnswerOrder,
  track: JobTrack,
  course: Course,
  reason: EndReason,
): AnswerEvent {
  const { transcript, parts } = course;
  const timings = sumTimings(parts);
  const { energy, nullBecause } = sumEnergy(parts);
  track.done({ endReason: reason, timings, energy });
  const { jobId, nodeId, replays } = track.job;
  return {
    event: 'end',
    end: {
      jobId,
      nodeId,
      reason,
      promptTokens: transcript.promptTokens?.length ?? timings?.promptTokens ?? 0,
      outputTokens: transcript.sentTokens.length,
      timings,
      energy,
      energyNullBecause: nullBecause,
      replays,
      notice: noticeOf(order.model, replays),
    },
  };
}

function noticeOf(model: ModelCard, replays: number): string | null {
  const taken =
    replays === 0
      ? null
      : 'an engine was lost on the way: the answer is a valid one, not necessarily the undisturbed one';
  const notices = [model.notice, taken].filter((notice) => notice !== null);
  return notices.length === 0 ? null : notices.join('; ');
}
