// POST /v1/chat/completions -> our request, pure. Messages become plain texts with a role; the
// template turns them into the prompt later.
import * as v from 'valibot';
import type { ChatMessage } from '../../chat-template.ts';
import type { Problem } from './problem.ts';
import { cannot, refuseParameters } from './refusals.ts';
import {
  type OpenaiRequest,
  parseRequest,
  settingsOf,
  sharedEntries,
  type Translated,
  wellFormed,
} from './request.ts';

export interface ChatRequest extends OpenaiRequest {
  messages: ChatMessage[];
}

const Part = v.object({ type: v.string(), text: v.nullish(v.string()) });
const Message = v.object({
  role: v.string(),
  content: v.nullish(v.union([v.string(), v.array(Part)])),
  tool_calls: v.nullish(v.unknown()),
  function_call: v.nullish(v.unknown()),
});
type Message = v.InferOutput<typeof Message>;

const ChatBody = v.object({
  ...sharedEntries,
  max_completion_tokens: sharedEntries.max_tokens,
  messages: v.pipe(v.array(Message), v.minLength(1)),
});

const roles: ReadonlyMap<string, ChatMessage['role']> = new Map([
  ['system', 'system'],
  ['developer', 'system'],
  ['user', 'user'],
  ['assistant', 'assistant'],
] as const);

/** Translates a body; the model is known already, its context bounds the answer. */
export function chatRequestOf(
  body: Record<string, unknown>,
  bounds: { outputTokensDefault: number; contextTokensMax: number; messagesMax: number },
): Translated<ChatRequest> {
  const refused = refuseParameters(body);
  if (refused !== null) return { ok: false, problem: refused };
  const parsed = parseRequest(ChatBody, body);
  if (!parsed.ok) return parsed;
  const request = parsed.value;
  if (request.messages.length > bounds.messagesMax) {
    const message = `there are more than ${bounds.messagesMax} messages`;
    return { ok: false, problem: { code: 'SLV_REQUEST', message, param: 'messages' } };
  }
  const messages: ChatMessage[] = [];
  for (const [index, message] of request.messages.entries()) {
    const plain = plainMessage(message, `messages[${index}]`);
    if (!plain.ok) return plain;
    messages.push(plain.value);
  }
  const outputTokens = request.max_completion_tokens ?? request.max_tokens ?? null;
  return {
    ok: true,
    value: {
      messages,
      settings: settingsOf(request, outputTokens, bounds),
      outputTokens,
      stream: request.stream ?? false,
      includeUsage: request.stream_options?.include_usage ?? false,
    },
  };
}

function plainMessage(message: Message, param: string): Translated<ChatMessage> {
  const no = (problem: Problem): Translated<ChatMessage> => ({ ok: false, problem });
  if (message.role === 'tool' || message.role === 'function') {
    return no(cannot(`${param}.role`, 'tools'));
  }
  if ((message.tool_calls ?? null) !== null || (message.function_call ?? null) !== null) {
    return no(cannot(`${param}.tool_calls`, 'tools'));
  }
  const role = roles.get(message.role);
  if (role === undefined) {
    const text = `${param}.role is none of ${[...roles.keys()].join(', ')}`;
    return no({ code: 'SLV_REQUEST', message: text, param: `${param}.role` });
  }
  const { content } = message;
  if (typeof content === 'string')
    return { ok: true, value: { role, content: wellFormed(content) } };
  if (content === null || content === undefined) {
    if (role === 'assistant') return { ok: true, value: { role, content: '' } };
    const text = `${param}.content is missing`;
    return no({ code: 'SLV_REQUEST', message: text, param: `${param}.content` });
  }
  const texts: string[] = [];
  for (const [index, part] of content.entries()) {
    const at = `${param}.content[${index}]`;
    if (part.type !== 'text') return no(cannot(at, 'media'));
    if (typeof part.text !== 'string') {
      return no({ code: 'SLV_REQUEST', message: `${at}.text is missing`, param: `${at}.text` });
    }
    texts.push(wellFormed(part.text));
  }
  return { ok: true, value: { role, content: texts.join('\n') } };
}
