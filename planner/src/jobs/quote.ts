// How long a job will take, pure: from the speed that was measured on earlier answers of the same
// model, or from the engine's prediction before there was any.
import type { Timings } from '@salvage/contract';

export interface Speed {
  decodeTokensPerSecond: number;
  promptTokensPerSecond: number;
  /** Length of an average answer, null before the first. */
  answerTokens: number | null;
}

export interface Work {
  promptTokens: number;
  /** What the client set as the most; null leaves it to the average answer. */
  outputTokens: number | null;
  /** What is generated at most when the client set nothing. */
  outputTokensDefault: number;
}

/** Weight of the newest answer in the moving averages. */
const newestWeight = 0.3;
/** Shorter answers say more about overhead than about speed. */
const outputTokensMin = 4;

/** Expected seconds of the job itself, waiting not included; null when the speed is not positive. */
export function workSeconds(work: Work, speed: Speed): number | null {
  if (!(speed.decodeTokensPerSecond > 0)) return null;
  const average = Math.min(speed.answerTokens ?? Infinity, work.outputTokensDefault);
  const decode = (work.outputTokens ?? average) / speed.decodeTokensPerSecond;
  const prompt =
    speed.promptTokensPerSecond > 0 ? work.promptTokens / speed.promptTokensPerSecond : 0;
  return prompt + decode;
}

/** The speed after one more answer was measured; answers too short to tell change nothing. */
export function learnSpeed(before: Speed, timings: Timings): Speed {
  const { promptTokens, cachedTokens, promptMilliseconds, outputTokens, outputMilliseconds } =
    timings;
  if (outputTokens < outputTokensMin || outputMilliseconds <= 0) return before;
  const read = promptTokens - cachedTokens;
  return {
    decodeTokensPerSecond: blend(
      before.decodeTokensPerSecond,
      (outputTokens * 1000) / outputMilliseconds,
    ),
    promptTokensPerSecond:
      read > 0 && promptMilliseconds > 0
        ? blend(before.promptTokensPerSecond, (read * 1000) / promptMilliseconds)
        : before.promptTokensPerSecond,
    answerTokens:
      before.answerTokens === null ? outputTokens : blend(before.answerTokens, outputTokens),
  };
}

function blend(before: number, newest: number): number {
  return before > 0 ? before * (1 - newestWeight) + newest * newestWeight : newest;
}
