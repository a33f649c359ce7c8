// The hub's TLS listener: on loopback until a token exists, then on the network, then back. The
// app stays the same; connections that are at work when the door moves are finished.
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Log, messageOf, SalvageError } from '@salvage/kit';
import {
  gatewayListener,
  limitConnections,
  type Servable,
  serverOptions,
} from '../gateway/server.ts';
import type { Identity } from './certificates.ts';

export interface HubServer {
  readonly port: number;
  /** Null while the door is on loopback only. */
  readonly openTo: string | null;
  /** Moves the door; a failure is logged and the door stays on loopback. */
  setOpen(open: boolean): Promise<void>;
  stop(): Promise<void>;
}

export async function openHubServer(options: {
  app: Servable;
  identity: Identity & { caPem: string };
  port: number;
  /** Where it listens while open. */
  host: string;
  log: Log;
}): Promise<HubServer> {
  const listen = async (host: string, port: number): Promise<Server> => {
    const server = createServer(
      {
        ...serverOptions,
        cert: options.identity.certificatePem,
        key: options.identity.keyPem,
        ca: options.identity.caPem,
        requestCert: true,
        rejectUnauthorized: false, // routes ask for what they need; joining machines have none
        minVersion: 'TLSv1.2',
      },
      gatewayListener(options.app),
    );
    limitConnections(server);
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(taken(error, port)));
      server.listen(port, host, resolve);
    });
    server.on('error', (error) => options.log.warn('hub-door-error', { problem: error.message }));
    return server;
  };

  let server = await listen('127.0.0.1', options.port);
  const { port } = server.address() as AddressInfo;
  let openTo: string | null = null;
  let moving: Promise<void> = Promise.resolve();

  const move = async (open: boolean): Promise<void> => {
    if (open === (openTo !== null)) return;
    const old = server;
    await new Promise<void>((resolve) => {
      // Idle sockets go at once; close() itself waits for those at work, we do not.
      old.close();
      old.closeIdleConnections();
      setImmediate(resolve);
    });
    try {
      server = await listen(open ? options.host : '127.0.0.1', port);
      openTo = open ? options.host : null;
      options.log.info('hub-door', { open, port });
    } catch (error) {
      options.log.error('hub-door-failed', { open, problem: messageOf(error) });
      server = await listen('127.0.0.1', port);
      openTo = null;
    }
  };

  return {
    port,
    get openTo() {
      return openTo;
    },
    setOpen: (open) => {
      moving = moving
        .then(() => move(open))
        .catch((error) => {
          // Not even loopback: the next wish tries again.
          options.log.error('hub-door-lost', { problem: messageOf(error) });
        });
      return moving;
    },
    stop: async () => {
      await moving;
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function taken(error: NodeJS.ErrnoException, port: number): Error {
  if (error.code !== 'EADDRINUSE') return error;
  return new SalvageError('SLV_PORT_TAKEN', `port ${port} is taken by another program`, {
    hint: 'choose another one: --hub-port PORT',
    cause: error,
  });
}
