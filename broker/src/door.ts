// A listening port, plain or TLS, with the bounds that hold before anybody is known: sockets that
// have not said CONNECT, counted per door so that a crowd on the LAN cannot shut out the planner on
// loopback, and sockets of one address.
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { asFailure, type Log, SalvageError } from '@salvage/kit';
import { isLoopback } from './addresses.ts';
import type { DenialLog } from './denial-log.ts';
import { GuardedConnection, type GuardOptions } from './guarded-connection.ts';
import { limits } from './limits.ts';

export interface Certificate {
  cert: string;
  key: string;
}

export interface DoorOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** Null: a plain door. */
  certificate: Certificate | null;
  guard: GuardOptions;
  denied: DenialLog;
  log: Log;
}

export interface Door {
  readonly port: number;
  /** TLS doors: a new certificate for the connections to come. Throws when it cannot be used. */
  renew(certificate: Certificate): void;
  /** Stops listening and ends every connection that came this way. */
  close(): Promise<void>;
}

/** Opens a door. Rejects with SLV_PORT_TAKEN or, for an impossible address, SLV_CONFIG. */
export async function openDoor(options: DoorOptions): Promise<Door> {
  const { guard, denied, log } = options;
  const sockets = new Set<Socket>();
  const pending = new Set<string>();
  const perAddress = new Map<string, number>();

  const enter = (socket: Socket): void => {
    const key = keyOf(socket);
    const admitted: GuardOptions['onAdmitted'] = (connection, identity) => {
      pending.delete(key);
      guard.onAdmitted(connection, identity);
    };
    new GuardedConnection(socket, { ...guard, onAdmitted: admitted });
  };
  const secure =
    options.certificate === null ? null : secureServer(options.certificate, enter, log);
  const server = createServer((socket) => {
    const address = socket.remoteAddress ?? '';
    const count = perAddress.get(address) ?? 0;
    const isCrowd = !isLoopback(address) && count >= limits.socketsPerAddressMax;
    if (isCrowd || pending.size >= limits.socketsPendingMax) {
      denied('socket', { address, reason: isCrowd ? 'too many of this address' : 'too many' });
      socket.destroy();
      return;
    }
    const key = keyOf(socket);
    sockets.add(socket);
    pending.add(key);
    perAddress.set(address, count + 1);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      sockets.delete(socket);
      pending.delete(key);
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left > 0) perAddress.set(address, left);
      else perAddress.delete(address);
    });
    if (secure === null) enter(socket);
    else secure.emit('connection', socket);
  });
  const port = await listen(server, options.host, options.port);
  server.on('error', (error) => log.warn('door-error', { port, problem: error.message }));
  return {
    port,
    renew: (certificate) => secure?.setSecureContext(certificate),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** A TLS server that listens nowhere: it is handed sockets that passed the door. */
function secureServer(
  certificate: Certificate,
  enter: (socket: Socket) => void,
  log: Log,
): TlsServer {
  const secure = createTlsServer({
    ...certificate,
    minVersion: 'TLSv1.2',
    handshakeTimeout: limits.connectMilliseconds,
  });
  secure.on('secureConnection', enter);
  secure.on('tlsClientError', (error, socket) => {
    log.debug('tls-refused', { problem: error.message });
    socket.destroy();
  });
  return secure;
}

/** The same for a socket and for the TLS socket around it. */
function keyOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new SalvageError('SLV_PORT_TAKEN', `port ${port} on ${host} is taken`, { cause: error })
          : asFailure(error, 'SLV_CONFIG', `cannot listen on ${host} port ${port}`),
      );
    });
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      const address = server.address();
      resolve(address !== null && typeof address === 'object' ? address.port : port);
    });
  });
}
