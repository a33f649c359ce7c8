import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, it } from 'node:test';
import { EnrolRequest } from '@salvage/contract';
import { realClock } from '@salvage/kit';
import * as v from 'valibot';
import { type EnrolOptions, enrol } from './enrol.ts';
import { identityFileOf, readIdentity } from './identity.ts';

const scratch = mkdtempSync(join(tmpdir(), 'salvage-enrol-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** An authority of openssl's: certificates for keys of its own and for those that others bring. */
function makeAuthority(name: string) {
  const file = (part: string): string => join(scratch, `${name}-${part}.pem`);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: 'pipe' });
  };
  const make = (part: string, subject: string, ...extra: string[]): void =>
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      file(`${part}-key`),
      '-out',
      file(part),
      '-days',
      '100',
      '-subj',
      subject,
      ...extra,
    );
  make('ca', `/CN=${name}`);
  const signed = ['-CA', file('ca'), '-CAkey', file('ca-key')];
  make('hub', '/CN=hub/OU=hub', ...signed);
  make('any', '/CN=any', ...signed);
  const read = (part: string): string => readFileSync(file(part), 'utf8');
  return {
    caPem: read('ca'),
    hubPem: read('hub'),
    hubKeyPem: read('hub-key'),
    anyPem: read('any'),
    anyKey: new X509Certificate(read('any')).publicKey
      .export({ type: 'spki', format: 'pem' })
      .toString(),
    sign: (publicKeyPem: string): string => {
      writeFileSync(file('public'), publicKeyPem);
      openssl(
        'req',
        '-new',
        '-key',
        file('ca-key'),
        '-subj',
        '/CN=x220/OU=node',
        '-out',
        file('csr'),
      );
      openssl(
        'x509',
        '-req',
        '-in',
        file('csr'),
        ...signed,
        '-days',
        '100',
        '-force_pubkey',
        file('public'),
        '-out',
        file('node'),
      );
      return read('node');
    },
  };
}
type Authority = ReturnType<typeof makeAuthority>;

const home = makeAuthority('home');
const school = makeAuthority('school');

function pinOf(keyPem: string): string {
  const spki = createPublicKey(keyPem).export({ type: 'spki', format: 'der' });
  return `sha256//${createHash('sha256').update(spki).digest('base64')}`;
}

type Reply = { status: number; body: unknown };

/** A hub: real TLS, and the answer that `replyOf` gives. */
async function openHub(authority: Authority, replyOf: (asked: EnrolRequest) => Reply) {
  const asked: EnrolRequest[] = [];
  const server: Server = createServer(
    { cert: authority.hubPem, key: authority.hubKeyPem },
    async (request, response) => {
      assert.equal(`${request.method} ${request.url}`, 'POST /join/enrol');
      let text = '';
      for await (const chunk of request) text += String(chunk);
      asked.push(v.parse(EnrolRequest, JSON.parse(text)));
      const { status, body } = replyOf(v.parse(EnrolRequest, JSON.parse(text)));
      response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
    },
  );
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(server);
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}
const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

const answerOf = (authority: Authority, publicKeyPem: string) => ({
  nodeId: 'x220',
  clusterId: 'home',
  caPem: authority.caPem,
  certificatePem: authority.sign(publicKeyPem),
  mqtt: { url: 'mqtts://127.0.0.1:8883', user: 'x220', password: 'secret' },
  hubUrl: 'https://127.0.0.1:11443',
});
const welcome =
  (authority: Authority) =>
  ({ publicKeyPem }: EnrolRequest): Reply => ({
    status: 200,
    body: answerOf(authority, publicKeyPem),
  });

let folders = 0;
function optionsFor(hub: string, change: Partial<EnrolOptions> = {}): EnrolOptions {
  folders += 1;
  return {
    hub,
    pin: pinOf(home.hubKeyPem),
    token: 'abc',
    name: 'X220',
    state: join(scratch, `state-${folders}`),
    again: false,
    architecture: 'x64',
    clock: { ...realClock, sleep: () => Promise.resolve() },
    ...change,
  };
}

describe('enrolment', () => {
  it('makes a key, has it signed, and keeps it where only its user can read it', async () => {
    const hub = await openHub(home, welcome(home));
    const options = optionsFor(hub.url);
    const { identity, kept } = await enrol(options);
    assert.equal(kept, false);
    assert.deepEqual(await readIdentity(options.state), identity);
    assert.equal(statSync(identityFileOf(options.state)).mode & 0o777, 0o600);
    assert.equal(identity.nodeId, 'x220');
    assert.equal(identity.name, 'X220');
    const publicPem = createPublicKey(identity.keyPem).export({ type: 'spki', format: 'pem' });
    assert.equal(hub.asked[0]?.publicKeyPem, publicPem);
    assert.ok(new X509Certificate(identity.certificatePem).verify(createPublicKey(home.caPem)));
  });

  it('sends nothing to a hub with another key', async () => {
    const hub = await openHub(school, welcome(school));
    const options = optionsFor(hub.url);
    await assert.rejects(enrol(options), {
      code: 'SLV_TOKEN',
      message: /not the hub of this join/,
    });
    assert.equal(hub.asked.length, 0);
    assert.equal(await readIdentity(options.state), null);
  });

  it('stays with its cluster, unless told to join again', async () => {
    const hub = await openHub(home, welcome(home));
    const options = optionsFor(hub.url);
    const first = await enrol(options);
    assert.deepEqual(await enrol(options), { identity: first.identity, kept: true });
    assert.equal(hub.asked.length, 1);
    const again = await enrol({ ...options, again: true });
    assert.notEqual(again.identity.keyPem, first.identity.keyPem);
  });

  it('moves to another cluster, and forgets what the first one wished', async () => {
    const first = await openHub(home, welcome(home));
    const options = optionsFor(first.url);
    await enrol(options);
    writeFileSync(join(options.state, 'desired.json'), '{}');
    const second = await openHub(school, welcome(school));
    const moved = { ...options, hub: second.url, pin: pinOf(school.hubKeyPem) };
    assert.equal((await enrol(moved)).identity.caPem, school.caPem);
    assert.throws(() => statSync(join(options.state, 'desired.json')), { code: 'ENOENT' });
  });

  it('hands on what the hub says of a bad token', async () => {
    const body = { code: 'SLV_TOKEN', message: 'this token was used', hint: 'make another' };
    const hub = await openHub(home, () => ({ status: 403, body }));
    await assert.rejects(enrol(optionsFor(hub.url)), body);
  });

  it('refuses answers that are not a hub’s, or hold a certificate for somebody else', async () => {
    const wrong: [body: unknown, message: RegExp][] = [
      ['<html>', /answered 200, and nothing a hub says/],
      [{ ...answerOf(home, home.anyKey), certificatePem: home.anyPem }, /not for us/],
      [{ ...answerOf(home, home.anyKey), certificatePem: 'none' }, /not for us/],
      ['x'.repeat(100_000), /too long/],
    ];
    for (const [body, message] of wrong) {
      const hub = await openHub(home, () => ({ status: 200, body }));
      await assert.rejects(enrol(optionsFor(hub.url)), { message });
    }
    const foreign = await openHub(home, welcome(school));
    await assert.rejects(enrol(optionsFor(foreign.url)), { message: /not for us/ });
  });

  it('tries a hub that does not answer some times, then says so', async () => {
    const waits: number[] = [];
    const clock = { ...realClock, sleep: async () => void waits.push(1) };
    const promise = enrol(optionsFor('https://127.0.0.1:1', { clock }));
    await assert.rejects(promise, { code: 'SLV_TIMEOUT', message: /ECONNREFUSED/ });
    assert.equal(waits.length, 3);
    await assert.rejects(enrol(optionsFor('http://127.0.0.1:1')), { code: 'SLV_CONFIG' });
  });
});
