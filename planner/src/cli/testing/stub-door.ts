// A planner for tests of the client and the commands: a real HTTP server on a free port that
// speaks the operator's door (api.ts) and the two OpenAI routes that `ask` uses, with the data of
// stub-views.ts, and a state folder that says where it is.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SalvageBlock } from '../../gateway/salvage-block.ts';
import type { AddEvent, PrepareEvent } from '../../operator/api.ts';
import { stubReport } from './stub-report.ts';
import * as views from './stub-views.ts';

const key = 'operators-key';

export interface Heard {
  method: string;
  path: string;
  body: unknown;
}

export interface StubDoor {
  state: string;
  /** What was asked, oldest first. */
  heard: Heard[];
  close(): Promise<void>;
}

interface Answer {
  status?: number;
  json?: unknown;
  /** Lines of NDJSON or server-sent events, each written by itself. */
  lines?: string[];
}

export async function openStubDoor(): Promise<StubDoor> {
  const heard: Heard[] = [];
  const server = createServer((request, response) => {
    void answer(request, heard).then((reply) => send(response, reply));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const state = mkdtempSync(join(tmpdir(), 'salvage-door-'));
  mkdirSync(join(state, 'run'));
  mkdirSync(join(state, 'keys'));
  const run = { gatewayUrl: `http://127.0.0.1:${port}`, pid: process.pid };
  writeFileSync(join(state, 'run', 'planner.json'), `${JSON.stringify(run)}\n`);
  writeFileSync(join(state, 'keys', 'operator'), `${key}\n`);
  return {
    state,
    heard,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(state, { recursive: true, force: true });
    },
  };
}

async function answer(request: IncomingMessage, heard: Heard[]): Promise<Answer> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  const body: unknown = text === '' ? null : JSON.parse(text);
  const path = decodeURIComponent(request.url ?? '').replace(/^\/salvage\/v1/, '');
  const method = request.method ?? '';
  heard.push({ method, path, body });
  if (request.headers.authorization !== `Bearer ${key}`) {
    return failure(401, 'SLV_DENIED', 'this door needs the operator’s key', '');
  }
  return route(`${method} ${path.split('?')[0]}`, (body ?? {}) as Record<string, unknown>);
}

function route(what: string, body: Record<string, unknown>): Answer {
  if (what.startsWith('PATCH /nodes/')) return { json: { ...views.laptop, ...body } };
  if (what.startsWith('DELETE /models/gone')) {
    return failure(404, 'SLV_MODEL_UNKNOWN', 'there is no model gone', 'see what there is');
  }
  if (what.startsWith('DELETE ')) return { json: {} };
  const isCut = body['source'] === 'https://example.org/cut.gguf';
  switch (what) {
    case 'GET /status':
      return { json: views.status };
    case 'GET /nodes/attic-x230/logs':
      return { json: { lines: ['first line', 'second line'] } };
    case 'GET /models':
      return { json: [views.model, views.tales] };
    case 'GET /catalogue':
      return { json: views.catalogue };
    case 'POST /models/inspect':
      return { json: { ...views.offer, source: body['source'], location: body['source'] } };
    case 'POST /models':
      return { lines: ndjson<AddEvent>(isCut ? cutEvents : addEvents) };
    case 'POST /place':
      return { json: body['modelId'] === views.refused.modelId ? views.refused : views.placed };
    case 'GET /tokens':
      return { json: views.tokens };
    case 'POST /tokens':
      return { json: created(body) };
    case 'GET /energy':
      return { json: stubReport() };
    case 'GET /jobs':
      return { json: [] };
    case 'GET /doctor':
      return { json: views.findings };
    case 'POST /join/prepare':
      return { lines: ndjson<PrepareEvent>(prepareEvents) };
    case 'POST /v1/chat/completions':
    case 'POST /v1/completions':
      return completion(body);
    default:
      return { status: 404, json: { error: 'nothing here' } };
  }
}

const addEvents: AddEvent[] = [
  { event: 'progress', doneBytes: 0, totalBytes: 730_000_000, step: 'fetch' },
  { event: 'progress', doneBytes: 400_000_000, totalBytes: 730_000_000, step: 'fetch' },
  { event: 'progress', doneBytes: 730_000_000, totalBytes: 730_000_000, step: 'verify' },
  { event: 'added', model: { ...views.model, modelId: 'new:q4_0' } },
];

const cutEvents: AddEvent[] = [
  { event: 'progress', doneBytes: 10, totalBytes: 100, step: 'fetch' },
  {
    event: 'error',
    code: 'SLV_DOWNLOAD',
    message: 'the connection broke after 10 of 100 bytes',
    hint: 'run the same command: it resumes',
  },
];

const prepareEvents: PrepareEvent[] = [
  { event: 'progress', text: 'fetching Node 20.19 for arm64' },
  { event: 'done', architecture: 'arm64', bytes: 61_000_000 },
];

function created(body: Record<string, unknown>): unknown {
  const isNode = body['for'] === 'node';
  const expires = body['expiresSeconds'] as number | null;
  return {
    token: isNode ? 'join-token' : 'client-key',
    record: {
      ...views.tokens[isNode ? 0 : 1],
      expiresAt: expires === null ? null : views.stubNow + expires * 1000,
    },
    joinLine:
      isNode && body['name'] !== 'door closed'
        ? "curl -fsS --insecure --pinnedpubkey 'sha256//x' https://h/join/t | sudo sh"
        : null,
  };
}

const cost: SalvageBlock = {
  ...{ job_id: 'job-0000000a', node: 'attic-x230', cpu_seconds: 6.2, replays: 0, notice: null },
  energy: {
    ...{ joules: 14.2, joules_low: 8.5, joules_high: 19.9, method: 'model', scope: 'wall' },
    ...{ quality: 'estimated', relative_error: 0.4, source: 'thinkpad-x230', mark: 'E' },
  },
  energy_null_because: null,
  timings: {
    ...{ prompt_tokens: 9, cached_tokens: 0, prompt_seconds: 0.2, output_tokens: 3 },
    ...{ output_seconds: 0.25, tokens_per_second: 12 },
  },
};

function completion(body: Record<string, unknown>): Answer {
  if (body['model'] === 'tales' && body['messages'] !== undefined) {
    return {
      status: 400,
      json: {
        error: {
          message: 'tales has no chat template (use --raw)',
          ...{ code: 'SLV_TEMPLATE', salvage_code: 'SLV_TEMPLATE', hint: 'use --raw' },
        },
      },
    };
  }
  const choice = (text: string): object =>
    body['messages'] === undefined ? { text } : { delta: { content: text } };
  if (body['stream'] !== true) return { json: { choices: [choice('A cell.')], salvage: cost } };
  const chunks = [
    { choices: [choice('A ')] },
    { choices: [choice('small cell.')] },
    { choices: [], usage: {}, salvage: cost },
  ];
  const events = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`);
  return { lines: [': alive\n\n', ...events, 'data: [DONE]\n\n'] };
}

function ndjson<Event>(events: readonly Event[]): string[] {
  return events.map((event) => `${JSON.stringify(event)}\n`);
}

function failure(status: number, code: string, message: string, hint: string): Answer {
  return { status, json: { code, message, hint } };
}

function send(response: ServerResponse, { status = 200, json, lines }: Answer): void {
  if (lines === undefined) {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
    return;
  }
  response.writeHead(status);
  // Cut in odd places: clients must not take a chunk for a line.
  const text = Buffer.from(lines.join(''));
  for (let at = 0; at < text.length; at += 37) response.write(text.subarray(at, at + 37));
  response.end();
}
