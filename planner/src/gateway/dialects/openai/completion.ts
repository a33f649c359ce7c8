// POST /v1/completions -> our request, pure. The prompt is a person's text: words in it that look
// like special tokens are read as plain text, unlike in a rendered chat.
import * as v from 'valibot';
import { refuseParameters } from './refusals.ts';
import {
  type OpenaiRequest,
  parseRequest,
  settingsOf,
  sharedEntries,
  type Translated,
  wellFormed,
} from './request.ts';

export interface PlainRequest extends OpenaiRequest {
  text: string;
}

const CompletionBody = v.object({
  ...sharedEntries,
  prompt: v.union([v.string(), v.pipe(v.array(v.string()), v.length(1))]),
});

/** Translates a body; the model is known already, its context bounds the answer. */
export function completionRequestOf(
  body: Record<string, unknown>,
  bounds: { outputTokensDefault: number; contextTokensMax: number },
): Translated<PlainRequest> {
  const refused = refuseParameters(body);
  if (refused !== null) return { ok: false, problem: refused };
  if (Array.isArray(body['prompt']) && !isOneText(body['prompt'])) {
    const message = 'prompt must be one text: neither token ids nor several texts';
    return { ok: false, problem: { code: 'SLV_REQUEST', message, param: 'prompt' } };
  }
  const parsed = parseRequest(CompletionBody, body);
  if (!parsed.ok) return parsed;
  const request = parsed.value;
  const outputTokens = request.max_tokens ?? null;
  return {
    ok: true,
    value: {
      text: wellFormed(typeof request.prompt === 'string' ? request.prompt : request.prompt.join()),
      settings: settingsOf(request, outputTokens, bounds),
      outputTokens,
      stream: request.stream ?? false,
      includeUsage: request.stream_options?.include_usage ?? false,
    },
  };
}

function isOneText(prompt: unknown[]): boolean {
  return prompt.length === 1 && typeof prompt[0] === 'string';
}
