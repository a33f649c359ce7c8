// What one client may take from the others: nothing. Frames, payloads, sockets and patience have
// bounds, and the broker serves on whatever somebody sends.
import { strict as assert } from 'node:assert';
import { after, before, describe, it } from 'node:test';
import { filterOf, topicOf } from '@salvage/contract';
import { limits } from '../src/limits.ts';
import {
  loginOf,
  openStand,
  publish,
  reasonToSkip,
  type Stand,
  subscribe,
  until,
} from './broker-stand.ts';
import { connectPacket, loginRaw, openRaw, type RawClient } from './raw-client.ts';

const alder = { nodeId: 'alder' };
const pingreq = Buffer.of(0xc0, 0);

/** A PUBLISH header that declares a body of `bytes`, without the body. */
function headerOf(type: number, bytes: number): Buffer {
  const header = [type];
  for (let left = bytes; header.length === 1 || left > 0; left = Math.floor(left / 128)) {
    header.push((left % 128) | (left >= 128 ? 0x80 : 0));
  }
  return Buffer.from(header);
}

for (const server of ['aedes', 'mosquitto'] as const) {
  describe(`limits in front of ${server}`, { skip: reasonToSkip(server) }, () => {
    let stand: Stand;
    before(async () => {
      stand = await openStand({ server });
    });
    after(() => stand?.stop());
    const login = (): Promise<RawClient> => loginRaw(stand.broker.port, loginOf('alder'));

    it('closes on what no client may send, and serves the others', async () => {
      const topic = topicOf('nodeStatus', alder);
      const message = { cmd: 'publish', topic, payload: 'x', dup: false, retain: false } as const;
      const offences: Record<string, (client: RawClient) => void> = {
        'a frame over the cap': (client) => client.send(headerOf(0x30, limits.frameBytesMax + 1)),
        'a length of five bytes': (client) => client.send(Buffer.of(0x30, 255, 255, 255, 255, 1)),
        'a QoS 2 publish': (client) => client.send({ ...message, qos: 2, messageId: 1 }),
        'a QoS 3 publish': (client) => client.send(Buffer.of(0x36, 4, 0, 1, 97, 0)),
        'a PUBREL': (client) => client.send({ cmd: 'pubrel', messageId: 1 }),
        'a second CONNECT': (client) => client.send(connectPacket(loginOf('alder'))),
        'a server’s packet': (client) => client.send({ cmd: 'pingresp' }),
        'an unknown type': (client) => client.send(Buffer.of(0xf0, 0)),
      };
      for (const [what, offend] of Object.entries(offences)) {
        const client = await login();
        offend(client);
        await until(`${what} ends the connection`, () => client.closed);
      }
      assert(stand.planner.connected);
    });

    it('closes before CONNECT on anything else', async () => {
      const openings = [
        Buffer.from('GET / HTTP/1.1\r\n\r\n'),
        pingreq,
        headerOf(0x10, limits.connectBytesMax + 1),
        Buffer.of(0x10, 255, 255, 255, 255),
        Buffer.of(0x10, 2, 0, 9),
      ];
      for (const bytes of openings) {
        const client = await openRaw(stand.broker.port);
        client.send(bytes);
        await until(`${bytes.toString('hex')} ends the connection`, () => client.closed);
      }
    });

    it('takes a CONNECT in single bytes, with more in the same breath', async () => {
      const client = await openRaw(stand.broker.port);
      const { generate } = await import('mqtt-packet');
      for (const byte of generate(connectPacket(loginOf('alder')))) client.send(Buffer.of(byte));
      client.send(pingreq, pingreq);
      await until('CONNACK and two PINGRESPs', () => client.received.length === 8);
      client.send({ cmd: 'disconnect' });
      await until('goodbye', () => client.closed);
    });

    it('bounds sockets that say nothing, and lets in again when they go', async () => {
      const idle = await Promise.all(
        Array.from({ length: limits.socketsPendingMax + 20 }, () => openRaw(stand.broker.port)),
      );
      const open = (): number => idle.filter((client) => !client.closed).length;
      await until('the surplus is closed', () => open() <= limits.socketsPendingMax);
      assert(stand.planner.connected);
      for (const client of idle) client.socket.destroy();
      await until('room again', async () => {
        const client = await stand.connect(loginOf('home')).catch(() => null);
        return client?.connected === true;
      });
    });

    it('cuts a frozen subscriber and delivers everything to the others', async () => {
      const { port } = stand.broker;
      const replies = filterOf('nodeReply');
      const frozen = await loginRaw(port, loginOf('operator'), { clientId: 'operator:frozen' });
      frozen.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: replies, qos: 0 }] });
      await until('SUBACK', () => frozen.received.length > 4);
      frozen.socket.pause();
      const healthy = await stand.connect(loginOf('operator'), { clientId: 'operator:healthy' });
      let count = 0;
      healthy.on('message', () => {
        count += 1;
      });
      await subscribe(healthy, [replies], 0);
      const node = await stand.connect(loginOf('alder'), { clientId: 'alder:talks' });
      // More than both kernels' buffers take for a reader that never reads.
      const messages = 500;
      const payload = Buffer.alloc(60_000, 'x');
      const started = performance.now();
      for (let sent = 0; sent < messages; sent += 1) {
        await publish(node, topicOf('nodeReply', alder), payload);
      }
      // With Aedes' own minute of patience this deadline would pass with a handful delivered.
      const all = (): boolean => count === messages;
      await until('every message', all, limits.drainMilliseconds * 4);
      assert(performance.now() - started < limits.drainMilliseconds * 6);
      // It reads nothing, so it learns of its end by what its own packets meet.
      await until('the frozen one is out', () => {
        frozen.send(pingreq);
        return frozen.closed;
      });
    });
  });
}

describe('limits that Aedes alone can hold', () => {
  let stand: Stand;
  before(async () => {
    stand = await openStand();
  });
  after(() => stand?.stop());

  it('drops payloads over their topic’s bound and reserved names, and stays connected', async () => {
    const watcher = await stand.connect(loginOf('operator'));
    const heard: string[] = [];
    watcher.on('message', (topic, payload) => heard.push(`${topic} ${payload.length}`));
    await subscribe(watcher, [filterOf('nodeStatus')]);
    const status = topicOf('nodeStatus', alder);
    const node = await stand.connect(loginOf('alder'));
    await publish(node, status, Buffer.alloc(513), true);
    await publish(node, 'salvage/v1/node/__proto__/status', 'x');
    await publish(node, 'constructor', 'x');
    await publish(node, status, Buffer.alloc(512), true);
    await until('the lawful one', () => heard.length > 0);
    assert.deepEqual(heard, [`${status} 512`]);
    const names = ['constructor', '__proto__', 'salvage/v1/node/hasOwnProperty/status'];
    assert.deepEqual(await subscribe(watcher, names), [128, 128, 128]);
  });

  it('retains nothing that the table does not call retained', async () => {
    const command = topicOf('nodeCommand', alder);
    await publish(stand.planner, command, 'kept?', true);
    const node = await stand.connect(loginOf('alder'), { clientId: 'alder:late' });
    const heard: string[] = [];
    node.on('message', (_topic, payload) => heard.push(payload.toString()));
    await subscribe(node, [command]);
    await publish(stand.planner, command, 'fence');
    await until('the fence', () => heard.includes('fence'));
    assert.deepEqual(heard, ['fence']);
  });

  it('bounds the subscriptions of one client', async () => {
    const watcher = await stand.connect(loginOf('operator'), { clientId: 'operator:greedy' });
    const filters = Array.from({ length: limits.subscriptionsPerClientMax + 5 }, (_, index) =>
      topicOf('nodeStatus', { nodeId: `node-${index}` }),
    );
    const granted = await subscribe(watcher, filters);
    assert.equal(granted.filter((qos) => qos === 128).length, 5);
    await watcher.unsubscribeAsync(filters.slice(0, 5));
    assert.deepEqual(await subscribe(watcher, filters.slice(-5)), [1, 1, 1, 1, 1]);
  });
});
