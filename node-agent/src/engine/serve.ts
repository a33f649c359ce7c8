// One answer from its place in the queue to its last event: waits its turn, is watched while the
// engine works, and is opened and closed in the meter, whatever happens in between.
import type { CompletionEvent, CompletionRequest, JobEnergy } from '@salvage/contract';
import { type Clock, type Log, messageOf } from '@salvage/kit';
import type { Engine, JobMeter } from './engine.ts';
import { engineLimits } from './limits.ts';
import type { Slot } from './slot.ts';
import type { Turn } from './turns.ts';
import { startWatch, stuckReason, usualTokenTime, type Watch, watchEvent } from './watchdog.ts';

export interface Serving {
  slot: Slot;
  request: CompletionRequest;
  signal: AbortSignal;
  push(event: CompletionEvent): void;
  clock: Clock;
  log: Log;
  meter: JobMeter;
  onChange(): void;
}

/** Pushes events up to `end` or `error`; never throws. */
export async function serve(serving: Serving): Promise<void> {
  const { slot, push, onChange } = serving;
  const engine = slot.ready;
  const place = engine === null ? null : slot.turns.take();
  if (engine === null || place === null) return push(unready(slot));
  if (place.kind === 'full') {
    const message = `engine ${slot.spec.engineId} has ${engineLimits.waitingMax} answers waiting`;
    return push(errorEvent('SLV_QUEUE_FULL', message));
  }
  onChange();
  try {
    const life = slot.life;
    if (place.kind === 'later') await waitForTurn(serving, place.turn, life);
    if (serving.signal.aborted) return push(cancelled());
    if (life.aborted) return push(unready(slot));
    await work(serving, engine, place.turn);
  } finally {
    place.turn.leave();
    onChange();
  }
}

/** Returns when the turn has come, the client has gone or the engine has ended. */
async function waitForTurn(serving: Serving, turn: Turn, life: AbortSignal): Promise<void> {
  const over = new AbortController();
  const end = (): void => over.abort();
  void turn.come.then(end);
  for (const signal of [serving.signal, life]) {
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
  }
  while (!over.signal.aborted) {
    await serving.clock.sleep(engineLimits.aliveMilliseconds, over.signal);
    if (!over.signal.aborted) serving.push({ event: 'alive', promptProgress: null });
  }
  for (const signal of [serving.signal, life]) signal.removeEventListener('abort', end);
}

async function work(serving: Serving, engine: Engine, turn: Turn): Promise<void> {
  const { slot, request, push, clock, log, meter } = serving;
  let last: CompletionEvent;
  meter.started(request.jobId);
  let energy: Promise<JobEnergy | null>;
  try {
    last = await watched(serving, engine);
  } catch (thrown) {
    log.error('engine broke its promise', {
      engine: slot.spec.engineId,
      problem: messageOf(thrown),
    });
    last = errorEvent('SLV_ENGINE_EXITED', messageOf(thrown));
  } finally {
    // The next answer may begin while this one's last energy window is still open.
    energy = endJob(meter, request.jobId, log);
    turn.leave();
  }
  if (last.event !== 'end') return push(last);
  const waited = new AbortController();
  const timeout = clock
    .sleep(engineLimits.energyWaitMilliseconds, waited.signal)
    .then((): JobEnergy | null => null);
  push({ ...last, energy: await Promise.race([energy, timeout]) });
  waited.abort();
}

async function endJob(meter: JobMeter, jobId: string, log: Log): Promise<JobEnergy | null> {
  try {
    return await meter.ended(jobId);
  } catch (thrown) {
    log.warn('no energy for the job', { jobId, problem: messageOf(thrown) });
    return null;
  }
}

/** Passes the engine's events on and returns its last one, or the error of a stuck engine. */
async function watched(serving: Serving, engine: Engine): Promise<CompletionEvent> {
  const { slot, request, signal, push, clock } = serving;
  const watching = new AbortController();
  const state = { watch: startWatch(clock.monotonicMilliseconds()), tokensAt: 0 };
  slot.pace.eventAt = clock.monotonicMilliseconds();
  const stuck = watchFor(serving, () => state.watch, watching.signal);
  const events = engine.complete(request, signal)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([events.next(), stuck]);
      if (typeof next === 'string') {
        slot.kill(`it was stuck: ${next}`);
        const message = `engine ${slot.spec.engineId} was stuck and has been ended: ${next}`;
        return errorEvent('SLV_ENGINE_STUCK', message);
      }
      if (next.done === true) return errorEvent('SLV_ENGINE_EXITED', 'the engine said no end');
      const event = next.value;
      note(slot, state, event, clock.monotonicMilliseconds());
      if (event.event === 'end' || event.event === 'error') return event;
      push(event);
    }
  } finally {
    watching.abort();
    // Not awaited: a stuck engine may never answer this.
    Promise.resolve(events.return?.()).catch(() => undefined);
  }
}

function note(
  slot: Slot,
  state: { watch: Watch; tokensAt: number },
  event: CompletionEvent,
  now: number,
): void {
  if (event.event === 'tokens') {
    if (state.watch.output) {
      const measured = { milliseconds: now - state.tokensAt, tokens: event.tokens.length };
      slot.pace.usual = usualTokenTime(slot.pace.usual, measured);
    }
    state.tokensAt = now;
  }
  state.watch = watchEvent(state.watch, event, now);
  slot.pace.eventAt = now;
}

/** Resolves with a reason once the answer is stuck; never after `over`. */
function watchFor(serving: Serving, watch: () => Watch, over: AbortSignal): Promise<string> {
  const { slot, clock } = serving;
  return new Promise((resolve) => {
    const look = async (): Promise<void> => {
      while (!over.aborted) {
        await clock.sleep(engineLimits.watchMilliseconds, over);
        if (over.aborted) return;
        const now = clock.monotonicMilliseconds();
        const { eventAt, usual } = slot.pace;
        const reason = stuckReason(watch(), { now, engineEventAt: eventAt, usual });
        if (reason !== null) return resolve(reason);
      }
    };
    void look();
  });
}

/** Why an engine that is there cannot answer now. */
function unready(slot: Slot): CompletionEvent {
  const { spec, phase, progress, problem } = slot.describe();
  const name = `engine ${spec.engineId}`;
  if (phase === 'failed') {
    return errorEvent('SLV_ENGINE_EXITED', `${name} is down and starts again: ${problem}`);
  }
  const what =
    phase === 'stopping' ? 'is being ended' : `is still loading (${Math.round(progress * 100)} %)`;
  return errorEvent('SLV_ENGINE_UNKNOWN', `${name} ${what}`);
}

export function errorEvent(code: string, message: string): CompletionEvent {
  return { event: 'error', code, message };
}

/** For an answer that never began. */
function cancelled(): CompletionEvent {
  const timings = {
    promptTokens: 0,
    cachedTokens: 0,
    promptMilliseconds: 0,
    outputTokens: 0,
    outputMilliseconds: 0,
    cpuSeconds: 0,
  };
  return { event: 'end', reason: 'cancelled', timings, energy: null };
}
