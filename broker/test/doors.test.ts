// Who comes in and who is shown out: passwords, client ids, last wills, revocation, the TLS door,
// and what a restart remembers. On both servers, because all of it stands in front of them.
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { topicOf } from '@salvage/contract';
import { SalvageError } from '@salvage/kit';
import type { IClientOptions } from 'mqtt';
import { startBroker } from '../src/index.ts';
import {
  connectTo,
  credentialOf,
  everybody,
  type Login,
  loginOf,
  openStand,
  publish,
  reasonToSkip,
  type Stand,
  subscribe,
  until,
} from './broker-stand.ts';

const alderStatus = topicOf('nodeStatus', { nodeId: 'alder' });
const birchStatus = topicOf('nodeStatus', { nodeId: 'birch' });

for (const server of ['aedes', 'mosquitto'] as const) {
  describe(`doors in front of ${server}`, { skip: reasonToSkip(server) }, () => {
    let stand: Stand;
    before(async () => {
      stand = await openStand({ server });
    });
    after(() => stand?.stop());

    it('refuses with the return code that tells why', async () => {
      const alder = loginOf('alder');
      const will = (topic: string, more: object = {}): IClientOptions => ({
        will: { topic, payload: Buffer.from('gone'), qos: 1, retain: true, ...more },
      });
      const attempts: [string, Login, IClientOptions, number][] = [
        ['a wrong password', { ...alder, password: 'guess' }, {}, 4],
        ['an unknown user', { user: 'nobody', password: 'guess' }, {}, 4],
        ['a prototype name', { user: 'constructor', password: 'guess' }, {}, 4],
        ['another’s client id', alder, { clientId: 'birch' }, 2],
        ['a longer name', alder, { clientId: 'alder2' }, 2],
        ['a prototype client id', alder, { clientId: 'alder:__proto__' }, 2],
        ['no keepalive', alder, { keepalive: 0 }, 2],
        ['a long keepalive', alder, { keepalive: 600 }, 2],
        ['MQTT 5', alder, { protocolVersion: 5 }, 1],
        ['a foreign will', alder, will(birchStatus), 5],
        ['a QoS 2 will', alder, will(alderStatus, { qos: 2 }), 5],
        ['a large will', alder, will(alderStatus, { payload: Buffer.alloc(600) }), 5],
      ];
      for (const [what, login, options, code] of attempts) {
        await assert.rejects(stand.connect(login, options), { code }, what);
      }
      const client = await stand.connect(alder, { ...will(alderStatus), clientId: 'alder:one' });
      assert(client.connected);
    });

    it('keeps no session and says so', async () => {
      const login = loginOf('operator');
      const options = { clean: false, clientId: 'operator:kept' };
      const first = await stand.connect(login, options);
      await subscribe(first, [alderStatus]);
      await first.endAsync();
      const again = await connectTo(stand.broker.port, login, { ...options, resubscribe: false });
      const heard: string[] = [];
      again.on('message', (_topic, payload) => heard.push(payload.toString()));
      const alder = await stand.connect(loginOf('alder'), { clientId: 'alder:two' });
      await publish(alder, alderStatus, 'unheard');
      await subscribe(again, [topicOf('plannerStatus', {})]);
      await publish(stand.planner, topicOf('plannerStatus', {}), 'fence');
      await until('the fence', () => heard.includes('fence'));
      assert.deepEqual(heard, ['fence']);
      again.end(true);
    });

    it('sends a last will when a client is cut', async () => {
      const watcher = await stand.connect(loginOf('operator'), { clientId: 'operator:watch' });
      const heard: string[] = [];
      watcher.on('message', (_topic, payload) => heard.push(payload.toString()));
      await subscribe(watcher, [birchStatus]);
      const will = {
        topic: birchStatus,
        payload: Buffer.from('gone'),
        qos: 1,
        retain: true,
      } as const;
      const birch = await stand.connect(loginOf('birch'), { will });
      birch.stream.destroy();
      await until('the last will', () => heard.includes('gone'));
    });

    it('ends the connections of credentials that vanish or change, and no others', async () => {
      const alder = await stand.connect(loginOf('alder'), { clientId: 'alder:a' });
      const birch = await stand.connect(loginOf('birch'), { clientId: 'birch:a' });
      const home = await stand.connect(loginOf('home'), { clientId: 'home:a' });
      const status = await stand.wish({
        credentials: [
          credentialOf('alder', 'another password'),
          everybody()[3] ?? credentialOf('home'),
        ].concat(credentialOf('operator')),
      });
      assert.equal(status.problem, null);
      await until('alder and birch are out', () => !alder.connected && !birch.connected);
      assert(stand.planner.connected);
      await assert.rejects(stand.connect(loginOf('alder')), { code: 4 });
      await assert.rejects(stand.connect(loginOf('birch')), { code: 4 });
      assert((await stand.connect({ user: 'alder', password: 'another password' })).connected);
      home.end(true);
      await stand.wish({ credentials: everybody() });
      assert((await stand.connect(loginOf('birch'))).connected);
    });

    it('names the entries of a list that it will not take', async () => {
      const node = credentialOf('birch');
      const status = await stand.wish({
        credentials: [
          ...everybody(),
          { ...node, user: 'planner' },
          { ...node, user: 'rogue', role: 'broker' },
          { ...node, user: 'everywhere', nodeId: null },
        ],
      });
      assert.match(status.problem ?? '', /planner.*rogue.*everywhere/s);
      await assert.rejects(stand.connect(loginOf('everywhere')), { code: 4 });
      assert(stand.planner.connected);
      assert.equal((await stand.wish({ credentials: everybody() })).problem, null);
    });

    it('opens the TLS door with a certificate, renews it, and closes it again', async () => {
      const closed = await stand.wish({ lanOpen: true });
      assert.equal(closed.tls, null);
      assert.match(closed.problem ?? '', /no certificate/);
      makeCertificate(stand.state, 'first');
      const open = await stand.wish({ lanOpen: true });
      assert.equal(open.problem, null);
      assert.equal(open.tls?.port, stand.broker.tlsPort);
      const port = open.tls?.port ?? 0;
      const overTls: IClientOptions = {
        protocol: 'mqtts',
        port,
        rejectUnauthorized: false,
        clientId: 'alder:tls',
      };
      const client = await stand.connect(loginOf('alder'), overTls);
      await publish(client, alderStatus, 'over TLS');
      await assert.rejects(stand.connect({ ...loginOf('alder'), password: 'x' }, overTls), {
        code: 4,
      });
      assert.equal(await subjectOf(port), 'first');
      makeCertificate(stand.state, 'second');
      assert.equal((await stand.wish({ lanOpen: true })).problem, null);
      assert.equal(await subjectOf(port), 'second');
      assert(client.connected, 'a renewed certificate disturbs nobody');

      const shut = await stand.wish({ lanOpen: false });
      assert.equal(shut.tls, null);
      assert.equal(stand.broker.tlsPort, null);
      await until('the TLS client is out', () => !client.connected);
      await assert.rejects(stand.connect(loginOf('alder'), overTls), { code: 'ECONNREFUSED' });
    });

    it('remembers credentials and the open door over a restart, without the planner', async () => {
      makeCertificate(stand.state, 'kept');
      await stand.wish({ lanOpen: true, credentials: everybody() });
      await stand.restart();
      assert((await stand.connect(loginOf('alder'))).connected);
      assert(stand.broker.tlsPort !== null);
      const keyFile = join(stand.state, 'keys', 'planner-mqtt.json');
      assert.equal(statSync(keyFile).mode & 0o777, 0o600);
      const before = readFileSync(keyFile, 'utf8');
      rmSync(keyFile);
      await stand.restart();
      const now = readFileSync(keyFile, 'utf8');
      assert.notEqual(now, before);
      await assert.rejects(stand.connect(JSON.parse(before)), { code: 4 });
      assert.equal((await stand.wish({ lanOpen: false })).problem, null);
    });
  });
}

it('tells which port is taken, and leaves nothing running', async () => {
  const stand = await openStand();
  const { port } = stand.broker;
  await assert.rejects(
    startBroker({ state: join(stand.state, 'other'), port, tlsPort: 0 }),
    (error) =>
      error instanceof SalvageError &&
      error.code === 'SLV_PORT_TAKEN' &&
      error.message.includes(String(port)),
  );
  await stand.stop();
});

it('opens no plain door to the network', async () => {
  for (const host of ['0.0.0.0', '::', '192.168.1.2', 'example.org']) {
    await assert.rejects(startBroker({ state: '/nonexistent', host }), { code: 'SLV_CONFIG' });
  }
});

function makeCertificate(state: string, commonName: string): void {
  const folder = join(state, 'tls');
  mkdirSync(folder, { recursive: true });
  execFileSync(
    'openssl',
    `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=${commonName}
     -keyout ${folder}/hub-key.pem -out ${folder}/hub.pem`.split(/\s+/),
    { stdio: 'ignore' },
  );
}

/** The common name of the certificate that a TLS port shows. */
function subjectOf(port: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      const { CN } = socket.getPeerCertificate().subject;
      resolve(Array.isArray(CN) ? CN[0] : CN);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}
