// One client's connection as an MQTT server sees it: a stream whose first packet is a CONNECT that
// was judged already, whose frames are counted before they pass, and which ends when the client
// stops reading. Standing in front of the server, it holds for any server, and no parser ever
// buffers what a stranger sends.
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { generate, type IConnectPacket, parser } from 'mqtt-packet';
import type { Admission, Identity, ReturnCode } from './admission.ts';
import { createFrameWalker, readFrameHeader } from './frames.ts';
import { limits } from './limits.ts';

export interface GuardOptions {
  judge(packet: IConnectPacket): Admission;
  /** The connection is this client's now and can be read from its CONNECT on. */
  onAdmitted(connection: GuardedConnection, identity: Identity): void;
  onRefused(reason: string, identity: Identity | null, address: string): void;
}

const connectByte = 0x10;

export class GuardedConnection extends Duplex {
  readonly address: string;
  readonly #socket: Socket;
  readonly #options: GuardOptions;
  readonly #frames = createFrameWalker(limits.frameBytesMax);
  readonly #connectTimer: NodeJS.Timeout;
  #identity: Identity | null = null;
  #refused = false;
  #ended = false;
  /** Bytes of the CONNECT so far, looked at again once there are `#wanted` of them. */
  #opening: Buffer[] = [];
  #openingBytes = 0;
  #wanted = 2;

  constructor(socket: Socket, options: GuardOptions) {
    super({ writableHighWaterMark: limits.clientBufferBytes });
    this.#socket = socket;
    this.#options = options;
    this.address = socket.remoteAddress ?? '';
    this.#connectTimer = setTimeout(
      () => this.#violate('no CONNECT in time'),
      limits.connectMilliseconds,
    );
    // Errors of a socket are followed by its close, which is what is acted on.
    this.on('error', () => undefined);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('end', () => {
      this.#ended = true;
      if (this.#identity === null) this.destroy();
      else this.push(null);
    });
    // After a proper end the server still has to read what came before it.
    socket.on('close', () => {
      if (!this.#ended || this.#identity === null) this.destroy();
    });
  }

  /** Who this is; null until the CONNECT was admitted. */
  get identity(): Identity | null {
    return this.#identity;
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#send(chunk, done);
  }

  override _writev(
    chunks: { chunk: Buffer; encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#connectTimer);
    this.#opening = [];
    this.#socket.destroy();
    done(error);
  }

  /** `done` when the bytes are the kernel's; a client that takes none for too long is cut. */
  #send(bytes: Buffer, done: (error?: Error | null) => void): void {
    const stalled = setTimeout(() => this.destroy(), limits.drainMilliseconds);
    this.#socket.write(bytes, (error) => {
      clearTimeout(stalled);
      done(error ?? null);
    });
  }

  #take(chunk: Buffer): void {
    if (this.#refused || this.destroyed) return;
    if (this.#identity !== null) {
      this.#pass(chunk);
      return;
    }
    this.#opening.push(chunk);
    this.#openingBytes += chunk.length;
    if (this.#openingBytes >= this.#wanted) this.#open(Buffer.concat(this.#opening));
  }

  #open(bytes: Buffer): void {
    this.#opening = [bytes];
    const header = readFrameHeader(bytes);
    if (header === null && bytes[0] === connectByte) {
      this.#wanted = bytes.length + 1;
      return;
    }
    const reason = refuseOpening(bytes, header);
    if (reason !== null || header === null || header === 'bad') {
      this.#violate(reason ?? 'not a CONNECT');
      return;
    }
    this.#wanted = header.headerBytes + header.bodyBytes;
    if (bytes.length < this.#wanted) return;
    const packet = parseConnect(bytes.subarray(0, this.#wanted));
    if (packet === null) this.#violate('a CONNECT that cannot be read');
    else this.#admit(packet, bytes.subarray(this.#wanted));
  }

  #admit(packet: IConnectPacket, rest: Buffer): void {
    const admission = this.#options.judge(packet);
    if (!admission.admitted) {
      this.#refuse(admission.returnCode, admission.reason);
      return;
    }
    clearTimeout(this.#connectTimer);
    this.#opening = [];
    this.#identity = admission.identity;
    // No session outlives its connection: state is retained or republished, so there is no offline
    // queue to bound. A server may forget a session at any time; CONNACK says so.
    this.push(generate({ ...packet, clean: true }));
    this.#options.onAdmitted(this, admission.identity);
    if (rest.length > 0) this.#pass(rest);
  }

  #pass(chunk: Buffer): void {
    const reason = this.#frames.take(chunk);
    if (reason !== null) this.#violate(reason);
    else if (!this.push(chunk)) this.#socket.pause();
  }

  #violate(reason: string): void {
    if (this.destroyed) return;
    this.#options.onRefused(reason, this.#identity, this.address);
    this.destroy();
  }

  /** Says why, in MQTT's own words, and hangs up when that was read. */
  #refuse(returnCode: ReturnCode, reason: string): void {
    this.#refused = true;
    this.#options.onRefused(reason, null, this.address);
    this.#socket.setTimeout(limits.farewellMilliseconds, () => this.destroy());
    this.#socket.end(Uint8Array.of(0x20, 2, 0, returnCode));
  }
}

function refuseOpening(bytes: Buffer, header: ReturnType<typeof readFrameHeader>): string | null {
  if (bytes[0] !== connectByte || header === 'bad') return 'not a CONNECT';
  if (header === null || header.bodyBytes <= limits.connectBytesMax) return null;
  return 'a CONNECT too large';
}

function parseConnect(frame: Buffer): IConnectPacket | null {
  const found: IConnectPacket[] = [];
  const reader = parser();
  reader.on('packet', (packet) => {
    if (packet.cmd === 'connect') found.push(packet);
  });
  reader.on('error', () => undefined);
  try {
    reader.parse(frame);
  } catch {
    return null;
  }
  return found[0] ?? null;
}
