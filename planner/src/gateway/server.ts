// The HTTP server around the app: limits on headers, bodies, times and connections, so that a
// stranger's half-open sockets cost little.
import { createServer, type Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { SalvageError } from '@salvage/kit';
import { serverLimits } from './limits.ts';

/** The part of a Hono app that a server needs. */
export interface Servable {
  fetch(request: Request, env: HttpBindings): Response | Promise<Response>;
}

export interface Served {
  port: number;
  /** Takes no more connections, gives open answers a moment, then closes them. */
  stop(): Promise<void>;
}

/** The app as a listener of a Node HTTP or HTTPS server. */
export function gatewayListener(app: Servable): ReturnType<typeof getRequestListener> {
  return getRequestListener((request, env) => app.fetch(request, env as HttpBindings), {
    overrideGlobalObjects: false,
    errorHandler: () => {
      const message = 'the request is not valid HTTP';
      const error = { message, type: 'invalid_request_error', param: null, code: 'SLV_REQUEST' };
      return Response.json({ error }, { status: 400 });
    },
  });
}

/** Options for `createServer` of node:http or node:https. */
export const serverOptions = {
  maxHeaderSize: serverLimits.headerBytesMax,
  headersTimeout: serverLimits.headersMillisecondsMax,
  requestTimeout: serverLimits.requestMillisecondsMax,
  keepAliveTimeout: serverLimits.keepAliveMilliseconds,
  connectionsCheckingInterval: 1_000,
} as const;

/** Caps connections in total and per address. */
export function limitConnections(server: Server | TlsServer): void {
  server.maxHeadersCount = serverLimits.headersMax;
  server.maxConnections = serverLimits.connectionsMax;
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const count = (open.get(address) ?? 0) + 1;
    if (count > serverLimits.connectionsPerAddressMax) {
      socket.destroy();
      return;
    }
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
  });
}

/** Listens; port 0 takes a free one. Rejects with SLV_PORT_TAKEN. */
export async function serveGateway(
  app: Servable,
  where: { host: string; port: number },
): Promise<Served> {
  const server = createServer(serverOptions, gatewayListener(app));
  limitConnections(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenFailure(error, where)));
    server.listen(where.port, where.host, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  return { port, stop: () => stopServer(server) };
}

function stopServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), serverLimits.stopMillisecondsMax);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function listenFailure(
  error: NodeJS.ErrnoException,
  where: { host: string; port: number },
): SalvageError {
  const what = `cannot listen on ${where.host}:${where.port}`;
  return error.code === 'EADDRINUSE'
    ? new SalvageError('SLV_PORT_TAKEN', `${what}: another program holds the port`)
    : new SalvageError('SLV_CONFIG', `${what}: ${error.message}`, { cause: error });
}
