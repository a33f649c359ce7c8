// Every bound of the engine room and of the child that makes tokens: what waits, how long, and
// when silence means that something is stuck.
import type { RestartPolicy } from '@salvage/kit';
import { restartPolicy } from '@salvage/kit';

export const engineLimits = {
  /** Answers that wait for their turn at one engine; one more is refused at once. */
  waitingMax: 8,
  /** Between two signs of life while nothing else can be said. */
  aliveMilliseconds: 2_000,

  /** An engine that says nothing for this long, or `stuckTokens` times its usual time, is stuck. */
  silenceMillisecondsMin: 20_000,
  stuckTokens: 20,
  /** Says it is alive, but the prompt does not advance; also before any token has been timed. */
  standstillMillisecondsMin: 120_000,
  /** A prompt advances in chunks, so its bound is two chunks of usual token times. */
  standstillTokens: 256,
  /** Other answers move and this one does not: it may wait behind their prompts this much longer. */
  neighbourFactor: 6,
  watchMilliseconds: 1_000,
  /** No progress of the loading for this long ends the child. */
  loadSilenceMillisecondsMax: 300_000,

  /** From SIGTERM to SIGKILL. */
  stopGraceMilliseconds: 3_000,
  /** How long the last lines of a dead child are waited for. */
  lastLinesMilliseconds: 250,
  lastLinesMax: 20,
  lineCharactersMax: 400,
  /** The end of an answer waits this long for its joules; then they are null. */
  energyWaitMilliseconds: 10_000,

  /**
   * Prompt tokens in one native call. A node that reads 5 tokens/s is at it for 25 s, the longest
   * that a cancel waits; smaller chunks stream the weights through memory more often.
   */
  promptChunkTokens: 128,
  /** Tokens that come faster are sent in groups of this length. */
  tokenGroupMilliseconds: 50,
  /** Steps in which the loading reports its progress. */
  progressStep: 0.01,

  schemaNodesMax: 2_000,
  schemaDepthMax: 64,
  /** Whole numbers between two bounds become a list of at most this many values. */
  schemaIntegersMax: 300,
} as const;

/** Waits between starts of an engine that fails: 0.25 s doubled up to 30 s. */
export const engineRestarts: RestartPolicy = restartPolicy;
