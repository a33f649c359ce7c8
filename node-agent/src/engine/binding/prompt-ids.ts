// The ids that an engine reads: text is tokenised here, ids are taken as they are and checked,
// because llama.cpp reads out of bounds for an id that its vocabulary does not have.
import type { CompletionRequest } from '@salvage/contract';
import { SalvageError } from '@salvage/kit';

/** What this needs of a model; ids are llama.cpp's. */
export interface PromptTokenizer {
  tokenize(text: string, special: boolean): number[];
  /** The model's start token where its GGUF asks for one in front, else null. */
  startToken: number | null;
  vocabularySize: number;
}

/**
 * Ids of the prompt, the start token in front where the model wants it and the text did not bring
 * it. Throws SLV_REQUEST for ids that do not exist and for nothing to read, SLV_PROMPT_TOO_LONG
 * when not even one token of an answer fits behind it.
 */
export function promptIds(
  prompt: CompletionRequest['prompt'],
  tokenizer: PromptTokenizer,
  contextTokens: number,
): number[] {
  const ids = prompt.kind === 'text' ? idsOfText(prompt, tokenizer) : prompt.tokens;
  if (prompt.kind === 'tokens') checkIds(prompt.tokens, prompt.sentCount, tokenizer);
  if (ids.length === 0) throw new SalvageError('SLV_REQUEST', 'the prompt is empty');
  if (ids.length + 1 > contextTokens) {
    throw new SalvageError(
      'SLV_PROMPT_TOO_LONG',
      `the prompt has ${ids.length} tokens, and this engine's context holds ${contextTokens}, ` +
        'the answer included',
    );
  }
  return ids;
}

function idsOfText(
  prompt: { text: string; special: boolean },
  tokenizer: PromptTokenizer,
): number[] {
  const ids = prompt.text === '' ? [] : tokenizer.tokenize(prompt.text, prompt.special);
  const start = tokenizer.startToken;
  return start === null || ids[0] === start ? ids : [start, ...ids];
}

function checkIds(ids: number[], sentCount: number, tokenizer: PromptTokenizer): void {
  const unknown = ids.find(
    (id) => !Number.isInteger(id) || id < 0 || id >= tokenizer.vocabularySize,
  );
  if (unknown !== undefined) {
    throw new SalvageError(
      'SLV_REQUEST',
      `token ${unknown} is not in this model's vocabulary of ${tokenizer.vocabularySize}`,
    );
  }
  if (sentCount >= ids.length && sentCount > 0) {
    throw new SalvageError(
      'SLV_REQUEST',
      `${sentCount} tokens sent leave no prompt before them: there are only ${ids.length}`,
    );
  }
}
