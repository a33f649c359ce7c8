// For tests only: a store of one file over mutual TLS that serves ranges, and misbehaves on demand.
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TunnelIdentity } from '../tunnel/member.ts';

export interface TestStore {
  /** Base URL, as a wish names it. */
  url: string;
  /** `Range` headers in order of the requests; null for a request without one. */
  asked: (string | null)[];
  /** How the next requests behave. */
  behave: {
    /** The connection breaks after so many bytes of each answer. */
    cutAfterBytes: number | null;
    /** As `cutAfterBytes`, but nothing more comes and nothing closes. */
    silentAfterBytes: number | null;
    ignoresRange: boolean;
    /** An error status instead of the file. */
    status: number | null;
  };
  stop(): Promise<void>;
}

export async function openTestStore(identity: TunnelIdentity, content: Buffer): Promise<TestStore> {
  const asked: TestStore['asked'] = [];
  const behave: TestStore['behave'] = {
    cutAfterBytes: null,
    silentAfterBytes: null,
    ignoresRange: false,
    status: null,
  };
  const server = createServer({
    ca: identity.caPem,
    cert: identity.certificatePem,
    key: identity.keyPem,
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.on('request', (request, response) => {
    const range = request.headers.range ?? null;
    asked.push(range);
    if (behave.status !== null) {
      const error = { code: 'SLV_MODEL_UNKNOWN', message: 'there is no such model' };
      response.writeHead(behave.status).end(JSON.stringify(error));
      return;
    }
    const start = behave.ignoresRange ? 0 : Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    const rest = content.subarray(start);
    const isPart = start > 0;
    response.writeHead(isPart ? 206 : 200, {
      'content-length': rest.length,
      ...(isPart
        ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }
        : {}),
    });
    const { cutAfterBytes, silentAfterBytes } = behave;
    if (cutAfterBytes !== null) {
      response.write(rest.subarray(0, cutAfterBytes), () => request.socket.destroySoon());
    } else if (silentAfterBytes !== null) {
      response.write(rest.subarray(0, silentAfterBytes));
    } else {
      response.end(rest);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${port}/store/models`,
    asked,
    behave,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
