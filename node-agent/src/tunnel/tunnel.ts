// The node's only open door: HTTPS in which both sides show a certificate of the cluster.
//
//   POST /engine/<engineId>/complete   planner only; CompletionRequest -> NDJSON of CompletionEvent
//   GET  /ping                         any member; 204
//   GET  /blob?bytes=N                 any member; N bytes, to measure a link with
//
// Whoever is not of the cluster is refused in the handshake. Errors are HubError.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { EngineId } from '@salvage/contract';
import { asFailure, type Clock, type Log, messageOf, SalvageError } from '@salvage/kit';
import * as v from 'valibot';
import type { EngineRoom } from '../engine/engine.ts';
import { type BodyReader, createBodyReader } from './bounded-body.ts';
import { badRequest, complete } from './complete.ts';
import { memberOf, type TunnelIdentity } from './member.ts';
import { sendPaced } from './paced-writer.ts';
import { type Refusal, refuse } from './refuse.ts';

export interface TunnelOptions {
  host: string;
  /** 0 picks a free one. */
  port: number;
  identity: TunnelIdentity;
  engines: Pick<EngineRoom, 'complete'>;
  clock: Clock;
  log: Log;
}

export interface Tunnel {
  readonly port: number;
  /** Ends all answers, closes all connections; resolves when the port is free. */
  stop(): Promise<void>;
}

export const tunnelLimits = {
  /** 1,000,000 token ids of up to seven digits, or a very long text. */
  bodyBytesMax: 16 * 1024 * 1024,
  bodyBytesTotalMax: 64 * 1024 * 1024,
  discardBytesMax: 64 * 1024 * 1024,
  blobBytesMax: 32 * 1024 * 1024,
  blobsMax: 4,
  connectionsMax: 128,
  headerBytesMax: 16 * 1024,
  handshakeMillisecondsMax: 10_000,
  headersMillisecondsMax: 10_000,
  /** For header and body; an answer may take as long as it needs. */
  requestMillisecondsMax: 60_000,
  keepAliveMilliseconds: 10_000,
  checkMilliseconds: 2_000,
} as const;

/**
 * Opens the door. Rejects with SLV_PORT_TAKEN, SLV_CONFIG (no such address, a port that needs
 * rights) or SLV_STATE (certificate and key that do not fit).
 */
export async function openTunnel(options: TunnelOptions): Promise<Tunnel> {
  const { log } = options;
  const stopping = new AbortController();
  const server = makeServer(options.identity);
  const answer = createAnswer(options, stopping.signal);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  // Strangers on the network can do this as often as they like: seen only at the debug level.
  server.on('tlsClientError', (error) => log.debug('tunnel-refused', { reason: error.message }));
  server.on('drop', () => log.debug('tunnel-full'));
  server.on('request', (request, response) => {
    response.on('error', () => undefined); // a connection that broke: `close` follows
    void answer(request, response).catch((error: unknown) => {
      log.error('tunnel-failed', { message: messageOf(error) });
      response.destroy();
    });
  });
  await listen(server, options.host, options.port);
  // For example no file descriptor left for the next connection.
  server.on('error', (error) => log.warn('tunnel-error', { message: error.message }));

  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      stopping.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function makeServer(identity: TunnelIdentity): Server {
  let server: Server;
  try {
    server = createServer({
      ca: identity.caPem,
      cert: identity.certificatePem,
      key: identity.keyPem,
      minVersion: 'TLSv1.2',
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: tunnelLimits.handshakeMillisecondsMax,
      maxHeaderSize: tunnelLimits.headerBytesMax,
      headersTimeout: tunnelLimits.headersMillisecondsMax,
      requestTimeout: tunnelLimits.requestMillisecondsMax,
      keepAliveTimeout: tunnelLimits.keepAliveMilliseconds,
      connectionsCheckingInterval: tunnelLimits.checkMilliseconds,
    });
  } catch (error) {
    throw new SalvageError(
      'SLV_STATE',
      `this node's certificate is unusable: ${messageOf(error)}`,
      {
        hint: 'join this node again',
        cause: error,
      },
    );
  }
  server.maxConnections = tunnelLimits.connectionsMax;
  return server;
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const doing = `cannot open the tunnel on ${host} port ${port}`;
      const code = error.code === 'EADDRINUSE' ? 'SLV_PORT_TAKEN' : 'SLV_CONFIG';
      reject(asFailure(error, code, doing));
    });
    server.listen({ host, port }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Picks the route; whatever is refused is read to its end first. */
function createAnswer(options: TunnelOptions, stopping: AbortSignal): Answer {
  const bodies = createBodyReader({
    bytesMax: tunnelLimits.bodyBytesMax,
    bytesTotalMax: tunnelLimits.bodyBytesTotalMax,
    discardBytesMax: tunnelLimits.discardBytesMax,
  });
  let blobsCount = 0;

  return async (request, response) => {
    const member = memberOf(request.socket as TLSSocket);
    const route = routeOf(request);
    if (member === null) {
      return refuseRead(bodies, request, response, denied('this certificate names no member'));
    }
    switch (route.kind) {
      case 'refused':
        return refuseRead(bodies, request, response, route.refusal);
      case 'complete':
        if (member.role !== 'planner') {
          const message = `only the planner may ask for answers; ${member.name} is a ${member.role}`;
          return refuseRead(bodies, request, response, denied(message));
        }
        return complete({ ...options, bodies, stopping }, route.engineId, request, response);
      case 'ping':
        await bodies.discard(request);
        response.writeHead(204).end();
        return;
      case 'blob': {
        if (blobsCount >= tunnelLimits.blobsMax) {
          return refuseRead(bodies, request, response, {
            status: 503,
            code: 'SLV_QUEUE_FULL',
            message: 'others are measuring their links to this node',
          });
        }
        blobsCount += 1;
        try {
          await sendBlob(response, route.bytes, options.clock);
        } finally {
          blobsCount -= 1;
        }
      }
    }
  };
}

type Route =
  | { kind: 'complete'; engineId: string }
  | { kind: 'ping' }
  | { kind: 'blob'; bytes: number }
  | { kind: 'refused'; refusal: Refusal };

/** Method and path, without a look at who asks. */
function routeOf(request: { method?: string | undefined; url?: string | undefined }): Route {
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  const engineId = /^\/engine\/([^/]+)\/complete$/.exec(path)?.[1];
  const method = engineId === undefined ? 'GET' : 'POST';
  if (engineId === undefined && path !== '/ping' && path !== '/blob') {
    return refusedAs({ status: 404, code: 'SLV_REQUEST', message: `there is nothing at ${path}` });
  }
  if (request.method !== method) {
    return refusedAs({ status: 405, code: 'SLV_REQUEST', message: `${path} takes ${method} only` });
  }
  if (engineId !== undefined) {
    if (v.is(EngineId, engineId)) return { kind: 'complete', engineId };
    return refusedAs(badRequest('an engine id is lower-case letters, digits and hyphens'));
  }
  if (path === '/ping') return { kind: 'ping' };
  const text = new URLSearchParams(query).get('bytes') ?? '';
  const bytes = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (bytes >= 1 && bytes <= tunnelLimits.blobBytesMax) return { kind: 'blob', bytes };
  return refusedAs(badRequest(`bytes must be 1 to ${tunnelLimits.blobBytesMax}`));
}

function refusedAs(refusal: Refusal): Route {
  return { kind: 'refused', refusal };
}

function denied(message: string): Refusal {
  return { status: 403, code: 'SLV_DENIED', message };
}

async function refuseRead(
  bodies: BodyReader,
  request: IncomingMessage,
  response: ServerResponse,
  refusal: Refusal,
): Promise<void> {
  await bodies.discard(request);
  refuse(request, response, refusal);
}

/** Zeros: encrypted on the way, they are no easier to compress than anything else. */
const blobPiece = Buffer.alloc(65_536);

async function sendBlob(response: ServerResponse, bytes: number, clock: Clock): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes });
  for (let left = bytes; left > 0; left -= blobPiece.length) {
    const sent = await sendPaced(response, blobPiece.subarray(0, left), clock);
    if (sent === 'sent') continue;
    response.destroy();
    return;
  }
  response.end();
}
