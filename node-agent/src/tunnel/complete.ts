// One answer of one engine over one request. The engine is asked for an event only when the one
// before has been taken, and told to stop as soon as nobody listens.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type CompletionEvent, CompletionRequest } from '@salvage/contract';
import { type Clock, type Log, messageOf } from '@salvage/kit';
import * as v from 'valibot';
import type { EngineRoom } from '../engine/engine.ts';
import type { BodyReader } from './bounded-body.ts';
import { sendPaced } from './paced-writer.ts';
import { type Refusal, refuse } from './refuse.ts';

interface CompleteOptions {
  engines: Pick<EngineRoom, 'complete'>;
  bodies: BodyReader;
  clock: Clock;
  log: Log;
  /** Aborts when the tunnel closes. */
  stopping: AbortSignal;
}

/** Resolves when the answer has ended, for whatever reason. */
export async function complete(
  options: CompleteOptions,
  engineId: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { clock, log } = options;
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const body = await options.bodies.read(request);
  if (!body.ok) {
    if (body.problem === 'gone') response.destroy();
    else refuse(request, response, refusals[body.problem]);
    return;
  }
  const parsed = parseRequest(body.text);
  if (!parsed.ok) return refuse(request, response, badRequest(parsed.problem));

  // At once: the planner gives a node 5 s to begin, and an engine may take longer to say a word.
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  response.flushHeaders();
  const signal = AbortSignal.any([gone.signal, options.stopping]);
  try {
    for await (const event of options.engines.complete(engineId, parsed.request, signal)) {
      const line = Buffer.from(`${JSON.stringify(event)}\n`);
      const sent = await sendPaced(response, line, clock);
      if (sent === 'sent') continue;
      if (sent === 'stalled') log.warn('tunnel-reader-stalled', { engineId });
      // Before the loop ends: the engine must know when it is asked to clean up.
      gone.abort();
      response.destroy();
      break;
    }
  } catch (error) {
    // The room says it throws nothing; if it does, the client is better told than left waiting.
    log.error('tunnel-engine-threw', { engineId, message: messageOf(error) });
    const message = messageOf(error);
    const failed: CompletionEvent = { event: 'error', code: 'SLV_ENGINE_EXITED', message };
    if (!response.destroyed) response.write(`${JSON.stringify(failed)}\n`);
  }
  response.end();
}

type Parsed = { ok: true; request: CompletionRequest } | { ok: false; problem: string };

function parseRequest(text: string): Parsed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, problem: `the body is not JSON: ${messageOf(error)}` };
  }
  const result = v.safeParse(CompletionRequest, value, { abortEarly: true });
  if (result.success) return { ok: true, request: result.output };
  const [issue] = result.issues;
  return { ok: false, problem: `${v.getDotPath(issue) ?? 'the body'}: ${issue.message}` };
}

export function badRequest(message: string): Refusal {
  return { status: 400, code: 'SLV_REQUEST', message };
}

const refusals: Record<'too-large' | 'no-room', Refusal> = {
  'too-large': {
    status: 413,
    code: 'SLV_PROMPT_TOO_LONG',
    message: 'the request is larger than this node reads',
  },
  'no-room': {
    status: 503,
    code: 'SLV_QUEUE_FULL',
    message: 'this node is reading as many requests as it has room for',
  },
};
