// One answer in the child, at the level of token ids: reuse the state of the common prefix, read
// the rest of the prompt in chunks, then one token at a time. A full context ends the answer; the
// library's habit of shifting the context away is refused, because the ids sent would no longer be
// what the model has read.
import type { CompletionEvent, CompletionRequest, EndReason, Timings } from '@salvage/contract';
import { messageOf, SalvageError } from '@salvage/kit';
import type { LlamaContextSequence, LlamaGrammarEvaluationState, Token } from 'node-llama-cpp';
import { engineLimits } from '../limits.ts';
import { type AnswerText, createAnswerText } from './answer-text.ts';
import { grammarFor } from './grammar.ts';
import type { LoadedModel } from './loaded-model.ts';
import { promptIds } from './prompt-ids.ts';
import { createTokenGroup, type TokenGroup } from './token-group.ts';

export interface Call {
  number: number;
  request: CompletionRequest;
  signal: AbortSignal;
  emit(event: CompletionEvent): void;
  /** Monotonic milliseconds. */
  now(): number;
  /** A seed for a request that brings none. */
  randomSeed(): number;
}

/** Serves one call to its `end` or `error`; never throws. */
export async function runCompletion(loaded: LoadedModel, call: Call): Promise<void> {
  try {
    const ids = promptIds(call.request.prompt, loaded.tokenizer, loaded.contextTokens);
    const text = createAnswerText({ bytesOf: loaded.bytesOf, stopTexts: call.request.stop });
    const over = replaySent(loaded, call.request, ids, text);
    const grammar = over === null ? await answerGrammar(loaded, call.request, ids) : null;
    call.emit({ event: 'prompt', tokens: ids });
    if (over !== null) return call.emit(endEvent(over, emptyTimings(ids.length)));
    const sequence = await loaded.sequences.acquire(ids, call.signal);
    if (sequence === null) return call.emit(endEvent('cancelled', emptyTimings(ids.length)));
    try {
      await answer(loaded, call, { ids, text, grammar, sequence });
    } finally {
      loaded.sequences.release(sequence);
    }
  } catch (thrown) {
    const code = thrown instanceof SalvageError ? thrown.code : 'SLV_ENGINE_EXITED';
    call.emit({ event: 'error', code, message: messageOf(thrown) });
  }
}

/** Puts what was already sent through the text machine; a reason when it had already ended. */
function replaySent(
  loaded: LoadedModel,
  request: CompletionRequest,
  ids: number[],
  text: AnswerText,
): EndReason | null {
  const sent = sentOf(request, ids);
  for (const token of sent) if (text.push(token).stopped) return 'stop-text';
  const last = sent.at(-1);
  return last !== undefined && isEnd(loaded, request, last) ? 'stop' : null;
}

async function answerGrammar(
  loaded: LoadedModel,
  request: CompletionRequest,
  ids: number[],
): Promise<LlamaGrammarEvaluationState | null> {
  if (request.jsonSchema === null) return null;
  return grammarFor(loaded.library, loaded.model, request.jsonSchema, sentOf(request, ids));
}

function sentOf(request: CompletionRequest, ids: number[]): number[] {
  const count = request.prompt.kind === 'tokens' ? request.prompt.sentCount : 0;
  return count === 0 ? [] : ids.slice(-count);
}

function isEnd(loaded: LoadedModel, request: CompletionRequest, token: number): boolean {
  // A constrained answer has nothing to say after its end, whatever was asked.
  if (request.ignoreEnd && request.jsonSchema === null) return false;
  return loaded.model.isEogToken(token as Token);
}

interface Work {
  ids: number[];
  text: AnswerText;
  grammar: LlamaGrammarEvaluationState | null;
  sequence: LlamaContextSequence;
}

async function answer(loaded: LoadedModel, call: Call, work: Work): Promise<void> {
  const { ids, sequence } = work;
  const startedAt = call.now();
  const progress = { position: 0 };
  const alive = setInterval(() => {
    call.emit({ event: 'alive', promptProgress: progress.position / ids.length });
  }, engineLimits.aliveMilliseconds);
  const group = createTokenGroup(call.emit, call.now);
  const count = { cached: 0, output: 0, firstAt: null as number | null };
  loaded.cpu.enter(call.number);
  const settle = (): number => {
    clearInterval(alive);
    group.close();
    return loaded.cpu.leave(call.number);
  };
  try {
    // At least one token is read anew: the state after it is what the first token comes from.
    await sequence.adaptStateToTokens(ids.slice(0, -1) as Token[], false);
    count.cached = sequence.nextTokenIndex;
    progress.position = count.cached;
    const read = await readPrompt(call, work, progress);
    const onToken = (): void => {
      clearInterval(alive);
      count.firstAt ??= call.now();
      count.output += 1;
    };
    const reason = read ? await makeTokens(loaded, call, work, { group, onToken }) : 'cancelled';
    const endedAt = call.now();
    const timings: Timings = {
      promptTokens: ids.length,
      cachedTokens: count.cached,
      promptMilliseconds: (count.firstAt ?? endedAt) - startedAt,
      outputTokens: count.output,
      outputMilliseconds: endedAt - (count.firstAt ?? endedAt),
      cpuSeconds: settle(),
    };
    call.emit(endEvent(reason, timings));
  } catch (thrown) {
    settle();
    // Its memory may not be what it says: the next answer reads its whole prompt.
    await sequence.clearHistory();
    throw thrown;
  }
}

/** All of the prompt but its last chunk. False when the answer was cancelled. */
async function readPrompt(
  call: Call,
  { ids, sequence }: Work,
  progress: { position: number },
): Promise<boolean> {
  const chunk = engineLimits.promptChunkTokens;
  for (;;) {
    if (call.signal.aborted) return false;
    // Whole multiples, so that the same prompt is always computed in the same batches.
    const next = (Math.floor(progress.position / chunk) + 1) * chunk;
    if (next >= ids.length) break;
    const part = ids.slice(progress.position, next) as Token[];
    await sequence.evaluateWithoutGeneratingNewTokens(part, { contextShift: refuseShift });
    progress.position = next;
  }
  // Does nothing for models whose memory can be cut back to any token.
  await sequence.takeCheckpoint();
  return true;
}

async function makeTokens(
  loaded: LoadedModel,
  call: Call,
  { ids, text, grammar, sequence }: Work,
  { group, onToken }: { group: TokenGroup; onToken(): void },
): Promise<EndReason> {
  const { request } = call;
  // The last token of an answer is never read, so prompt and answer may fill the context.
  const outputMax = Math.min(request.outputTokensMax, loaded.contextTokens - ids.length);
  const tokens = sequence.evaluate(ids.slice(sequence.nextTokenIndex) as Token[], {
    temperature: request.temperature,
    topP: request.topP,
    topK: request.topK,
    minP: request.minP,
    seed: seedOf(request.seed ?? call.randomSeed()),
    yieldEogToken: true,
    contextShift: refuseShift,
    ...(grammar === null ? {} : { grammarEvaluationState: grammar }),
  });
  let made = 0;
  for await (const token of tokens) {
    onToken();
    made += 1;
    const { text: shown, stopped } = text.push(token);
    const reason = stopped
      ? 'stop-text'
      : isEnd(loaded, request, token)
        ? 'stop'
        : made >= outputMax
          ? 'length'
          : null;
    if (reason === null) {
      group.add(token, shown);
      if (call.signal.aborted) return 'cancelled';
      continue;
    }
    // What was held back goes out together with the last id: the text stays a function of the ids.
    group.add(token, reason === 'stop-text' ? shown : shown + text.flush());
    return reason;
  }
  throw new Error('llama.cpp stopped making tokens');
}

/** llama.cpp takes 32 bits, and reads 2^32 - 1 as "random". */
function seedOf(seed: number): number {
  return seed % 0xffff_ffff;
}

const refuseShift = {
  size: 1,
  strategy: (): never => {
    throw new Error('the context is full, and shifting it would lose what was read');
  },
};

function emptyTimings(promptTokens: number): Timings {
  return {
    promptTokens,
    cachedTokens: 0,
    promptMilliseconds: 0,
    outputTokens: 0,
    outputMilliseconds: 0,
    cpuSeconds: 0,
  };
}

function endEvent(reason: EndReason, timings: Timings): CompletionEvent {
  // The room that owns this engine knows the meters and fills the energy in.
  return { event: 'end', reason, timings, energy: null };
}
