// The operator's door: thin routes over what the planner holds. Inputs are checked, outputs are the
// types of api.ts, errors are OperatorError.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { HttpBindings } from '@hono/node-server';
import { architectures } from '@salvage/contract';
import { asFailure, SalvageError } from '@salvage/kit';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { stream } from 'hono/streaming';
import * as v from 'valibot';
import type {
  AddEvent,
  CatalogueView,
  Finding,
  ModelOffer,
  ModelView,
  NodeView,
  OperatorError,
  PlaceView,
  PrepareEvent,
  StatusView,
  TokenCreated,
  TokenView,
  TokenWish,
} from './api.ts';

/** What the door shows and does; planner.ts fills it. */
export interface Operator {
  /** The operator's key, as text. */
  key: string;
  status(): StatusView;
  changeNode(nodeId: string, change: { name?: string; drained?: boolean }): Promise<NodeView>;
  removeNode(nodeId: string): Promise<void>;
  logsOf(nodeId: string, lines: number): Promise<string[]>;
  models(): ModelView[];
  catalogue(): CatalogueView[];
  inspect(source: string, signal: AbortSignal): Promise<ModelOffer>;
  addModel(
    request: { source: string; modelId?: string; notice?: string },
    onEvent: (event: AddEvent) => void,
    signal: AbortSignal,
  ): Promise<ModelView>;
  removeModel(modelId: string): Promise<void>;
  place(modelId: string, contextTokens: number | undefined): PlaceView;
  tokens(): TokenView[];
  createToken(wish: TokenWish): Promise<TokenCreated>;
  revokeToken(tokenId: string): Promise<boolean>;
  energy(since: number, until: number): unknown;
  jobs(limit: number): unknown;
  doctor(): Finding[];
  prepare(architecture: string, onStep: (text: string) => void): Promise<{ bytes: number }>;
}

type Environment = { Bindings: HttpBindings };
const Text = v.pipe(v.string(), v.minLength(1), v.maxLength(2_000));
const dayMilliseconds = 24 * 3600_000;

export function createOperatorApp(operator: Operator): Hono<Environment> {
  const app = new Hono<Environment>();
  app.use(bodyLimit({ maxSize: 65_536 }));
  app.use(async (c, next) => {
    const given = /^Bearer (.+)$/.exec(c.req.header('authorization') ?? '')?.[1] ?? '';
    if (!timingSafeEqual(digest(given), digest(operator.key))) {
      return c.json(
        errorOf(new SalvageError('SLV_DENIED', 'this door needs the operator’s key')),
        401,
      );
    }
    return next();
  });
  app.onError((error, c) => {
    if (error instanceof HTTPException) return error.getResponse();
    return c.json(errorOf(error), statusOf(error));
  });

  app.get('/status', (c) => c.json(operator.status()));
  app.patch('/nodes/:nodeId', async (c) => {
    const change = await bodyOf(
      c,
      v.object({
        name: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(60))),
        drained: v.optional(v.boolean()),
      }),
    );
    const { name, drained } = change;
    const wanted = {
      ...(name === undefined ? {} : { name }),
      ...(drained === undefined ? {} : { drained }),
    };
    return c.json(await operator.changeNode(c.req.param('nodeId'), wanted));
  });
  app.delete('/nodes/:nodeId', async (c) => {
    await operator.removeNode(c.req.param('nodeId'));
    return c.json({});
  });
  app.get('/nodes/:nodeId/logs', async (c) => {
    const lines = Math.min(200, Math.max(1, Number(c.req.query('lines') ?? 50) || 50));
    return c.json({ lines: await operator.logsOf(c.req.param('nodeId'), lines) });
  });

  app.get('/models', (c) => c.json(operator.models()));
  app.get('/catalogue', (c) => c.json(operator.catalogue()));
  app.post('/models/inspect', async (c) => {
    const { source } = await bodyOf(c, v.object({ source: Text }));
    return c.json(await operator.inspect(source, c.req.raw.signal));
  });
  app.post('/models', async (c) => {
    const { source, modelId, notice } = await bodyOf(
      c,
      v.object({ source: Text, modelId: v.optional(Text), notice: v.optional(Text) }),
    );
    const request = {
      source,
      ...(modelId === undefined ? {} : { modelId }),
      ...(notice === undefined ? {} : { notice }),
    };
    return ndjson(c, async (send: (event: AddEvent) => void, signal) => {
      const model = await operator.addModel(request, send, signal);
      send({ event: 'added', model });
    });
  });
  app.delete('/models/:modelId', async (c) => {
    await operator.removeModel(c.req.param('modelId'));
    return c.json({});
  });

  app.post('/place', async (c) => {
    const { modelId, contextTokens } = await bodyOf(
      c,
      v.object({
        modelId: Text,
        contextTokens: v.optional(v.pipe(v.number(), v.integer(), v.minValue(64))),
      }),
    );
    return c.json(operator.place(modelId, contextTokens));
  });

  app.get('/tokens', (c) => c.json(operator.tokens()));
  app.post('/tokens', async (c) => {
    const wish = await bodyOf(
      c,
      v.object({
        for: v.picklist(['node', 'client']),
        name: v.pipe(v.string(), v.maxLength(60)),
        expiresSeconds: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1))),
        local: v.optional(v.boolean(), false),
      }),
    );
    return c.json(await operator.createToken(wish));
  });
  app.delete('/tokens/:tokenId', async (c) => {
    if (!(await operator.revokeToken(c.req.param('tokenId')))) {
      throw new SalvageError('SLV_TOKEN', 'there is no such token', {
        hint: 'see which there are: salvage token list',
      });
    }
    return c.json({});
  });

  app.get('/energy', (c) => {
    const now = Date.now();
    const since = Number(c.req.query('since') ?? now - dayMilliseconds);
    const until = Number(c.req.query('until') ?? now);
    if (!(since >= 0 && until > since)) {
      throw new SalvageError('SLV_REQUEST', 'since and until are milliseconds, since before until');
    }
    return c.json(operator.energy(since, until) as object);
  });
  app.get('/jobs', (c) => {
    const limit = Math.min(1_000, Math.max(1, Number(c.req.query('limit') ?? 50) || 50));
    return c.json(operator.jobs(limit) as object);
  });
  app.get('/doctor', (c) => c.json(operator.doctor()));
  app.post('/join/prepare', async (c) => {
    const { architecture } = await bodyOf(c, v.object({ architecture: v.picklist(architectures) }));
    return ndjson(c, async (send: (event: PrepareEvent) => void) => {
      const pack = await operator.prepare(architecture, (text) =>
        send({ event: 'progress', text }),
      );
      send({ event: 'done', architecture, bytes: pack.bytes });
    });
  });
  return app;
}

async function bodyOf<Schema extends v.GenericSchema>(
  c: Context<Environment>,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  const parsed = v.safeParse(schema, await c.req.json().catch(() => null));
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const field = v.getDotPath(issue) ?? 'body';
  throw new SalvageError('SLV_REQUEST', `${field}: ${issue.message}`);
}

/** One JSON value a line; an error becomes the last line. Ends early when the caller leaves. */
function ndjson<Event extends { event: string }>(
  c: Context<Environment>,
  work: (send: (event: Event) => void, signal: AbortSignal) => Promise<void>,
): Response {
  c.header('content-type', 'application/x-ndjson');
  return stream(c, async (out) => {
    const left = new AbortController();
    out.onAbort(() => left.abort());
    const send = (event: Event): void => {
      void out.write(`${JSON.stringify(event)}\n`);
    };
    try {
      await work(send, left.signal);
    } catch (error) {
      send({ event: 'error', ...errorOf(error) } as unknown as Event);
    }
  });
}

function errorOf(error: unknown): OperatorError {
  const { code, message, hint } = asFailure(error, 'SLV_REQUEST', 'the planner could not do it');
  return { code, message, hint };
}

const statusByCode: Partial<Record<string, 400 | 401 | 404 | 503 | 504>> = {
  SLV_NODE_UNKNOWN: 404,
  SLV_MODEL_UNKNOWN: 404,
  SLV_TIMEOUT: 504,
  SLV_BROKER: 503,
};

function statusOf(error: unknown): 400 | 401 | 404 | 503 | 504 {
  return (error instanceof SalvageError && statusByCode[error.code]) || 400;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
