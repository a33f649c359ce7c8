// OpenAI requests -> ours, pure. What both endpoints share is read here; unknown parameters are
// ignored, known ones of the wrong type or range are refused by name.
import * as v from 'valibot';
import { samplingDefaults } from '../../limits.ts';
import type { AnswerSettings } from '../../replay.ts';
import type { Problem } from './problem.ts';

export type Translated<Value> = { ok: true; value: Value } | { ok: false; problem: Problem };

export interface OpenaiRequest {
  settings: AnswerSettings;
  /** Null: the client named no bound. */
  outputTokens: number | null;
  stream: boolean;
  includeUsage: boolean;
}

const Tokens = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000_000));
const Share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const StopText = v.pipe(v.string(), v.minLength(1), v.maxLength(200));

/** Parameters that chat and completion requests share. */
export const sharedEntries = {
  model: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
  stream: v.nullish(v.boolean()),
  stream_options: v.nullish(v.object({ include_usage: v.nullish(v.boolean()) })),
  max_tokens: v.nullish(Tokens),
  temperature: v.nullish(v.pipe(v.number(), v.minValue(0), v.maxValue(5))),
  top_p: v.nullish(Share),
  top_k: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000))),
  min_p: v.nullish(Share),
  seed: v.nullish(v.pipe(v.number(), v.safeInteger())),
  stop: v.nullish(v.union([StopText, v.pipe(v.array(StopText), v.maxLength(16))])),
  response_format: v.nullish(
    v.variant('type', [
      v.object({ type: v.literal('text') }),
      v.object({ type: v.literal('json_object') }),
      v.object({
        type: v.literal('json_schema'),
        json_schema: v.object({
          name: v.nullish(v.string()),
          strict: v.nullish(v.boolean()),
          schema: v.record(v.string(), v.unknown()),
        }),
      }),
    ]),
  ),
};
export const SharedRequest = v.object(sharedEntries);
type SharedRequest = v.InferOutput<typeof SharedRequest>;

const maxMessageCharacters = 300;

/** Parses with a schema; the first issue becomes the problem, with its parameter. */
export function parseRequest<Schema extends v.GenericSchema>(
  schema: Schema,
  body: unknown,
): Translated<v.InferOutput<Schema>> {
  const result = v.safeParse(schema, body, { abortEarly: true, abortPipeEarly: true });
  if (result.success) return { ok: true, value: result.output };
  const [issue] = result.issues;
  const param = parameterOf(issue);
  const message = `${param ?? 'the body'}: ${issue.message}`.slice(0, maxMessageCharacters);
  return { ok: false, problem: { code: 'SLV_REQUEST', message, param } };
}

/** Settings of the answer; `bound` is what the model can hold at all, in tokens. */
export function settingsOf(
  request: SharedRequest,
  outputTokens: number | null,
  bounds: { outputTokensDefault: number; contextTokensMax: number },
): AnswerSettings {
  const wanted = outputTokens ?? bounds.outputTokensDefault;
  return {
    outputTokensMax: Math.max(1, Math.min(wanted, bounds.contextTokensMax)),
    temperature: request.temperature ?? samplingDefaults.temperature,
    topP: request.top_p ?? samplingDefaults.topP,
    topK: request.top_k ?? samplingDefaults.topK,
    minP: request.min_p ?? samplingDefaults.minP,
    // OpenAI's seeds may be negative; llama.cpp's are 32 bits without a sign.
    seed: request.seed === null || request.seed === undefined ? null : seedOf(request.seed),
    stop: stopTexts(request.stop),
    jsonSchema: jsonSchemaOf(request.response_format),
    ignoreEnd: false,
  };
}

/** Text that every tokeniser takes: half a surrogate pair is no character. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\uFFFD');
}

function stopTexts(stop: SharedRequest['stop']): string[] {
  const texts = typeof stop === 'string' ? [stop] : (stop ?? []);
  return texts.map(wellFormed);
}

function seedOf(seed: number): number {
  return ((seed % 2 ** 32) + 2 ** 32) % 2 ** 32;
}

function jsonSchemaOf(format: SharedRequest['response_format']): Record<string, unknown> | null {
  if (format === null || format === undefined || format.type === 'text') return null;
  if (format.type === 'json_schema') return format.json_schema.schema;
  // Without this an engine may read "no properties listed" as "no properties allowed".
  return { type: 'object', additionalProperties: true };
}

/** `messages[0].content`, as OpenAI writes it. */
function parameterOf(issue: v.BaseIssue<unknown>): string | null {
  const path = v.getDotPath(issue);
  return path === null ? null : path.replace(/\.(\d+)(?=\.|$)/g, '[$1]').slice(0, 100);
}
