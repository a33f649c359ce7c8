// Hostile MQTT: conversations of valid packets, broken in every way that has broken brokers (bit
// flips, truncation, lengths that lie, packets twice or out of order, huge topics, names of
// JavaScript's prototype, QoS 2, last wills), on many sockets at once. Seeded, so that a run can be
// had again. At the end a real planner and a real node must be served as if nothing had been.
import { connect } from 'node:net';
import mqtt, { type MqttClient } from 'mqtt';
import { generate, type IConnectPacket, type Packet } from 'mqtt-packet';

export interface Login {
  user: string;
  password: string;
}

export interface MutationOptions {
  host: string;
  port: number;
  /**
   * Known logins: a good part of the conversations gets past the door with them. Without them every
   * conversation is a stranger's, and the last check is only that a CONNECT is answered.
   */
  credentials?: { planner: Login; node: Login & { nodeId: string } };
  connections: number;
  seed: number;
  /** Called now and then with a line of progress. */
  log(line: string): void;
}

export interface MutationReport {
  connections: number;
  /** Ended by the server: what was refused, cut off, or said goodbye itself. */
  closedByServer: number;
  /** Still open when we had nothing more to say. */
  closedByUs: number;
  /** Never connected. */
  failed: number;
  accepted: number;
  bytesSent: number;
  bytesReceived: number;
  stillServes: boolean;
}

const socketsAtOnce = 200;
/** After this much silence we end our side; what was sent before is still read by then. */
const silenceMilliseconds = 150;
const serveMilliseconds = 15_000;

/** mulberry32: 32 bits of state, good enough to choose by. Returns numbers in [0, 1). */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Dice {
  below(end: number): number;
  chance(share: number): boolean;
  of<Item>(items: readonly Item[]): Item;
}

function diceOf(random: () => number): Dice {
  const below = (end: number): number => Math.floor(random() * end);
  return {
    below,
    chance: (share) => random() < share,
    of: (items) => {
      const item = items[below(items.length)];
      if (item === undefined) throw new RangeError('nothing to choose from');
      return item;
    },
  };
}

const names = ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf'];

function topicsOf(dice: Dice, nodeId: string): string {
  return dice.of([
    `salvage/v1/node/${nodeId}/status`,
    `salvage/v1/node/${nodeId}/command`,
    `salvage/v1/node/${nodeId}/reply`,
    'salvage/v1/planner/status',
    'salvage/v1/signal/price',
    `salvage/v1/node/${dice.of(names)}/status`,
    dice.of(names),
    '$SYS/broker/clients',
    '#',
    '+/+',
    '',
    '/'.repeat(1 + dice.below(300)),
    'x'.repeat(dice.below(65_000)),
    `$share/${dice.of(names)}/a`,
  ]);
}

function connectOf(dice: Dice, login: Login | null): IConnectPacket {
  const user = login?.user ?? dice.of(['planner', 'nobody', ...names]);
  const topic = dice.of([`salvage/v1/node/${user}/status`, ...names, '#', 'x'.repeat(5_000)]);
  const will = {
    topic,
    payload: Buffer.alloc(dice.below(700), 'w'),
    qos: dice.of([0, 1, 2] as const),
    retain: dice.chance(0.5),
  };
  return {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: dice.chance(0.9) ? 4 : dice.of([3, 5] as const),
    clean: dice.chance(0.7),
    clientId: dice.chance(0.9)
      ? `${user}:${dice.below(500)}`
      : dice.of([...names, 'x'.repeat(300)]),
    keepalive: dice.of([0, 1, 30, 60, 65_535]),
    username: user,
    password: Buffer.from(login?.password ?? 'guess'),
    ...(dice.chance(0.3) ? { will } : {}),
  };
}

function packetOf(dice: Dice, nodeId: string): Packet {
  const messageId = 1 + dice.below(65_535);
  const topic = topicsOf(dice, nodeId);
  const qos = dice.of([0, 1, 1, 2] as const);
  const payload = Buffer.alloc(dice.of([0, 10, 600, 5_000, 70_000]), 'p');
  const retain = dice.chance(0.3);
  const dup = dice.chance(0.1);
  return dice.of<Packet>([
    { cmd: 'publish', topic, qos, payload, retain, dup, messageId },
    { cmd: 'publish', topic, qos: 1, payload, retain, dup, messageId },
    { cmd: 'subscribe', messageId, subscriptions: [{ topic, qos }] },
    {
      cmd: 'subscribe',
      messageId,
      subscriptions: Array.from({ length: 1 + dice.below(40) }, () => ({
        topic: topicsOf(dice, nodeId).slice(0, 400),
        qos,
      })),
    },
    { cmd: 'unsubscribe', messageId, unsubscriptions: [topic] },
    { cmd: 'puback', messageId },
    { cmd: 'pubrec', messageId },
    { cmd: 'pubrel', messageId },
    { cmd: 'pubcomp', messageId },
    { cmd: 'pingreq' },
    { cmd: 'disconnect' },
    { cmd: 'connack', returnCode: 0, sessionPresent: false },
    { cmd: 'suback', messageId, granted: [0] },
  ]);
}

/** A packet as bytes; what the library will not write is noise of the same kind instead. */
function bytesOf(dice: Dice, packet: Packet): Buffer {
  try {
    return Buffer.from(generate(packet));
  } catch {
    return Buffer.from(Array.from({ length: 2 + dice.below(20) }, () => dice.below(256)));
  }
}

const mutations: ((bytes: Buffer, dice: Dice) => Buffer)[] = [
  (bytes) => bytes,
  (bytes, dice) => {
    for (let flips = 1 + dice.below(8); flips > 0 && bytes.length > 0; flips -= 1) {
      const at = dice.below(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << dice.below(8));
    }
    return bytes;
  },
  (bytes, dice) => bytes.subarray(0, dice.below(bytes.length + 1)),
  // The remaining length lies: shorter, longer, far too long, never ending.
  (bytes, dice) => {
    const lie = dice.of([
      [0],
      [127],
      [0xff, 0x7f],
      [0xff, 0xff, 0xff, 0x7f],
      [0xff, 0xff, 0xff, 0xff],
    ]);
    return Buffer.concat([bytes.subarray(0, 1), Buffer.from(lie), bytes.subarray(2)]);
  },
  (bytes) => Buffer.concat([bytes, bytes]),
  (bytes, dice) => {
    const at = dice.below(bytes.length + 1);
    const noise = Buffer.from(Array.from({ length: dice.below(40) }, () => dice.below(256)));
    return Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)]);
  },
];

/** What the guard in front lets through, so that the server behind it meets broken bodies too. */
function isPolite(packet: Packet): boolean {
  if (packet.cmd === 'publish') return packet.qos < 2;
  return ['subscribe', 'unsubscribe', 'puback', 'pingreq'].includes(packet.cmd);
}

/** Flips bits behind the fixed header alone: the frame stays whole, what it says does not. */
function breakBody(bytes: Buffer, dice: Dice): Buffer {
  const header = 2 + (bytes.length > 129 ? 1 : 0) + (bytes.length > 16_386 ? 1 : 0);
  for (let flips = 1 + dice.below(4); flips > 0 && bytes.length > header; flips -= 1) {
    const at = header + dice.below(Math.min(bytes.length - header, 64));
    bytes[at] = (bytes[at] ?? 0) ^ (1 << dice.below(8));
  }
  return bytes;
}

/**
 * One conversation: a CONNECT, mostly, then packets; one of them broken, some out of order. A third
 * are of known users who keep to the frames' rules, and break the bodies.
 */
function conversationOf(dice: Dice, options: MutationOptions): Buffer {
  const { credentials } = options;
  const nodeId = credentials?.node.nodeId ?? 'node';
  const packets = Array.from({ length: dice.below(7) }, () => packetOf(dice, nodeId));
  if (credentials !== undefined && dice.chance(0.35)) {
    const login = dice.of([credentials.node, credentials.node, credentials.planner]);
    const opening = { ...connectOf(dice, login), protocolVersion: 4, keepalive: 60 } as const;
    const { will: _, ...plain } = { ...opening, clientId: `${login.user}:${dice.below(500)}` };
    const bodies = packets.filter(isPolite).map((packet) => bytesOf(dice, packet));
    return Buffer.concat([
      bytesOf(dice, plain),
      ...bodies.map((bytes) => (dice.chance(0.4) ? breakBody(bytes, dice) : bytes)),
    ]);
  }
  const known = credentials !== undefined && dice.chance(0.5);
  const login = known ? dice.of([credentials.node, credentials.planner]) : null;
  const opening = bytesOf(dice, connectOf(dice, login));
  const bodies = packets.map((packet) => bytesOf(dice, packet));
  const list = dice.chance(0.95) ? [opening, ...bodies] : bodies;
  if (list.length > 1 && dice.chance(0.05)) list.reverse();
  const broken = dice.below(list.length + 1);
  return Buffer.concat(
    list.map((bytes, index) => (index === broken ? dice.of(mutations)(bytes, dice) : bytes)),
  );
}

/** Holds `connections` broken conversations with the broker, at most 200 at a time. */
export async function runMqttMutations(options: MutationOptions): Promise<MutationReport> {
  const dice = diceOf(createRandom(options.seed));
  const report: MutationReport = {
    connections: 0,
    closedByServer: 0,
    closedByUs: 0,
    failed: 0,
    accepted: 0,
    bytesSent: 0,
    bytesReceived: 0,
    stillServes: false,
  };
  const talk = async (): Promise<void> => {
    while (report.connections < options.connections) {
      report.connections += 1;
      if (report.connections % 5_000 === 0) options.log(`${report.connections} connections`);
      const bytes = conversationOf(dice, options);
      await converse(options, bytes, dice.below(bytes.length + 1), report);
    }
  };
  await Promise.all(Array.from({ length: Math.min(socketsAtOnce, options.connections) }, talk));
  report.stillServes = await stillServes(options);
  return report;
}

/** Says `bytes` in two pieces and waits until the server hangs up or has nothing more to say. */
function converse(
  { host, port }: MutationOptions,
  bytes: Buffer,
  cut: number,
  report: MutationReport,
): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let connected = false;
    let hungUp = false;
    let first = true;
    const patience = setTimeout(() => socket.destroy(), serveMilliseconds);
    socket.on('error', () => undefined);
    socket.once('connect', () => {
      connected = true;
      report.bytesSent += bytes.length;
      socket.write(bytes.subarray(0, cut));
      setImmediate(() => {
        socket.write(bytes.subarray(cut));
        socket.setTimeout(silenceMilliseconds, () => {
          if (hungUp) return;
          hungUp = true;
          socket.end();
        });
      });
    });
    socket.on('data', (chunk: Buffer) => {
      report.bytesReceived += chunk.length;
      if (first && chunk[0] === 0x20 && chunk[3] === 0) report.accepted += 1;
      first = false;
    });
    socket.once('close', () => {
      clearTimeout(patience);
      if (!connected) report.failed += 1;
      else if (hungUp) report.closedByUs += 1;
      else report.closedByServer += 1;
      resolve();
    });
  });
}

async function stillServes(options: MutationOptions): Promise<boolean> {
  const { credentials } = options;
  if (credentials === undefined) return answersStrangers(options);
  const { planner, node } = credentials;
  const clients: MqttClient[] = [];
  const enter = async ({ user, password }: Login): Promise<MqttClient> => {
    const client = await mqtt.connectAsync({
      protocol: 'mqtt',
      host: options.host,
      port: options.port,
      clientId: `${user}:after`,
      username: user,
      password,
      connectTimeout: serveMilliseconds,
      reconnectPeriod: 0,
    });
    clients.push(client);
    return client;
  };
  try {
    const topic = `salvage/v1/node/${node.nodeId}/command`;
    const listener = await enter(node);
    const heard = new Promise<boolean>((resolve) => {
      // What the conversations left behind may come first.
      listener.on('message', (_topic, payload) => {
        if (payload.toString() === 'still there?') resolve(true);
      });
      setTimeout(() => resolve(false), serveMilliseconds).unref();
    });
    await listener.subscribeAsync(topic, { qos: 1 });
    await (await enter(planner)).publishAsync(topic, 'still there?', { qos: 1 });
    return await heard;
  } catch (error) {
    options.log(`no longer served: ${String(error)}`);
    return false;
  } finally {
    for (const client of clients) client.end(true);
  }
}

/** True when a stranger's CONNECT gets its CONNACK. */
function answersStrangers({ host, port }: MutationOptions): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.setTimeout(serveMilliseconds, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(false));
    socket.once('data', (chunk: Buffer) => {
      resolve(chunk[0] === 0x20);
      socket.destroy();
    });
    socket.write(
      generate({
        cmd: 'connect',
        clientId: 'nobody',
        keepalive: 60,
        clean: true,
        username: 'nobody',
      }),
    );
  });
}
