// Hostile HTTP: valid requests of the gateway, mutated by a seeded generator and written to raw
// sockets, many at once. What counts is not how each is answered but that a proper request is
// still served afterwards.
import { connect } from 'node:net';

export interface HttpMutations {
  host: string;
  port: number;
  apiKey?: string;
  requests: number;
  seed: number;
}

export interface MutationsResult {
  requests: number;
  /** Count per status line; `none`: closed without one, `waited`: nothing within the time. */
  statuses: Record<string, number>;
  stillServes: boolean;
}

interface Outgoing {
  /** Pieces that are written one after the other. */
  pieces: Buffer[];
  /** True ends our side at once: the server must not wait for the rest. */
  cut: boolean;
}

type Chance = () => number;
type Headers = [string, string][];
interface Draft {
  method: string;
  path: string;
  headers: Headers;
  body: Buffer;
}
type Mutation = (draft: Draft, chance: Chance) => Draft | Outgoing;

const atOnce = 16;
const answerMillisecondsMax = 3_000;
const servesMillisecondsMax = 30_000;

/** Sends `requests` mutated requests; the same seed sends the same ones. */
export async function runHttpMutations(options: HttpMutations): Promise<MutationsResult> {
  const chance = chanceOf(options.seed);
  const model = (await firstModel(options)) ?? 'no-such-model';
  const statuses: Record<string, number> = {};
  let left = options.requests;
  const sendSome = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const status = await exchange(options, mutate(draftOf(options, model, chance), chance));
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, sendSome));
  return { requests: options.requests, statuses, stillServes: await stillServes(options) };
}

/** One of the gateway's own requests, as a proper client would send it. */
function draftOf(options: HttpMutations, modelId: string, chance: Chance): Draft {
  const model = chance() < 0.9 ? modelId : 'no-such-model';
  const shared = { model, max_tokens: 2, stream: chance() < 0.3, temperature: 0, stop: ['x'] };
  const drafts: [string, string, object | null][] = [
    ['GET', '/v1/models', null],
    ['GET', `/v1/models/${modelId}`, null],
    ['POST', '/v1/completions', { ...shared, prompt: 'Once upon a time' }],
    [
      'POST',
      '/v1/chat/completions',
      {
        ...shared,
        messages: [
          { role: 'system', content: 'Be short.' },
          { role: 'user', content: [{ type: 'text', text: 'Hello' }] },
        ],
        response_format: { type: 'json_schema', json_schema: { name: 'a', schema: {} } },
      },
    ],
  ];
  const [method, path, json] = pick(drafts, chance);
  const body = json === null ? Buffer.alloc(0) : Buffer.from(JSON.stringify(json));
  const headers: Headers = [
    ['Host', `${options.host}:${options.port}`],
    ['Connection', 'close'],
  ];
  if (options.apiKey !== undefined) headers.push(['Authorization', `Bearer ${options.apiKey}`]);
  if (json !== null) {
    headers.push(['Content-Type', 'application/json'], ['Content-Length', String(body.length)]);
  }
  return { method, path, headers, body };
}

const strange: readonly unknown[] = [
  null,
  true,
  -1,
  1e308,
  '',
  'x'.repeat(5_000),
  '\u0000',
  '\ud800',
  [],
  {},
  [[[[]]]],
  { toString: 1 },
  { length: -1 },
];
const prototypeNames = ['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString'];

const mutations: Record<string, Mutation> = {
  injectHeader: (draft, chance) => {
    const value = pick(['a\r\nX-Evil: 1', 'a\nHost: evil', 'a\u0000b', 'ü\r', '\r\n\r\n'], chance);
    return { ...draft, headers: [...draft.headers, ['X-A', value]] };
  },
  twoOfAHeader: (draft, chance) => {
    const again = pick(draft.headers, chance);
    return { ...draft, headers: [...draft.headers, [again[0], pick(['', '0', again[1]], chance)]] };
  },
  dropHeader: (draft, chance) => {
    const dropped = Math.floor(chance() * draft.headers.length);
    return { ...draft, headers: draft.headers.filter((_, index) => index !== dropped) };
  },
  wrongLength: (draft, chance) => {
    const lies = ['0', '-1', '1', '1e9', '99999999999999999999', '0x10', '12, 13', '', ' 5'];
    const lie = pick([...lies, String(draft.body.length + 10)], chance);
    return cutShort(withHeader(draft, 'Content-Length', lie));
  },
  lengthAndChunks: (draft) =>
    cutShort({ ...draft, headers: [...draft.headers, ['Transfer-Encoding', 'chunked']] }),
  chunkLies: (draft, chance) => {
    const sizes = ['ffffffff', '-1', 'zz', '5;ext="', '0', 'fffffffffffffffff', ''];
    const chunked = withHeader(draft, 'Content-Length', null);
    chunked.headers.push(['Transfer-Encoding', pick(['chunked', 'gzip, chunked', 'xx'], chance)]);
    const body = Buffer.concat([Buffer.from(`${pick(sizes, chance)}\r\n`), draft.body]);
    return cutShort({ ...chunked, body });
  },
  truncated: (draft, chance) => {
    const bytes = bytesOf(draft);
    return { pieces: [bytes.subarray(0, Math.floor(chance() * bytes.length))], cut: true };
  },
  trickled: (draft) => {
    const bytes = bytesOf(draft);
    const middle = Math.floor(bytes.length / 2);
    return {
      pieces: [bytes.subarray(0, 1), bytes.subarray(1, middle), bytes.subarray(middle)],
      cut: false,
    };
  },
  hugeHeader: (draft, chance) => {
    const size = pick([1_000, 15_000, 20_000, 200_000], chance);
    return { ...draft, headers: [...draft.headers, ['X-Big', 'a'.repeat(size)]] };
  },
  manyHeaders: (draft, chance) => {
    const count = pick([90, 500, 3_000], chance);
    const many: Headers = Array.from({ length: count }, (_, index) => [`X-${index}`, '1']);
    return { ...draft, headers: [...draft.headers, ...many] };
  },
  strangePath: (draft, chance) => {
    const paths = ['*', '/v1/models/%', '/v1/../etc/passwd', '//evil/', '/v1/models/%00', 'x'];
    return { ...draft, path: pick([...paths, `/${'a'.repeat(20_000)}`, '/\\\\'], chance) };
  },
  strangeMethod: (draft, chance) => ({
    ...draft,
    method: pick(['OPTIONS', 'TRACE', 'CONNECT', 'PUT', 'get', 'FOO', '', 'PRI'], chance),
  }),
  swapType: (draft, chance) => withJson(draft, (json) => swapSomewhere(json, chance)),
  prototypeName: (draft, chance) => {
    const name = pick(prototypeNames, chance);
    if (draft.body.length === 0) return { ...draft, path: `/v1/models/${name}` };
    const own = draft.body.toString().slice(1);
    const value = pick(['{"stream":true}', '1', 'null'], chance);
    const text = chance() < 0.5 ? `{"${name}":${value},${own}` : withModel(draft, name);
    return withBody(draft, Buffer.from(text));
  },
  deepNesting: (draft, chance) => {
    const depth = pick([70, 1_000, 100_000], chance);
    const open = pick(['[', '{"a":'], chance);
    return withBody(draft, Buffer.from(`{"model":"words","prompt":${open.repeat(depth)}`));
  },
  invalidText: (draft, chance) => {
    const bytes = Buffer.from(draft.body);
    for (let count = 0; count < 3 && bytes.length > 0; count += 1) {
      bytes[Math.floor(chance() * bytes.length)] = 0x80 + Math.floor(chance() * 0x80);
    }
    return withBody(draft, bytes);
  },
  flippedBytes: (draft, chance) => {
    const bytes = Buffer.from(bytesOf(draft));
    for (let count = 0; count < 4; count += 1) {
      bytes[Math.floor(chance() * bytes.length)] = Math.floor(chance() * 256);
    }
    return { pieces: [bytes], cut: true };
  },
  pipelined: (draft) => ({
    pieces: [Buffer.concat([bytesOf(withHeader(draft, 'Connection', null)), bytesOf(draft)])],
    cut: false,
  }),
  strangeHeaderValue: (draft, chance) => {
    const name = pick(['Host', 'Content-Type', 'Authorization', 'Expect', 'Upgrade'], chance);
    const value = pick(['', 'evil.example', '[::1', '100-continue', 'a b c', '\u00ff'], chance);
    return withHeader(draft, name, value);
  },
  untouched: (draft) => draft,
};

function mutate(draft: Draft, chance: Chance): Outgoing {
  const mutation = pick(Object.values(mutations), chance);
  const mutated = mutation(draft, chance);
  return 'pieces' in mutated ? mutated : { pieces: [bytesOf(mutated)], cut: false };
}

function bytesOf(draft: Draft): Buffer {
  const lines = draft.headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const head = `${draft.method} ${draft.path} HTTP/1.1\r\n${lines}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), draft.body]);
}

function cutShort(draft: Draft): Outgoing {
  return { pieces: [bytesOf(draft)], cut: true };
}

function withHeader(draft: Draft, name: string, value: string | null): Draft {
  const headers = draft.headers.filter(([other]) => other !== name);
  return { ...draft, headers: value === null ? headers : [...headers, [name, value]] };
}

function withBody(draft: Draft, body: Buffer): Draft {
  return withHeader({ ...draft, body }, 'Content-Length', String(body.length));
}

function withJson(draft: Draft, change: (json: Record<string, unknown>) => void): Draft {
  if (draft.body.length === 0) return draft;
  const json = JSON.parse(draft.body.toString()) as Record<string, unknown>;
  change(json);
  return withBody(draft, Buffer.from(JSON.stringify(json)));
}

function withModel(draft: Draft, name: string): string {
  const json = JSON.parse(draft.body.toString()) as Record<string, unknown>;
  return JSON.stringify({ ...json, model: name });
}

/** Replaces one value, at the top or within, by one of another type. */
function swapSomewhere(json: Record<string, unknown>, chance: Chance): void {
  let at = json;
  for (;;) {
    const key = pick(Object.keys(at), chance);
    const value = at[key];
    const goDeeper = typeof value === 'object' && value !== null && Object.keys(value).length > 0;
    if (!goDeeper || chance() < 0.4) {
      at[key] = pick(strange, chance);
      return;
    }
    at = value as Record<string, unknown>;
  }
}

/** Writes the pieces and returns the status of the first answer, `none` or `waited`. */
function exchange(to: { host: string; port: number }, outgoing: Outgoing): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(to.port, to.host, () => {
      for (const piece of outgoing.pieces) socket.write(piece);
      if (outgoing.cut) socket.end();
    });
    socket.setNoDelay(true);
    const timer = setTimeout(() => socket.destroy(), answerMillisecondsMax);
    let waited = true;
    socket.on('data', (bytes) => {
      if (answer.length < 100) answer += bytes.toString('latin1');
    });
    socket.on('end', () => {
      waited = false;
      socket.end();
    });
    socket.on('error', () => {
      waited = false;
    });
    socket.on('close', () => {
      clearTimeout(timer);
      const status = /^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1];
      resolve(status ?? (waited ? 'waited' : 'none'));
    });
  });
}

/** True when models are listed and one of them answers; jobs of the flood may still run. */
async function stillServes(options: HttpMutations): Promise<boolean> {
  const until = performance.now() + servesMillisecondsMax;
  do {
    try {
      const model = await firstModel(options);
      if (model === null) return true;
      const body = JSON.stringify({ model, prompt: 'Once', max_tokens: 1 });
      const answer = await properly(options, '/v1/completions', { method: 'POST', body });
      await answer.text();
      if (answer.status === 200) return true;
    } catch {
      // Asked again until the time is over: that is the answer of this function.
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  } while (performance.now() < until);
  return false;
}

/** A model that is there; null when there is none. Rejects when models are not listed. */
async function firstModel(options: HttpMutations): Promise<string | null> {
  const response = await properly(options, '/v1/models', {});
  const { data } = (await response.json()) as { data: { id: string }[] };
  return data[0]?.id ?? null;
}

function properly(options: HttpMutations, path: string, init: RequestInit): Promise<Response> {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (options.apiKey !== undefined) headers['authorization'] = `Bearer ${options.apiKey}`;
  const signal = AbortSignal.timeout(servesMillisecondsMax);
  return fetch(`http://${options.host}:${options.port}${path}`, { ...init, headers, signal });
}

function pick<Item>(items: readonly Item[], chance: Chance): Item {
  return items[Math.floor(chance() * items.length)] as Item;
}

/** Numbers in [0, 1) from a seed: a 32-bit xorshift. */
function chanceOf(seed: number): Chance {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}
