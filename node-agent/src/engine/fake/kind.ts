// An engine without a model: answers with deterministic text at a steady pace, on the clock it is
// given, and fails in the ways that real ones do when it is told to.
import type { CompletionEvent, CompletionRequest, Timings } from '@salvage/contract';
import { type Clock, SalvageError } from '@salvage/kit';
import type { Engine, EngineKind, EngineSpec } from '../engine.ts';

export interface FakeOptions {
  clock: Clock;
  tokenMilliseconds: number;
  loadMilliseconds?: number;
  /** For each start, counted from 0: why it fails, or null. */
  startFailure?(start: number): string | null;
  /** Called with every engine that is made, so that a test can reach it. */
  onCreate?(engine: FakeEngine): void;
}

export interface FakeEngine extends Engine {
  /** Dies as a process does, at once. */
  die(reason: string): void;
  /** Says nothing more from now on; only `die` and `stop` end it. */
  hang(): void;
}

const words = ['An', ' old', ' machine', ' wakes', ' up', ' and', ' counts', ' its', ' joules.'];

/** Text of the fake's token `index`. */
export function fakeWord(index: number): string {
  return words[index % words.length] ?? '';
}

export function createFakeKind(options: FakeOptions): EngineKind {
  let starts = 0;
  return {
    name: 'fake',
    release: async () => 'fake',
    create: (spec) => {
      const engine = createFakeEngine(spec, options, () => {
        starts += 1;
        return options.startFailure?.(starts - 1) ?? null;
      });
      options.onCreate?.(engine);
      return engine;
    },
  } satisfies EngineKind;
}

function createFakeEngine(
  spec: EngineSpec,
  options: FakeOptions,
  startFailure: () => string | null,
): FakeEngine {
  const { clock, tokenMilliseconds } = options;
  const death = new AbortController();
  const startedAt = clock.monotonicMilliseconds();
  let hanging = false;
  let tellEnd: (reason: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    tellEnd = resolve;
  });
  const die = (reason: string): void => {
    if (death.signal.aborted) return;
    tellEnd(reason);
    death.abort(reason);
  };
  const exited = (): CompletionEvent => ({
    event: 'error',
    code: 'SLV_ENGINE_EXITED',
    message: `engine ${spec.engineId} ended: ${death.signal.reason}`,
  });

  /** False when the engine died meanwhile; returns early when `signal` aborts. */
  const pause = async (milliseconds: number, signal?: AbortSignal): Promise<boolean> => {
    const early = AbortSignal.any(signal === undefined ? [death.signal] : [death.signal, signal]);
    if (milliseconds > 0) await clock.sleep(milliseconds, early);
    while (hanging && !death.signal.aborted) await clock.sleep(3_600_000, death.signal);
    return !death.signal.aborted;
  };

  return {
    spec,
    pid: null,
    ended,
    die,
    hang: () => {
      hanging = true;
    },
    start: async (onProgress) => {
      const failure = startFailure();
      const alive = await pause(options.loadMilliseconds ?? 0);
      if (alive && failure === null) return onProgress(1);
      die(failure ?? 'it was ended');
      throw new SalvageError('SLV_ENGINE_START', failure ?? 'it was ended while loading');
    },
    async *complete(request: CompletionRequest, signal: AbortSignal) {
      const prompt = fakeIds(request.prompt);
      const began = clock.monotonicMilliseconds();
      if (death.signal.aborted) return yield exited();
      yield { event: 'prompt', tokens: prompt };
      let made = 0;
      while (made < request.outputTokensMax && !signal.aborted) {
        if (!(await pause(tokenMilliseconds, signal))) return yield exited();
        if (signal.aborted) break;
        yield { event: 'tokens', tokens: [made], text: fakeWord(made) };
        made += 1;
      }
      const timings: Timings = {
        promptTokens: prompt.length,
        cachedTokens: 0,
        promptMilliseconds: 0,
        outputTokens: made,
        outputMilliseconds: clock.monotonicMilliseconds() - began,
        cpuSeconds: null,
      };
      const reason = signal.aborted ? 'cancelled' : 'length';
      yield { event: 'end', reason, timings, energy: null };
    },
    memoryBytes: () => (death.signal.aborted ? null : 1_000_000),
    cpuSeconds: () =>
      death.signal.aborted ? null : (clock.monotonicMilliseconds() - startedAt) / 1_000,
    stop: async () => die('it was ended'),
  };
}

/** One id for each word of a text. */
function fakeIds(prompt: CompletionRequest['prompt']): number[] {
  if (prompt.kind === 'tokens') return prompt.tokens;
  return prompt.text.split(' ').map((_, index) => index);
}
