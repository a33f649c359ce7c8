// A stand-in for the remote side of downloads, for tests: serves files with Range and ETag, lists
// repositories as Hugging Face does, and can cut its answers short, stop knowing ranges or change.
import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StandIn {
  base: string;
  /** Address path -> content. */
  files: Map<string, Buffer>;
  /** `/api/models/…` path -> what it answers. */
  lists: Map<string, unknown>;
  /** Every request that asked for a file: its path and where its range starts. */
  asked: { path: string; from: number | null }[];
  /** The next answers with a body longer than this end after it. */
  cutAfterBytes: number | null;
  cutsLeft: number;
  knowsRanges: boolean;
  close(): Promise<void>;
}

export async function openStandIn(): Promise<StandIn> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const list = standIn.lists.get(path);
    if (list !== undefined) {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(list));
      return;
    }
    const file = standIn.files.get(decodeURIComponent(path));
    if (file === undefined) {
      response.writeHead(404).end('not found');
      return;
    }
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    standIn.asked.push({ path, from: range === null ? null : Number(range[1]) });
    send(response, file, standIn.knowsRanges ? range : null);
  });
  const send = (response: ServerResponse, file: Buffer, range: RegExpExecArray | null): void => {
    const from = range === null ? 0 : Number(range[1]);
    const end = range === null || range[2] === '' ? file.length : Number(range[2]) + 1;
    const body = file.subarray(from, Math.min(end, file.length));
    response.setHeader('etag', `"${createHash('sha1').update(file).digest('hex')}"`);
    response.setHeader('content-length', body.length);
    if (range !== null) {
      response.setHeader('content-range', `bytes ${from}-${from + body.length - 1}/${file.length}`);
    }
    response.writeHead(range === null ? 200 : 206);
    const { cutAfterBytes } = standIn;
    if (cutAfterBytes !== null && body.length > cutAfterBytes && standIn.cutsLeft > 0) {
      standIn.cutsLeft -= 1;
      response.write(body.subarray(0, cutAfterBytes), () => response.destroy());
      return;
    }
    response.end(body);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const standIn: StandIn = {
    base: `http://127.0.0.1:${port}`,
    files: new Map(),
    lists: new Map(),
    asked: [],
    cutAfterBytes: null,
    cutsLeft: 0,
    knowsRanges: true,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return standIn;
}
