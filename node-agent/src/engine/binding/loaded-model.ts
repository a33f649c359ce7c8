// The model in the child's memory: one context, one sequence for each answer at a time, and exact
// token bytes. The library's own memory checks are off, because the planner has done that sum and
// weights that are paged from disk are allowed.

import type { LlamaContextSequence, LlamaModel } from 'node-llama-cpp';
import type { EngineSpec } from '../engine.ts';
import { engineLimits } from '../limits.ts';
import { type CpuShare, createCpuShare } from './cpu-share.ts';
import type { PromptTokenizer } from './prompt-ids.ts';
import { createSequencePool, type SequencePool } from './sequences.ts';
import { bytesOfToken, type VocabularyType } from './token-bytes.ts';

export type Library = typeof import('node-llama-cpp');

export interface LoadedModel {
  library: Library;
  model: LlamaModel;
  contextTokens: number;
  tokenizer: PromptTokenizer;
  bytesOf(token: number): Uint8Array;
  sequences: SequencePool<LlamaContextSequence>;
  cpu: CpuShare;
}

/** Throws what the library throws; `onProgress` gets 0 to 1. */
export async function loadModel(
  spec: EngineSpec,
  onProgress: (share: number) => void,
): Promise<LoadedModel> {
  const library = await import('node-llama-cpp');
  const llama = await library.getLlama({
    gpu: false,
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    maxThreads: spec.threads,
    logLevel: library.LlamaLogLevel.warn,
    logger: (level, message) => process.stderr.write(`llama.cpp ${level}: ${message.trimEnd()}\n`),
  });
  const model = await llama.loadModel({
    modelPath: spec.modelPath,
    useMmap: true,
    ignoreMemorySafetyChecks: true,
    onLoadProgress: onProgress,
  });
  const context = await model.createContext({
    contextSize: spec.contextTokens,
    sequences: spec.parallel,
    // A chunk of one prompt and a token of every other answer fit into one batch.
    batchSize: engineLimits.promptChunkTokens + spec.parallel,
    threads: { ideal: spec.threads, min: spec.threads },
    ignoreMemorySafetyChecks: true,
    failedCreationRemedy: false,
  });
  if (context.contextSize < spec.contextTokens) {
    throw new Error(`the context holds ${context.contextSize} tokens, not ${spec.contextTokens}`);
  }
  const sequences = Array.from({ length: spec.parallel }, () =>
    // Only for models whose memory cannot be cut back (sliding window, recurrent): few, because
    // each is a copy of that memory.
    context.getSequence({ checkpoints: { max: 2, interval: false } }),
  );
  return {
    library,
    model,
    contextTokens: spec.contextTokens,
    tokenizer: tokenizerOf(model),
    bytesOf: tokenBytesOf(model),
    sequences: createSequencePool(sequences),
    cpu: createCpuShare(() => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    }),
  };
}

function tokenizerOf(model: LlamaModel): PromptTokenizer {
  return {
    tokenize: (text, special) => model.tokenize(text, special),
    startToken: model.tokens.shouldPrependBosToken ? model.tokens.bos : null,
    vocabularySize: tokenTexts(model).length,
  };
}

function tokenBytesOf(model: LlamaModel): (token: number) => Uint8Array {
  const texts = tokenTexts(model);
  const type: VocabularyType = model.vocabularyType;
  const { ggml } = model.fileInfo.metadata.tokenizer;
  // The one family of BPE vocabularies that writes blanks as U+2581 (llama-vocab.cpp, v0.5.0).
  const blanksEscaped = [ggml.model, ggml.pre].some((name) => String(name).startsWith('gemma4'));
  return (token) => {
    const attributes = model.getTokenAttributes(
      token as ReturnType<LlamaModel['tokenize']>[number],
    );
    const bytes = bytesOfToken(type, blanksEscaped, {
      text: texts[token] ?? '',
      control: attributes.control,
      unknown: attributes.unknown,
      userDefined: attributes.userDefined,
      byte: attributes.byte,
    });
    // Other vocabularies: the library's text, right but for code points cut in two.
    return bytes ?? new TextEncoder().encode(model.detokenize([token] as never));
  };
}

function tokenTexts(model: LlamaModel): readonly string[] {
  return model.fileInfo.metadata.tokenizer.ggml.tokens;
}
