// A client that sends what no MQTT library would: bytes on a socket.
import { connect, type Socket } from 'node:net';
import { generate, type IConnectPacket, type Packet } from 'mqtt-packet';
import { type Login, until } from './broker-stand.ts';

export interface RawClient {
  readonly socket: Socket;
  readonly closed: boolean;
  /** Everything received so far, while the socket is not paused. */
  readonly received: Buffer;
  send(...what: (Packet | Uint8Array)[]): void;
}

export function connectPacket(login: Login, more: Partial<IConnectPacket> = {}): IConnectPacket {
  return {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    clientId: `${login.user}:raw`,
    keepalive: 60,
    username: login.user,
    password: Buffer.from(login.password),
    ...more,
  };
}

/** A TCP connection that has said nothing. */
export async function openRaw(port: number): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1');
  let received = Buffer.alloc(0);
  let closed = false;
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
  });
  socket.on('error', () => undefined);
  socket.once('close', () => {
    closed = true;
  });
  const client: RawClient = {
    socket,
    get closed() {
      return closed;
    },
    get received() {
      return received;
    },
    send: (...what) => {
      const bytes = what.map((one) => (one instanceof Uint8Array ? one : generate(one)));
      if (!closed) socket.write(Buffer.concat(bytes));
    },
  };
  await until('a socket', () => closed || !socket.connecting);
  return client;
}

/** A connection whose CONNECT was accepted. */
export async function loginRaw(port: number, login: Login, more?: Partial<IConnectPacket>) {
  const client = await openRaw(port);
  client.send(connectPacket(login, more));
  await until('CONNACK 0', () => client.received.subarray(0, 4).equals(Buffer.of(0x20, 2, 0, 0)));
  return client;
}
