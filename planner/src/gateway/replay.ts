// What was asked and what was already answered, pure: enough to go on with the same answer on
// another engine. The prompt's ids come from the engine's first event; the ids sent so far stay as
// they are, token for token, whatever engine continues.
import type { CompletionRequest } from '@salvage/contract';

/** Everything of a request but the prompt. */
export type AnswerSettings = Omit<CompletionRequest, 'jobId' | 'prompt'>;

export interface Transcript {
  /** Null until an engine has told the ids. */
  promptTokens: readonly number[] | null;
  sentTokens: number[];
}

/**
 * The request for the next engine: the text at first, then prompt and answer as ids with as many
 * tokens less to make. Null when the answer is already as long as it may be.
 */
export function nextRequest(
  jobId: string,
  prompt: { text: string; special: boolean },
  settings: AnswerSettings,
  transcript: Transcript,
): CompletionRequest | null {
  const { promptTokens, sentTokens } = transcript;
  const outputTokensMax = settings.outputTokensMax - sentTokens.length;
  if (outputTokensMax < 1) return null;
  return {
    ...settings,
    jobId,
    outputTokensMax,
    prompt:
      promptTokens === null
        ? { kind: 'text', ...prompt }
        : {
            kind: 'tokens',
            tokens: [...promptTokens, ...sentTokens],
            sentCount: sentTokens.length,
          },
  };
}

/**
 * Whether an answer may be taken up again. A grammar starts anew with each engine, so an answer
 * that must match a schema can only begin again, and only while its client has seen nothing.
 */
export function replayKind(state: {
  constrained: boolean;
  seen: boolean;
}): 'continue' | 'restart' | 'never' {
  if (!state.constrained) return 'continue';
  return state.seen ? 'never' : 'restart';
}
