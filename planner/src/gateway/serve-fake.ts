// A gateway over doubles on a free port, for tests: started, called and stopped.
import { randomBytes } from 'node:crypto';
import { realClock, silentLog } from '@salvage/kit';
import { createGatewayApp, type GatewayOptions } from './app.ts';
import { type FakeCluster, fakeCluster } from './fake-ports.ts';
import type { GatewayLimits } from './limits.ts';
import { serveGateway } from './server.ts';

export interface FakeGateway {
  cluster: FakeCluster;
  port: number;
  url: string;
  /** POSTs JSON with a valid key. */
  post(path: string, body: unknown, init?: RequestInit): Promise<Response>;
  stop(): Promise<void>;
}

/** Short waits, so that what a real gateway does in seconds takes milliseconds. */
export const quickLimits: Partial<GatewayLimits> = {
  replayWaitMilliseconds: [1, 1, 1],
  recoverMillisecondsMax: 20,
};

export async function serveFake(
  options: Partial<GatewayOptions> = {},
  cluster: FakeCluster = fakeCluster(),
): Promise<FakeGateway> {
  const app = createGatewayApp(cluster, {
    clock: realClock,
    random: (bytes) => randomBytes(bytes),
    log: silentLog,
    extraHosts: () => ['hub.local'],
    ...options,
    limits: { ...quickLimits, ...options.limits },
  });
  const served = await serveGateway(app, { host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${served.port}`;
  return {
    cluster,
    port: served.port,
    url,
    post: (path, body, init = {}) =>
      fetch(`${url}${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
        ...init,
        headers: {
          authorization: 'Bearer good-key',
          'content-type': 'application/json',
          ...init.headers,
        },
      }),
    stop: served.stop,
  };
}

/** Resolves when `holds` does; rejects when it does not within 10 s. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  const until = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > until) throw new Error(`not within 10 s: ${what}`);
    await realClock.sleep(2);
  }
}

/** Text and last payload of an SSE answer to a plain completion; its comments are counted. */
export async function readStream(
  response: Response,
): Promise<{ text: string; payloads: Record<string, unknown>[]; comments: number; done: boolean }> {
  const events = (await response.text()).split('\n\n').filter((event) => event !== '');
  const data = events.filter((event) => event.startsWith('data: ')).map((e) => e.slice(6));
  const payloads = data
    .filter((text) => text !== '[DONE]')
    .map((text) => JSON.parse(text) as Record<string, unknown>);
  const text = payloads
    .map((payload) => (payload['choices'] as { text?: string }[] | undefined)?.[0]?.text ?? '')
    .join('');
  const comments = events.filter((event) => event.startsWith(':')).length;
  return { text, payloads, comments, done: data.at(-1) === '[DONE]' };
}
