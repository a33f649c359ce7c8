// The OpenAI dialect over HTTP: reads a request, puts it in the line, and sends the answer whole
// or as a stream. A stream's headers wait a little for the first token, so that a failure before
// it is a proper status; after that failures are events in the stream.
import { ModelId } from '@salvage/contract';
import { SalvageError } from '@salvage/kit';
import type { Context, Hono } from 'hono';
import * as v from 'valibot';
import type { ModelCard } from '../models/card.ts';
import { type Answer, type AnswerDesk, beginAnswer } from './answer.ts';
import { readJsonBody } from './body.ts';
import { renderChat } from './chat-template.ts';
import {
  type AnswerMeta,
  firstChunk,
  lastChunks,
  modelRow,
  type Shape,
  textChunk,
  wholeAnswer,
} from './dialects/openai/answers.ts';
import { chatRequestOf } from './dialects/openai/chat.ts';
import { completionRequestOf } from './dialects/openai/completion.ts';
import {
  type ErrorStatus,
  errorBody,
  errorStatus,
  type Problem,
} from './dialects/openai/problem.ts';
import { ignoredParameters } from './dialects/openai/refusals.ts';
import type { OpenaiRequest, Translated } from './dialects/openai/request.ts';
import type { GatewayEnv } from './env.ts';
import { newJobId } from './job-id.ts';
import { charactersPerToken } from './limits.ts';
import type { Client, GatewayPorts } from './ports.ts';
import { BusyError, faultFields } from './refusal.ts';
import { energyHeader, salvageBlock } from './salvage-block.ts';
import { sseData, streamBody } from './sse.ts';

export interface RouteOptions {
  desk: AnswerDesk;
  random: (bytes: number) => Uint8Array;
}

type GatewayContext = Context<GatewayEnv>;

interface Wanted {
  request: OpenaiRequest;
  prompt: { text: string; special: boolean };
}

const deadlineHeader = 'x-salvage-deadline-seconds';

/** Adds the routes of the dialect; whoever comes here has passed the access check. */
export function addOpenaiRoutes(app: Hono<GatewayEnv>, options: RouteOptions): void {
  const { desk } = options;
  const { models } = desk.ports;
  app.get('/v1/models', (c) => c.json({ object: 'list', data: models.list().map(modelRow) }));
  app.get('/v1/models/:id', (c) => {
    const model = findModel(models, c.req.param('id'));
    return model.ok ? c.json(modelRow(model.value)) : refuse(c, model.problem);
  });
  app.post('/v1/chat/completions', (c) => answerTo(c, options, 'chat'));
  app.post('/v1/completions', (c) => answerTo(c, options, 'completion'));
}

/** A failure as a response. */
export function refuse(
  c: GatewayContext,
  problem: Problem,
  extra: { status?: ErrorStatus; headers?: Record<string, string> } = {},
): Response {
  return c.json(errorBody(problem), extra.status ?? errorStatus(problem.code), extra.headers ?? {});
}

async function answerTo(c: GatewayContext, options: RouteOptions, shape: Shape): Promise<Response> {
  const { desk } = options;
  const { bodyBytesMax: bytesMax, bodyDepthMax: depthMax } = desk.limits;
  const body = await readJsonBody(c.req.raw, { bytesMax, depthMax });
  if (!body.ok) {
    const { code, message, status } = body;
    return refuse(c, { code, message, param: null }, { status });
  }
  const model = findModel(desk.ports.models, body.value['model']);
  if (!model.ok) return refuse(c, model.problem);
  const deadline = deadlineOf(c.req.header(deadlineHeader));
  if (!deadline.ok) return refuse(c, deadline.problem);
  const jobId = newJobId(options.random);
  const headers: Record<string, string> = { 'x-salvage-job': jobId };
  try {
    const wanted = wantedOf(desk, model.value, body.value, shape);
    if (!wanted.ok) return refuse(c, wanted.problem);
    const ignored = ignoredParameters(body.value);
    if (ignored.length > 0) headers['x-salvage-ignored'] = ignored.join(', ');
    const { client } = c.var;
    const order = { jobId, client, model: model.value, deadlineSeconds: deadline.value };
    return await send(c, options, { ...order, ...wanted.value, shape, headers });
  } catch (error) {
    return failed(c, desk, error, headers);
  }
}

interface Sending extends Wanted {
  jobId: string;
  client: Client;
  model: ModelCard;
  deadlineSeconds: number | null;
  shape: Shape;
  headers: Record<string, string>;
}

async function send(c: GatewayContext, options: RouteOptions, sending: Sending): Promise<Response> {
  const { desk } = options;
  const { jobId, client, model, request, prompt, headers } = sending;
  const engine = desk.ports.engines.current(model.modelId);
  const work = {
    promptTokens: Math.ceil(prompt.text.length / charactersPerToken),
    outputTokens: request.outputTokens === null ? null : request.settings.outputTokensMax,
    outputTokensDefault: request.settings.outputTokensMax,
  };
  const { deadlineSeconds } = sending;
  const expected = desk.line.admit(
    { jobId, client: client.name, modelId: model.modelId, work, deadlineSeconds },
    engine,
  );
  if (expected !== null) headers['x-salvage-expected-seconds'] = expected.toFixed(1);
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  c.req.raw.signal.addEventListener('abort', leave, { once: true });
  if (c.req.raw.signal.aborted) leave();
  const answer = beginAnswer(
    desk,
    {
      jobId,
      client: client.name,
      dialect: 'openai',
      model,
      prompt,
      settings: request.settings,
      streamed: request.stream,
    },
    gone.signal,
  );
  const meta: AnswerMeta = {
    shape: sending.shape,
    jobId,
    modelId: model.modelId,
    createdSeconds: Math.floor(desk.clock.unixMilliseconds() / 1000),
    includeUsage: request.includeUsage,
  };
  return request.stream
    ? await sendStream(c, desk, { answer, meta, headers, leave })
    : await sendWhole(c, { answer, meta, headers });
}

async function sendWhole(
  c: GatewayContext,
  at: { answer: Answer; meta: AnswerMeta; headers: Record<string, string> },
): Promise<Response> {
  const { answer, meta, headers } = at;
  let text = '';
  for await (const event of answer.events) {
    if (event.event === 'text') text += event.text;
    else if (event.event === 'restart') text = '';
    else {
      const energy = energyHeader(salvageBlock(event.end));
      if (energy !== null) headers['x-salvage-energy'] = energy;
      if (event.end.nodeId !== null) headers['x-salvage-node'] = event.end.nodeId;
      return c.json(wholeAnswer(meta, text, event.end), 200, headers);
    }
  }
  // Only an abort ends without `end`: nobody is there to read this.
  throw new SalvageError('SLV_REQUEST', 'the client closed the connection');
}

async function sendStream(
  c: GatewayContext,
  desk: AnswerDesk,
  at: { answer: Answer; meta: AnswerMeta; headers: Record<string, string>; leave(): void },
): Promise<Response> {
  const { answer, headers, leave } = at;
  const { clock, limits } = desk;
  const { keepAliveMilliseconds, stallMillisecondsMax } = limits;
  const first = answer.events.next();
  const timer = new AbortController();
  await Promise.race([first, clock.sleep(limits.headersMillisecondsMax, timer.signal)]).finally(
    () => timer.abort(),
  );
  if (answer.job.nodeId !== null) headers['x-salvage-node'] = answer.job.nodeId;
  const chunks = chunksOf(desk, at, first);
  const body = streamBody(chunks, {
    clock,
    keepAliveMilliseconds,
    stallMillisecondsMax,
    onGone: leave,
  });
  return c.body(body, 200, {
    ...headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  });
}

/** The stream's text; a failure becomes its last event. */
async function* chunksOf(
  desk: AnswerDesk,
  at: { answer: Answer; meta: AnswerMeta },
  first: ReturnType<Answer['events']['next']>,
): AsyncGenerator<string, void, undefined> {
  const { answer, meta } = at;
  const opening = firstChunk(meta);
  let opened = false;
  try {
    for (let next = await first; next.done !== true; next = await answer.events.next()) {
      if (!opened && opening !== null) yield sseData(opening);
      opened = true;
      const event = next.value;
      if (event.event === 'text') yield sseData(textChunk(meta, event.text));
      else if (event.event === 'end') {
        yield lastChunks(meta, event.end).map(sseData).join('');
        yield 'data: [DONE]\n\n';
      }
    }
  } catch (error) {
    yield sseData(errorBody(problemOf(desk, error)));
  } finally {
    await answer.events.return();
  }
}

function wantedOf(
  desk: AnswerDesk,
  model: ModelCard,
  body: Record<string, unknown>,
  shape: Shape,
): Translated<Wanted> {
  const { outputTokensDefault, messagesMax } = desk.limits;
  const bounds = { outputTokensDefault, messagesMax, contextTokensMax: model.contextTokensMax };
  if (shape === 'completion') {
    const plain = completionRequestOf(body, bounds);
    if (!plain.ok) return plain;
    const { text } = plain.value;
    return { ok: true, value: { request: plain.value, prompt: { text, special: false } } };
  }
  const chat = chatRequestOf(body, bounds);
  if (!chat.ok) return chat;
  const text = renderChat(model, chat.value.messages);
  return { ok: true, value: { request: chat.value, prompt: { text, special: true } } };
}

function findModel(models: GatewayPorts['models'], id: unknown): Translated<ModelCard> {
  if (typeof id !== 'string' || id === '') {
    const message = 'model must name one of the models of GET /v1/models';
    return { ok: false, problem: { code: 'SLV_REQUEST', message, param: 'model' } };
  }
  const model = v.is(ModelId, id) ? models.get(id) : null;
  if (model !== null) return { ok: true, value: model };
  const known = models.list().map((card) => card.modelId);
  const there = known.length === 0 ? 'there is none yet' : `there is ${known.join(', ')}`;
  const message = `there is no model ${JSON.stringify(id.slice(0, 100))}; ${there}`;
  return { ok: false, problem: { code: 'SLV_MODEL_UNKNOWN', message, param: 'model' } };
}

function deadlineOf(header: string | undefined): Translated<number | null> {
  if (header === undefined) return { ok: true, value: null };
  const seconds = /^\d{1,9}(\.\d{1,9})?$/.test(header.trim()) ? Number(header) : 0;
  if (seconds > 0) return { ok: true, value: seconds };
  const message = `${deadlineHeader} is not a positive number of seconds`;
  return { ok: false, problem: { code: 'SLV_REQUEST', message, param: deadlineHeader } };
}

function failed(
  c: GatewayContext,
  desk: AnswerDesk,
  error: unknown,
  headers: Record<string, string>,
): Response {
  const problem = problemOf(desk, error);
  const status = errorStatus(problem.code);
  desk.log.info('request-failed', { jobId: headers['x-salvage-job'], code: problem.code });
  const extra = { ...headers };
  if (status === 503) {
    const seconds =
      error instanceof BusyError ? error.retryAfterSeconds : desk.limits.retryAfterSecondsDefault;
    extra['retry-after'] = String(seconds);
    // Asking again at once cannot help where nothing fits: OpenAI's clients obey this header.
    if (problem.code === 'SLV_NO_PLACE') extra['x-should-retry'] = 'false';
  }
  return refuse(c, problem, { headers: extra });
}

function problemOf(desk: AnswerDesk, error: unknown): Problem {
  if (error instanceof SalvageError) {
    return { code: error.code, message: error.message, param: null, hint: error.hint };
  }
  desk.log.error('gateway-bug', faultFields(error));
  return { code: 'SLV_STATE', message: 'the gateway broke on this request', param: null };
}
