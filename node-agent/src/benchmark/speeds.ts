// Speeds of a running engine, from the clock of its own child: answers are asked for and cut off
// when their time is over. Numbers come from the engine's timings, never from ours.
import type { CompletionRequest, Timings } from '@salvage/contract';
import { type Clock, SalvageError } from '@salvage/kit';
import type { Engine } from '../engine/engine.ts';

export interface SpeedBounds {
  millisecondsMax: number;
  outputTokensMax: number;
  signal: AbortSignal;
  clock: Clock;
}

/** Token ids of a prompt that no other prompt begins with, so that no memory of it helps. */
export function promptOf(salt: number, count: number, vocabulary: number): number[] {
  const first = Math.min(8, vocabulary - 1);
  const span = vocabulary - first;
  return Array.from(
    { length: count },
    (_, index) => first + ((salt * 7919 + index * 104_729 + index * index * 31) % span),
  );
}

/** Tokens a second of `batch` answers at once, summed; null when none made a second token. */
export async function decodeSpeed(
  engine: Engine,
  prompts: number[][],
  bounds: SpeedBounds,
): Promise<number | null> {
  const all = await answersOf(engine, prompts, bounds.outputTokensMax, bounds);
  const good = all.filter((t) => t.outputTokens >= 2 && t.outputMilliseconds > 0);
  if (good.length < all.length || good.length === 0) return null;
  return good.reduce((sum, t) => sum + (t.outputTokens / t.outputMilliseconds) * 1000, 0);
}

/** Tokens a second of reading a prompt; null when the engine was cut off before it had read it. */
export async function promptSpeed(
  engine: Engine,
  prompt: number[],
  bounds: SpeedBounds,
): Promise<number | null> {
  const [timings] = await answersOf(engine, [prompt], 1, bounds);
  if (timings === undefined || timings.promptMilliseconds <= 0) return null;
  const read = timings.promptTokens - timings.cachedTokens;
  return read > 0 && timings.outputTokens > 0 ? (read / timings.promptMilliseconds) * 1000 : null;
}

async function answersOf(
  engine: Engine,
  prompts: number[][],
  outputTokensMax: number,
  bounds: SpeedBounds,
): Promise<Timings[]> {
  const cut = new AbortController();
  const over = new AbortController();
  const cutOff = (): void => cut.abort();
  bounds.signal.addEventListener('abort', cutOff, { once: true });
  void bounds.clock.sleep(bounds.millisecondsMax, over.signal).then(cutOff);
  try {
    const answers = prompts.map((prompt) => answerOf(engine, prompt, outputTokensMax, cut.signal));
    return await Promise.all(answers);
  } finally {
    over.abort();
    bounds.signal.removeEventListener('abort', cutOff);
  }
}

let jobNumber = 0;

async function answerOf(
  engine: Engine,
  tokens: number[],
  outputTokensMax: number,
  signal: AbortSignal,
): Promise<Timings> {
  jobNumber += 1;
  const request: CompletionRequest = {
    jobId: `job-benchmark${String(jobNumber).padStart(8, '0')}`,
    prompt: { kind: 'tokens', tokens, sentCount: 0 },
    outputTokensMax,
    temperature: 0,
    topP: 1,
    topK: 0,
    minP: 0,
    seed: 1,
    stop: [],
    jsonSchema: null,
    ignoreEnd: true,
  };
  for await (const event of engine.complete(request, signal)) {
    if (event.event === 'end') return event.timings;
    if (event.event === 'error') throw new SalvageError('SLV_ENGINE_EXITED', event.message);
  }
  throw new SalvageError('SLV_ENGINE_EXITED', 'the engine ended an answer without saying so');
}
