// The gateway's OpenAI door as `ask` uses it: one turn or one text, streamed (server-sent events)
// or whole. Errors in OpenAI's shape become SalvageErrors.
import { join } from 'node:path';
import { type FailureCode, failures, messageOf, readTextIfAny, SalvageError } from '@salvage/kit';
import type { SalvageBlock } from '../gateway/salvage-block.ts';

export interface ChatRequest {
  model: string;
  question: string;
  /** True continues the text; false answers it as one user turn. */
  isRaw: boolean;
  tokensMax: number;
  /** Aborting it cancels the answer. */
  signal?: AbortSignal;
}

/** A piece of an answer; the last one says what it cost. */
export interface Reply {
  text: string;
  cost: SalvageBlock | null;
}

export interface Chat {
  streamed(request: ChatRequest): AsyncIterable<Reply>;
  /** The answer's body as the door gave it. */
  whole(request: ChatRequest): Promise<unknown>;
}

interface Chunk {
  salvage?: SalvageBlock;
  choices?: { text?: string; delta?: { content?: string | null } }[];
  error?: unknown;
}

const lineCharactersMax = 1_000_000;
const errorCharactersMax = 10_000;

export async function openChat(options: { state: string; gatewayUrl: string }): Promise<Chat> {
  const key = (await readTextIfAny(join(options.state, 'keys', 'operator')))?.trim() ?? '';
  const post = async (request: ChatRequest, stream: boolean): Promise<Response> => {
    const path = request.isRaw ? '/v1/completions' : '/v1/chat/completions';
    let response: Response;
    try {
      response = await fetch(`${options.gatewayUrl}${path}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(key === '' ? {} : { authorization: `Bearer ${key}` }),
        },
        body: JSON.stringify({
          model: request.model,
          max_tokens: request.tokensMax,
          stream,
          ...(stream ? { stream_options: { include_usage: true } } : {}),
          ...(request.isRaw
            ? { prompt: request.question }
            : { messages: [{ role: 'user', content: request.question }] }),
        }),
        signal: request.signal ?? null,
      });
    } catch (error) {
      throw broken(error);
    }
    if (!response.ok) {
      const text = await response.text().catch(() => '');
      throw failureOf(text.slice(0, errorCharactersMax), response.status);
    }
    return response;
  };
  return {
    whole: async (request) => (await post(request, false)).json(),
    streamed: async function* (request) {
      const response = await post(request, true);
      for await (const data of eventsOf(response)) {
        if (data === '[DONE]') return;
        const chunk = JSON.parse(data) as Chunk;
        if (chunk.error !== undefined) throw failureOf(data, 500);
        const [choice] = chunk.choices ?? [];
        const text = choice?.delta?.content ?? choice?.text ?? '';
        yield { text, cost: chunk.salvage ?? null };
      }
      throw broken(new Error('the answer has no end'));
    },
  };
}

/** Data of server-sent events: lines `data: …`; others (comments that keep alive) are skipped. */
async function* eventsOf(response: Response): AsyncGenerator<string> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const chunk of response.body) {
      rest += decoder.decode(chunk as Uint8Array, { stream: true });
      const lines = rest.split(/\r?\n/);
      rest = lines.pop() ?? '';
      if (rest.length > lineCharactersMax) throw new Error('a line is too long');
      for (const line of lines) if (line.startsWith('data:')) yield line.slice(5).trim();
    }
  } catch (error) {
    throw broken(error);
  }
}

function broken(error: unknown): SalvageError {
  if (error instanceof SalvageError) return error;
  const reason = (error as { cause?: { code?: string } }).cause?.code ?? messageOf(error);
  return new SalvageError('SLV_NODE_LOST', `the answer broke off: ${reason}`, { cause: error });
}

/** The gateway's error: OpenAI's shape with our code and hint beside it. */
function failureOf(text: string, status: number): SalvageError {
  let error: { message?: unknown; salvage_code?: unknown; hint?: unknown } = {};
  try {
    error = (JSON.parse(text) as { error?: typeof error }).error ?? {};
  } catch {
    error = {};
  }
  const code = error.salvage_code;
  const hint = typeof error.hint === 'string' ? error.hint : '';
  const said =
    typeof error.message === 'string' ? error.message : `HTTP ${status} from the gateway`;
  return new SalvageError(
    typeof code === 'string' && code in failures ? (code as FailureCode) : 'SLV_REQUEST',
    // The message repeats the hint for clients that show nothing else.
    hint === '' ? said : said.replace(` (${hint})`, ''),
    hint === '' ? {} : { hint },
  );
}
