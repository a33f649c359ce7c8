// The command line's end of the operator's door. Knows where the planner of a state folder serves,
// carries its key, and turns whatever goes wrong into one SalvageError: the door's own code and
// hint, or the plain sentence that no planner runs here.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FailureCode, failures, messageOf, readTextIfAny, SalvageError } from '@salvage/kit';
import type { EnergyReport } from '../ledger/report.ts';
import type { JobRecord } from '../ledger/types.ts';
import type {
  AddEvent,
  CatalogueView,
  Finding,
  ModelOffer,
  ModelView,
  NodeView,
  PlaceView,
  PrepareEvent,
  StatusView,
  TokenCreated,
  TokenView,
  TokenWish,
} from './api.ts';

/** What a running planner leaves in `<state>/run/planner.json`. */
export interface PlannerRun {
  /** Base of gateway and operator's door, for example `http://127.0.0.1:11434`. */
  gatewayUrl: string;
  pid: number;
}

/** Events of a stream that are no errors: those reject with a SalvageError instead. */
export type GoodEvent<Event extends { event: string }> = Exclude<Event, { event: 'error' }>;

export interface OperatorClient {
  readonly gatewayUrl: string;
  status(): Promise<StatusView>;
  changeNode(nodeId: string, change: { name?: string; drained?: boolean }): Promise<NodeView>;
  removeNode(nodeId: string): Promise<void>;
  nodeLogs(nodeId: string, lines: number): Promise<string[]>;
  models(): Promise<ModelView[]>;
  catalogue(): Promise<CatalogueView[]>;
  inspectModel(source: string): Promise<ModelOffer>;
  addModel(request: { source: string; modelId?: string }): AsyncIterable<GoodEvent<AddEvent>>;
  removeModel(modelId: string): Promise<void>;
  place(request: { modelId: string; contextTokens?: number }): Promise<PlaceView>;
  tokens(): Promise<TokenView[]>;
  createToken(wish: TokenWish): Promise<TokenCreated>;
  revokeToken(tokenId: string): Promise<void>;
  /** Milliseconds since 1970. */
  energy(period: { since: number; until: number }): Promise<EnergyReport>;
  jobs(limit: number): Promise<JobRecord[]>;
  doctor(): Promise<Finding[]>;
  prepareJoin(architecture: string): AsyncIterable<GoodEvent<PrepareEvent>>;
}

/** Most answers come at once; a look at a model's header goes over the internet. */
const answerMillisecondsMax = 90_000;
const errorCharactersMax = 10_000;
const eventCharactersMax = 1_000_000;

/**
 * Opens the door of the planner that uses this state folder. Rejects with SLV_TIMEOUT when none
 * runs and with SLV_STATE when this user may not read its key.
 */
export async function openOperator({ state }: { state: string }): Promise<OperatorClient> {
  const run = await readRun(state);
  if (run === null || !isAlive(run.pid)) throw noPlanner(state);
  return clientOf(run.gatewayUrl.replace(/\/+$/, ''), await readKey(state), state);
}

/** Null when no planner ever left word there, or what it left cannot be read as such. */
export async function readRun(state: string): Promise<PlannerRun | null> {
  try {
    const text = await readTextIfAny(join(state, 'run', 'planner.json'));
    const run = JSON.parse(text ?? 'null') as Partial<PlannerRun> | null;
    if (typeof run?.gatewayUrl !== 'string' || typeof run.pid !== 'number') return null;
    return { gatewayUrl: run.gatewayUrl, pid: run.pid };
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw stateFailure(error, state);
  }
}

/** Signal 0 asks whether a process exists; EPERM says that it does and is somebody else's. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function noPlanner(state: string, cause?: unknown): SalvageError {
  return new SalvageError('SLV_TIMEOUT', `no planner runs here: npm start`, {
    hint: `start one, or name the state folder of the one that runs: --state (now ${state})`,
    cause,
  });
}

async function readKey(state: string): Promise<string> {
  try {
    return (await readFile(join(state, 'keys', 'operator'), 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw noPlanner(state, error);
    throw stateFailure(error, state);
  }
}

function stateFailure(error: unknown, state: string): SalvageError {
  return new SalvageError('SLV_STATE', `cannot read ${state}: ${messageOf(error)}`, {
    hint: 'run this as the user that runs the planner',
    cause: error,
  });
}

function clientOf(gatewayUrl: string, key: string, state: string): OperatorClient {
  const request = async (
    method: string,
    path: string,
    body: unknown,
    signal: AbortSignal | null,
  ): Promise<Response> => {
    let response: Response;
    try {
      response = await fetch(`${gatewayUrl}/salvage/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal,
      });
    } catch (error) {
      throw connectionFailure(error, state);
    }
    if (!response.ok) throw await failureOf(response);
    return response;
  };
  const call = async <Answer>(method: string, path: string, body?: unknown): Promise<Answer> => {
    const signal = AbortSignal.timeout(answerMillisecondsMax);
    const response = await request(method, path, body, signal);
    try {
      return (await response.json()) as Answer;
    } catch (error) {
      throw connectionFailure(error, state);
    }
  };
  const stream = async function* <Event extends { event: string }>(
    path: string,
    body: unknown,
    lastEvent: Event['event'],
  ): AsyncGenerator<GoodEvent<Event>> {
    const response = await request('POST', path, body, null);
    for await (const event of ndjsonOf<Event>(response, state)) {
      if (event.event === 'error') throw failureOfBody(event, response.status);
      yield event as GoodEvent<Event>;
      if (event.event === lastEvent) return;
    }
    throw new SalvageError('SLV_TIMEOUT', 'the planner ended before it was done', {
      hint: 'run the same command again',
    });
  };
  const id = encodeURIComponent;

  return {
    gatewayUrl,
    status: () => call('GET', '/status'),
    changeNode: (nodeId, change) => call('PATCH', `/nodes/${id(nodeId)}`, change),
    removeNode: async (nodeId) => void (await call('DELETE', `/nodes/${id(nodeId)}`)),
    nodeLogs: async (nodeId, lines) => {
      const path = `/nodes/${id(nodeId)}/logs?lines=${lines}`;
      return (await call<{ lines: string[] }>('GET', path)).lines;
    },
    models: () => call('GET', '/models'),
    catalogue: () => call('GET', '/catalogue'),
    inspectModel: (source) => call('POST', '/models/inspect', { source }),
    addModel: (body) => stream<AddEvent>('/models', body, 'added'),
    removeModel: async (modelId) => void (await call('DELETE', `/models/${id(modelId)}`)),
    place: (body) => call('POST', '/place', body),
    tokens: () => call('GET', '/tokens'),
    createToken: (wish) => call('POST', '/tokens', wish),
    revokeToken: async (tokenId) => void (await call('DELETE', `/tokens/${id(tokenId)}`)),
    energy: ({ since, until }) => call('GET', `/energy?since=${since}&until=${until}`),
    jobs: (limit) => call('GET', `/jobs?limit=${limit}`),
    doctor: () => call('GET', '/doctor'),
    prepareJoin: (architecture) => stream<PrepareEvent>('/join/prepare', { architecture }, 'done'),
  };
}

/** One JSON value a line; a line without end is refused, not collected. */
async function* ndjsonOf<Event>(response: Response, state: string): AsyncGenerator<Event> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const chunk of response.body) {
      rest += decoder.decode(chunk as Uint8Array, { stream: true });
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > eventCharactersMax) throw new SyntaxError('a line is too long');
      for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as Event;
    }
    if (rest.trim() !== '') yield JSON.parse(rest) as Event;
  } catch (error) {
    throw connectionFailure(error, state);
  }
}

function connectionFailure(error: unknown, state: string): SalvageError {
  if (error instanceof SalvageError) return error;
  const cause = (error as { cause?: { code?: string } }).cause;
  if (cause?.code === 'ECONNREFUSED') return noPlanner(state, error);
  if (error instanceof SyntaxError) {
    return new SalvageError(
      'SLV_REQUEST',
      `the planner's answer cannot be read: ${error.message}`,
      {
        hint: 'planner and command line may be of different versions: use those of one folder',
        cause: error,
      },
    );
  }
  if ((error as Error).name === 'TimeoutError') {
    return new SalvageError('SLV_TIMEOUT', 'the planner does not answer', { cause: error });
  }
  const reason = cause?.code ?? messageOf(error);
  return new SalvageError('SLV_TIMEOUT', `the connection to the planner broke: ${reason}`, {
    hint: 'see whether it still runs: salvage status',
    cause: error,
  });
}

async function failureOf(response: Response): Promise<SalvageError> {
  const text = (await response.text().catch(() => '')).slice(0, errorCharactersMax);
  try {
    return failureOfBody(JSON.parse(text), response.status);
  } catch {
    return failureOfBody(null, response.status);
  }
}

/** The door's error as ours; codes that this version does not know are bad requests to it. */
function failureOfBody(body: unknown, status: number): SalvageError {
  const { code, message, hint } = (body ?? {}) as Record<string, unknown>;
  const known = typeof code === 'string' && code in failures ? (code as FailureCode) : null;
  const text = typeof message === 'string' ? message : `the planner answered with HTTP ${status}`;
  return new SalvageError(
    known ?? (status === 401 || status === 403 ? 'SLV_DENIED' : 'SLV_REQUEST'),
    text,
    typeof hint === 'string' && hint !== '' ? { hint } : {},
  );
}
