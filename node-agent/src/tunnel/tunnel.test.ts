import { strict as assert } from 'node:assert';
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import { after, describe, it } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { type CompletionEvent, HubError } from '@salvage/contract';
import { type Clock, realClock, silentLog } from '@salvage/kit';
import * as v from 'valibot';
import type { EngineRoom } from '../engine/engine.ts';
import { serverNameOf, type TunnelIdentity } from './member.ts';
import { sendPaced } from './paced-writer.ts';
import { makeTestCluster } from './test-cluster.ts';
import { openTunnel, type Tunnel, tunnelLimits } from './tunnel.ts';

const cluster = makeTestCluster();
const node = cluster.issue('pi-5', 'node');
const planner = cluster.issue('planner', 'planner');
const otherNode = cluster.issue('x230', 'node');

const body = {
  jobId: 'job-aaaaaaaa',
  prompt: { kind: 'text', text: 'Once upon', special: false },
  outputTokensMax: 8,
  temperature: 0,
  topP: 1,
  topK: 0,
  minP: 0,
  seed: null,
  stop: [],
  jsonSchema: null,
  ignoreEnd: false,
};

const tokens = (text: string): CompletionEvent => ({ event: 'tokens', tokens: [1], text });
const end: CompletionEvent = {
  event: 'end',
  reason: 'stop',
  timings: {
    promptTokens: 2,
    cachedTokens: 0,
    promptMilliseconds: 1,
    outputTokens: 1,
    outputMilliseconds: 1,
    cpuSeconds: null,
  },
  energy: null,
};

const tunnels: Tunnel[] = [];
after(() => Promise.all(tunnels.map((tunnel) => tunnel.stop())));

async function open(complete: EngineRoom['complete'], clock: Clock = realClock): Promise<Tunnel> {
  const tunnel = await openTunnel({
    host: '127.0.0.1',
    port: 0,
    identity: node,
    engines: { complete },
    clock,
    log: silentLog,
  });
  tunnels.push(tunnel);
  return tunnel;
}

const tlsOf = (tunnel: Tunnel, identity: Partial<TunnelIdentity>): RequestOptions => ({
  host: '127.0.0.1',
  port: tunnel.port,
  servername: serverNameOf('pi-5'),
  ca: node.caPem,
  cert: identity.certificatePem,
  key: identity.keyPem,
  agent: false,
});

function ask(
  tunnel: Tunnel,
  identity: Partial<TunnelIdentity>,
  path: string,
  payload: string | Buffer | null = null,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const method = payload === null ? 'GET' : 'POST';
    const request = httpsRequest({ ...tlsOf(tunnel, identity), path, method }, resolve);
    request.once('error', reject);
    request.end(payload ?? undefined);
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}

async function refusalOf(response: IncomingMessage): Promise<[number | undefined, string]> {
  const error = v.parse(HubError, JSON.parse(await textOf(response)));
  return [response.statusCode, error.code];
}

async function* twoWords(): AsyncGenerator<CompletionEvent> {
  yield { event: 'prompt', tokens: [1, 2] };
  yield tokens('a time');
  yield end;
}

const completePath = '/engine/stories-1a2b3c4d/complete';

describe('the tunnel', () => {
  it('streams an answer to the planner, one event a line', async () => {
    const asked: unknown[] = [];
    const tunnel = await open((...args) => {
      asked.push(args.slice(0, 2));
      return twoWords();
    });
    const response = await ask(tunnel, planner, completePath, JSON.stringify(body));
    assert.equal(response.statusCode, 200);
    const lines = (await textOf(response)).trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).event),
      ['prompt', 'tokens', 'end'],
    );
    assert.deepEqual(asked, [['stories-1a2b3c4d', body]]);
  });

  it('begins before the engine has said a word', async () => {
    const said = resolvers();
    const tunnel = await open(async function* () {
      await said.promise;
      yield end;
    });
    const response = await ask(tunnel, planner, completePath, JSON.stringify(body));
    assert.equal(response.statusCode, 200);
    said.resolve(undefined);
    assert.match(await textOf(response), /"end"/);
  });

  it('answers nobody but the planner, and refuses strangers in the handshake', async () => {
    const tunnel = await open(() => assert.fail('no engine may be asked'));
    const payload = JSON.stringify(body);
    for (const role of [otherNode, cluster.issue('hub', 'hub')]) {
      const refused = await refusalOf(await ask(tunnel, role, completePath, payload));
      assert.deepEqual(refused, [403, 'SLV_DENIED']);
      assert.equal((await ask(tunnel, role, '/ping')).statusCode, 204);
    }
    const unknown = cluster.issue('guest', 'guest');
    assert.deepEqual(await refusalOf(await ask(tunnel, unknown, '/ping')), [403, 'SLV_DENIED']);
    await assert.rejects(ask(tunnel, {}, '/ping'));
    const stranger = makeTestCluster().issue('planner', 'planner');
    await assert.rejects(ask(tunnel, stranger, completePath, payload));
  });

  it('knows whose session it is that comes back without a full handshake', async () => {
    const tunnel = await open(twoWords);
    for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
      for (const [identity, status] of [
        [planner, 200],
        [otherNode, 403],
      ] as const) {
        const agent = new Agent({ keepAlive: false });
        const resumed: boolean[] = [];
        for (let count = 0; count < 3; count += 1) {
          const options = { ...tlsOf(tunnel, identity), agent, maxVersion, path: completePath };
          const response = await new Promise<IncomingMessage>((resolve, reject) => {
            const request = httpsRequest({ ...options, method: 'POST' }, resolve);
            request.once('error', reject).end(JSON.stringify(body));
          });
          resumed.push((response.socket as TLSSocket).isSessionReused());
          await textOf(response);
          assert.equal(response.statusCode, status);
        }
        assert.equal(resumed.at(-1), true);
      }
    }
  });

  it('refuses bad input with a reason that names the field', async () => {
    const tunnel = await open(() => assert.fail('no engine may be asked'));
    const post = async (payload: string | Buffer, path = completePath): Promise<unknown> =>
      refusalOf(await ask(tunnel, planner, path, payload));
    assert.deepEqual(await post('{'), [400, 'SLV_REQUEST']);
    assert.deepEqual(await post('{}', '/engine/UPPER/complete'), [400, 'SLV_REQUEST']);
    assert.deepEqual(await post('{}', '/engine'), [404, 'SLV_REQUEST']);
    assert.deepEqual(await post('{}', '/ping'), [405, 'SLV_REQUEST']);
    assert.deepEqual(await post(Buffer.alloc(tunnelLimits.bodyBytesMax + 1, 'x')), [
      413,
      'SLV_PROMPT_TOO_LONG',
    ]);
    for (const query of ['', '?bytes=0', '?bytes=x', `?bytes=${tunnelLimits.blobBytesMax + 1}`]) {
      const refused = await refusalOf(await ask(tunnel, planner, `/blob${query}`));
      assert.deepEqual(refused, [400, 'SLV_REQUEST']);
    }
    const wrong = { ...body, temperature: -1 };
    const response = await ask(tunnel, planner, completePath, JSON.stringify(wrong));
    assert.match(await textOf(response), /temperature: /);
  });

  it('hands out as many bytes as are asked for', async () => {
    const tunnel = await open(twoWords);
    const text = await textOf(await ask(tunnel, otherNode, '/blob?bytes=200001'));
    assert.equal(text.length, 200_001);
  });

  it('stops the engine when the client goes away, whether it speaks or thinks', async () => {
    for (const speaks of [true, false]) {
      const aborted = resolvers<void>();
      const tunnel = await open(async function* (_engineId, _request, signal) {
        try {
          yield tokens('first');
          while (speaks && !signal.aborted) {
            yield tokens('more');
            await new Promise(setImmediate);
          }
          if (!signal.aborted) await new Promise((done) => signal.addEventListener('abort', done));
        } finally {
          if (signal.aborted) aborted.resolve();
        }
      });
      const response = await ask(tunnel, planner, completePath, JSON.stringify(body));
      response.once('data', () => response.destroy());
      response.on('error', () => undefined);
      await aborted.promise;
    }
  });

  it('takes no more from the engine than the client reads, and gives up after a minute', async () => {
    let count = 0;
    const aborted = resolvers<void>();
    let minutePasses = (): void => undefined;
    const clock: Clock = {
      ...realClock,
      sleep: (_milliseconds, signal) =>
        new Promise((resolve) => {
          minutePasses = resolve;
          signal?.addEventListener('abort', () => resolve());
        }),
    };
    const tunnel = await open(async function* (_engineId, _request, signal) {
      try {
        for (;;) {
          count += 1;
          yield tokens('x'.repeat(100_000));
        }
      } finally {
        if (signal.aborted) aborted.resolve();
      }
    }, clock);
    const response = await ask(tunnel, planner, completePath, JSON.stringify(body));
    response.pause();
    response.on('error', () => undefined);
    const full = await settled(() => count);
    assert.ok(full < 1_000, `${full} events of 100 kB were taken though nobody reads`);
    minutePasses();
    await aborted.promise;
  });

  it('ends what runs when it stops, and says which port is taken', async () => {
    const aborted = resolvers<void>();
    const tunnel = await open(async function* (_engineId, _request, signal) {
      yield tokens('first');
      await new Promise((done) => signal.addEventListener('abort', done));
      aborted.resolve();
    });
    const taken = { host: '127.0.0.1', port: tunnel.port, identity: node, clock: realClock };
    await assert.rejects(
      openTunnel({ ...taken, engines: { complete: twoWords }, log: silentLog }),
      { code: 'SLV_PORT_TAKEN' },
    );
    const response = await ask(tunnel, planner, completePath, JSON.stringify(body));
    await tunnel.stop();
    await aborted.promise;
    await assert.rejects(textOf(response));
    await assert.rejects(ask(tunnel, planner, '/ping'));
  });
});

describe('a paced writer', () => {
  it('says at once that nobody is there', async () => {
    const gone = { destroyed: true, write: () => assert.fail(), once: () => 0, off: () => 0 };
    assert.equal(await sendPaced(gone, Buffer.from('x'), realClock), 'gone');
  });
});

interface Resolvers<T> {
  promise: Promise<T>;
  resolve: (value: T) => void;
}

function resolvers<T = unknown>(): Resolvers<T> {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Waits until a number has stood still over many turns of the event loop. */
async function settled(read: () => number): Promise<number> {
  let before = -1;
  for (let still = 0; still < 200; still += 1) {
    await new Promise((done) => setTimeout(done, 2));
    if (read() !== before) still = 0;
    before = read();
  }
  return before;
}
