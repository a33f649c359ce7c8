// One engine's try at an answer: passes its events on, and says how it ended. An engine that
// breaks, closes early or falls silent is an outcome, not an exception; only the caller's abort
// throws.
import type { CompletionEvent, CompletionRequest, JobEnergy, Timings } from '@salvage/contract';
import {
  asFailure,
  type Clock,
  type FailureCode,
  failures,
  messageOf,
  SalvageError,
} from '@salvage/kit';
import type { ReadyEngine } from './ports.ts';

export type Progress = Extract<CompletionEvent, { event: 'prompt' | 'tokens' }>;

export type Outcome =
  | { event: 'ended'; end: Extract<CompletionEvent, { event: 'end' }> }
  | {
      event: 'broken';
      failure: SalvageError;
      timings: Timings | null;
      energy: JobEnergy | null;
    };

/** Codes that another engine would answer in the same way: the request is at fault. */
const requestFaults: ReadonlySet<FailureCode> = new Set<FailureCode>([
  'SLV_PROMPT_TOO_LONG',
  'SLV_ENGINE_CANNOT',
  'SLV_REQUEST',
  'SLV_TEMPLATE',
]);

/** True when the client must change something; such a failure is never tried again. */
export function isRequestFault(failure: SalvageError): boolean {
  return requestFaults.has(failure.code);
}

/**
 * Runs `request` on `engine`: its progress, and the outcome as the last item. Throws the reason of
 * `signal` when it aborts.
 */
export async function* attempt(
  engine: ReadyEngine,
  request: CompletionRequest,
  options: { clock: Clock; watchdogMilliseconds: number; signal: AbortSignal },
): AsyncGenerator<Progress | Outcome, void, undefined> {
  const { clock, watchdogMilliseconds, signal } = options;
  signal.throwIfAborted();
  const connection = new AbortController();
  const close = (): void => connection.abort();
  signal.addEventListener('abort', close, { once: true });
  let events: AsyncIterator<CompletionEvent> | null = null;
  try {
    events = engine.complete(request, connection.signal)[Symbol.asyncIterator]();
    for (;;) {
      const next = await nextWithin(events, { clock, watchdogMilliseconds, signal });
      if (next === 'silence')
        return yield broken('SLV_ENGINE_STUCK', silence(watchdogMilliseconds));
      if (next.done === true)
        return yield broken('SLV_NODE_LOST', 'the engine closed the answer early');
      const event = next.value;
      if (event.event === 'prompt' || event.event === 'tokens') yield event;
      if (event.event === 'error') return yield broken(failureCodeOf(event.code), event.message);
      if (event.event !== 'end') continue;
      if (event.reason !== 'cancelled') return yield { event: 'ended', end: event };
      const { timings, energy } = event;
      return yield { ...broken('SLV_NODE_LOST', 'the engine stopped the answer'), timings, energy };
    }
  } catch (error) {
    signal.throwIfAborted();
    const failure = asFailure(error, 'SLV_NODE_LOST', 'the engine’s answer broke');
    yield { event: 'broken', failure, timings: null, energy: null };
  } finally {
    signal.removeEventListener('abort', close);
    close();
    // A stuck generator would keep us waiting here: it is told, and not waited for.
    events?.return?.().catch(messageOf);
  }
}

function broken(code: FailureCode, message: string): Outcome & { event: 'broken' } {
  return {
    event: 'broken',
    failure: new SalvageError(code, message),
    timings: null,
    energy: null,
  };
}

function silence(milliseconds: number): string {
  return `the engine said nothing for ${Math.round(milliseconds / 1000)} s`;
}

function failureCodeOf(code: string): FailureCode {
  return Object.hasOwn(failures, code) ? (code as FailureCode) : 'SLV_ENGINE_EXITED';
}

/** The next event, or `silence`; rejects when the signal aborts. One timer and listener each. */
function nextWithin(
  events: AsyncIterator<CompletionEvent>,
  options: { clock: Clock; watchdogMilliseconds: number; signal: AbortSignal },
): Promise<IteratorResult<CompletionEvent> | 'silence'> {
  const { clock, watchdogMilliseconds, signal } = options;
  return new Promise((resolve, reject) => {
    const timer = new AbortController();
    const settled = (): void => {
      signal.removeEventListener('abort', onAbort);
      timer.abort();
    };
    const onAbort = (): void => {
      settled();
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    events.next().then(
      (result) => {
        settled();
        resolve(result);
      },
      (error) => {
        settled();
        reject(error);
      },
    );
    void clock.sleep(watchdogMilliseconds, timer.signal).then(() => {
      if (timer.signal.aborted) return;
      settled();
      resolve('silence');
    });
  });
}
