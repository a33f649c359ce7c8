// Our answers -> OpenAI's bodies and chunks, pure.
import type { EndReason } from '@salvage/contract';
import type { ModelCard } from '../../../models/card.ts';
import type { AnswerEnd } from '../../answer.ts';
import { salvageBlock } from '../../salvage-block.ts';

export type Shape = 'chat' | 'completion';

/** What all bodies of one answer say. */
export interface AnswerMeta {
  shape: Shape;
  jobId: string;
  modelId: string;
  createdSeconds: number;
  includeUsage: boolean;
}

type Payload = Record<string, unknown>;

/** The body of an answer that is not streamed. */
export function wholeAnswer(meta: AnswerMeta, text: string, end: AnswerEnd): Payload {
  const choice =
    meta.shape === 'chat'
      ? { index: 0, message: { role: 'assistant', content: text, refusal: null } }
      : { index: 0, text };
  return {
    ...head(meta, meta.shape === 'chat' ? 'chat.completion' : 'text_completion'),
    choices: [{ ...choice, logprobs: null, finish_reason: finishReason(end.reason) }],
    usage: usageOf(end),
    salvage: salvageBlock(end),
  };
}

/** The chunk that opens a stream; plain completions have none. */
export function firstChunk(meta: AnswerMeta): Payload | null {
  if (meta.shape === 'completion') return null;
  return chunk(meta, { delta: { role: 'assistant', content: '', refusal: null } }, null);
}

export function textChunk(meta: AnswerMeta, text: string): Payload {
  return chunk(meta, meta.shape === 'chat' ? { delta: { content: text } } : { text }, null);
}

/** The chunks that close a stream; the very last one carries the salvage block. */
export function lastChunks(meta: AnswerMeta, end: AnswerEnd): Payload[] {
  const empty = meta.shape === 'chat' ? { delta: {} } : { text: '' };
  const closing = chunk(meta, empty, finishReason(end.reason));
  const salvage = salvageBlock(end);
  if (!meta.includeUsage) return [{ ...closing, salvage }];
  const usage = { ...head(meta, chunkObject(meta)), choices: [], usage: usageOf(end), salvage };
  return [closing, usage];
}

/** One row of `GET /v1/models`; what is ours is under `salvage`. */
export function modelRow(model: ModelCard): Payload {
  return {
    id: model.modelId,
    object: 'model',
    created: Math.floor(model.addedAt / 1000),
    owned_by: 'salvage',
    salvage: {
      name: model.name,
      architecture: model.architecture,
      quant: model.quant,
      parameters: model.parameters,
      bytes: model.bytes,
      context_tokens_max: model.contextTokensMax,
      chat: model.chatTemplate !== null,
      licence: model.licence,
      notice: model.notice,
    },
  };
}

function chunk(meta: AnswerMeta, choice: Payload, reason: string | null): Payload {
  return {
    ...head(meta, chunkObject(meta)),
    choices: [{ index: 0, ...choice, logprobs: null, finish_reason: reason }],
    ...(meta.includeUsage ? { usage: null } : {}),
  };
}

function chunkObject(meta: AnswerMeta): string {
  return meta.shape === 'chat' ? 'chat.completion.chunk' : 'text_completion';
}

function head(meta: AnswerMeta, object: string): Payload {
  const prefix = meta.shape === 'chat' ? 'chatcmpl' : 'cmpl';
  return {
    id: `${prefix}-${meta.jobId.replace(/^job-/, '')}`,
    object,
    created: meta.createdSeconds,
    model: meta.modelId,
    system_fingerprint: null,
  };
}

function usageOf(end: AnswerEnd): Payload {
  return {
    prompt_tokens: end.promptTokens,
    completion_tokens: end.outputTokens,
    total_tokens: end.promptTokens + end.outputTokens,
    prompt_tokens_details: { cached_tokens: end.timings?.cachedTokens ?? 0 },
  };
}

function finishReason(reason: EndReason): 'stop' | 'length' {
  return reason === 'length' ? 'length' : 'stop';
}
