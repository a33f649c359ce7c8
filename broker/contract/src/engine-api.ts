// The engine door: HTTP over mutual TLS on a node's tunnel port, spoken by the gateway. Tokens
// stream here and never over MQTT. One request is one answer:
//
//   POST /engine/<engineId>/complete   CompletionRequest -> NDJSON of CompletionEvent
//
// Closing the connection cancels the answer. The first event carries the prompt's token ids, so
// that the gateway can replay prompt and answer elsewhere, byte for byte.
import * as v from 'valibot';
import { JobId } from './ids.ts';
import { energyMethods, energyQualities, energyScopes } from './messages/node.ts';
import { Amount, Count, Name } from './messages/shared.ts';

const TokenIds = v.pipe(v.array(Count), v.maxLength(1_000_000));

export const CompletionRequest = v.object({
  jobId: JobId,
  /**
   * `text` is tokenised by the engine, special tokens in it recognised when `special` is true,
   * and the model's start token put in front where its GGUF asks for one and the text does not
   * bring it. `tokens` are used as they are; the last `sentCount` of them were already sent to
   * the client as the start of this answer.
   */
  prompt: v.variant('kind', [
    v.object({ kind: v.literal('text'), text: v.string(), special: v.boolean() }),
    v.object({ kind: v.literal('tokens'), tokens: TokenIds, sentCount: Count }),
  ]),
  outputTokensMax: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** 0 is greedy. */
  temperature: v.pipe(v.number(), v.minValue(0), v.maxValue(5)),
  topP: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  topK: Count,
  minP: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  seed: v.nullable(Count),
  /** The answer ends before the first of these texts, which is not part of it. */
  stop: v.pipe(v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(200))), v.maxLength(16)),
  /** A JSON Schema that the answer must match; null for free text. */
  jsonSchema: v.nullable(v.record(v.string(), v.unknown())),
  /** True goes on past the model's end-of-text token (benchmarks). */
  ignoreEnd: v.boolean(),
});
export type CompletionRequest = v.InferOutput<typeof CompletionRequest>;

/** The engine's own clock: milliseconds in the child, CPU seconds of the child's process. */
export const Timings = v.object({
  promptTokens: Count,
  /** Tokens of the prompt that were still in memory and not read again. */
  cachedTokens: Count,
  promptMilliseconds: Amount,
  outputTokens: Count,
  outputMilliseconds: Amount,
  cpuSeconds: v.nullable(Amount),
});
export type Timings = v.InferOutput<typeof Timings>;

/**
 * The job's energy on this node, from the same windows that go to the ledger over MQTT. Null
 * microjoules: no meter, no calibration and no matching profile; the CPU seconds stand alone.
 */
export const JobEnergy = v.object({
  microjoules: v.nullable(Count),
  method: v.nullable(v.picklist(energyMethods)),
  scope: v.nullable(v.picklist(energyScopes)),
  quality: v.nullable(v.picklist(energyQualities)),
  relativeError: v.nullable(Amount),
  source: Name,
});
export type JobEnergy = v.InferOutput<typeof JobEnergy>;

export const endReasons = ['stop', 'length', 'stop-text', 'cancelled'] as const;
export type EndReason = (typeof endReasons)[number];

export const CompletionEvent = v.variant('event', [
  /** Once, first: the prompt's ids. */
  v.object({ event: v.literal('prompt'), tokens: TokenIds }),
  /** While nothing else can be said (queue, a long prompt): keeps watchdogs calm. */
  v.object({ event: v.literal('alive'), promptProgress: v.nullable(Amount) }),
  v.object({ event: v.literal('tokens'), tokens: TokenIds, text: v.string() }),
  v.object({
    event: v.literal('end'),
    reason: v.picklist(endReasons),
    timings: Timings,
    energy: v.nullable(JobEnergy),
  }),
  v.object({ event: v.literal('error'), code: Name, message: v.string() }),
]);
export type CompletionEvent = v.InferOutput<typeof CompletionEvent>;
