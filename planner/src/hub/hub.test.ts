// The hub's own rules: tokens are good once and for a while, ids are free ones, certificates say who
// bears them, the join script is one shell program that quotes what it is given.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { verifyPassword } from '@salvage/kit';
import fc from 'fast-check';
import { lanAddresses } from './addresses.ts';
import { openAuthority, openIdentity, pinOf } from './certificates.ts';
import { elfArchitecture } from './elf.ts';
import { agentWrapper, joinScript } from './join-script.ts';
import { openNodeRegister } from './node-register.ts';
import { belongsInPack, closureOf, type PackageFile } from './pack-content.ts';
import { openTokenStore } from './token-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'salvage-hub-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string): string => join(folder, name);

describe('join tokens', () => {
  it('are good for one use, expire, and are kept as hashes', async () => {
    let now = 1_000_000;
    const chance = { now: () => now, random: (bytes: number) => randomBytes(bytes) };
    const store = await openTokenStore(file('tokens.json'), chance);
    const wish = { for: 'node', name: 'x', expiresSeconds: 60 } as const;
    const { token, record } = await store.create(wish);
    assert.ok(!readFileSync(file('tokens.json'), 'utf8').includes(token));
    assert.ok(store.hasOpenJoinToken());
    assert.equal(store.find(token, 'client'), null);
    await store.use(record.tokenId);
    await assert.rejects(store.use(record.tokenId), { code: 'SLV_TOKEN' });
    assert.equal(store.find(token, 'node'), null);

    const second = await store.create(wish);
    now += 61_000;
    assert.equal(store.find(second.token, 'node'), null);
    assert.ok(!store.hasOpenJoinToken());
    const local = await store.create({ ...wish, local: true });
    assert.ok(!store.hasOpenJoinToken(), 'a local token opens no door');
    const again = await openTokenStore(file('tokens.json'), chance);
    assert.equal(again.find(local.token, 'node')?.tokenId, local.record.tokenId);
  });

  it('lose nothing to one another when they change at once', async () => {
    const chance = { now: () => 1_000, random: (bytes: number) => randomBytes(bytes) };
    const store = await openTokenStore(file('at-once.json'), chance);
    const wish = { for: 'client', name: 'x', expiresSeconds: 60 } as const;
    const first = await store.create(wish);
    const [second, third] = await Promise.all([
      store.create(wish),
      store.create(wish),
      store.revoke(first.record.tokenId),
    ]);
    for (const one of [await openTokenStore(file('at-once.json'), chance), store]) {
      assert.equal(one.find(first.token, 'client'), null);
      assert.ok(
        one.find(second.token, 'client') !== null && one.find(third.token, 'client') !== null,
      );
    }
  });

  it('that have expired open no door', async () => {
    let now = 1_000;
    const chance = { now: () => now, random: (bytes: number) => randomBytes(bytes) };
    const store = await openTokenStore(file('expired.json'), chance);
    await store.create({ for: 'client', name: 'x', expiresSeconds: 60 });
    assert.ok(store.hasClientKey());
    now += 61_000;
    assert.ok(!store.hasClientKey());
  });

  it('have a bound', async () => {
    const chance = { now: () => 1, random: (bytes: number) => randomBytes(bytes) };
    const store = await openTokenStore(file('many.json'), chance);
    const wish = { for: 'client', name: 'x', expiresSeconds: null } as const;
    for (let count = 0; count < 100; count += 1) await store.create(wish);
    await assert.rejects(store.create(wish), { code: 'SLV_TOKEN' });
  });
});

describe('the register of nodes', () => {
  it('gives free ids, keeps hashes, and survives a restart', async () => {
    const register = await openNodeRegister(file('nodes.json'), () => 'cluster1');
    const enrol = (name: string) =>
      register.enrol({ name, password: 'secret', now: 5, local: false });
    const ids = [(await enrol('Old Pi')).nodeId, (await enrol('old pi')).nodeId];
    assert.deepEqual([...ids, (await enrol('???')).nodeId], ['old-pi', 'old-pi-2', 'machine']);
    await register.update('old-pi', { drained: true });
    const again = await openNodeRegister(file('nodes.json'), () => 'another');
    assert.equal(again.clusterId, 'cluster1');
    assert.equal(again.get('old-pi')?.drained, true);
    const [credential] = again.credentials();
    assert.ok(verifyPassword('secret', credential?.hash ?? ''));
    await again.remove('old-pi');
    await assert.rejects(again.remove('old-pi'), { code: 'SLV_NODE_UNKNOWN' });
    const next = await again.enrol({ name: 'Old Pi', password: 'x', now: 6, local: false });
    assert.equal(next.nodeId, 'old-pi-3', 'the certificate of the removed one is still good');
  });
});

describe('certificates', () => {
  it('say who bears them, and chain to the one authority', async () => {
    const authority = await openAuthority(file('tls'));
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const pem = await authority.issue({ publicKeyPem, name: 'x220', role: 'node' });
    const certificate = new X509Certificate(pem);
    assert.match(certificate.subject, /CN=x220\nOU=node/);
    assert.match(certificate.subjectAltName ?? '', /x220\.salvage\.internal/);
    assert.ok(certificate.verify(new X509Certificate(authority.caPem).publicKey));
    const reopened = await openAuthority(file('tls'));
    assert.equal(reopened.caPem, authority.caPem);
    const hub = await openIdentity(authority, file('tls'), {
      name: 'hub',
      role: 'hub',
      addresses: ['192.168.1.10', 'localhost'],
    });
    assert.ok(new X509Certificate(hub.certificatePem).checkIP('192.168.1.10') !== undefined);
    const later = await openIdentity(reopened, file('tls'), { name: 'hub', role: 'hub' });
    assert.equal(pinOf(later.keyPem), pinOf(hub.keyPem), 'the pin outlives new addresses');
  });

  it('are not issued for what is no key', async () => {
    const authority = await openAuthority(file('tls'));
    await assert.rejects(authority.issue({ publicKeyPem: 'nonsense', name: 'x', role: 'node' }));
  });
});

describe('the join script', () => {
  const packs = [
    { architecture: 'x64', file: 'a.tgz', sha256: 'ab'.repeat(32), bytes: 1 },
  ] as const;
  const options = { hubUrl: 'https://192.168.1.10:11443', pin: 'sha256//x=', token: 'abc', packs };
  const parses = (text: string): boolean => spawnSync('sh', ['-n'], { input: text }).status === 0;

  it('and the wrapper are programs for any POSIX shell', () => {
    assert.ok(parses(joinScript(options)) && parses(agentWrapper));
  });

  it('runs nothing when its last line is missing', () => {
    const lines = joinScript(options).trimEnd().split('\n');
    const cut = lines.slice(0, -1).join('\n');
    const { stdout, stderr } = spawnSync('sh', [], { input: cut, encoding: 'utf8' });
    assert.equal(stdout + stderr, '');
  });

  it('quotes whatever it is given', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        const script = joinScript({ ...options, token: text.replaceAll('\0', '') });
        return parses(script);
      }),
      { numRuns: 30 },
    );
  });
});

describe('packs', () => {
  const tree: Record<string, PackageFile> = {
    '/t/node_modules/a': { dependencies: { b: '1', c: '1' } },
    '/t/node_modules/b': { dependencies: { c: '2', missing: '1' } },
    '/t/node_modules/c': {},
    '/t/node_modules/b/node_modules/c': { dependencies: { a: '1' } },
  };
  it('hold a package and all that it needs, as Node finds it, each once', () => {
    assert.deepEqual(
      closureOf('a', '/t/agent', (path) => tree[path] ?? null),
      Object.keys(tree).sort(),
    );
  });
  it('know for which machine a binary was made', () => {
    const own = process.arch === 'arm' ? 'armv7l' : process.arch;
    assert.equal(elfArchitecture(readFileSync(process.execPath).subarray(0, 20)), own);
    const arm = Uint8Array.from([
      0x7f,
      0x45,
      0x4c,
      0x46,
      1,
      1,
      1,
      ...Array(9).fill(0),
      3,
      0,
      40,
      0,
    ]);
    assert.equal(elfArchitecture(arm), 'armv7l');
    assert.equal(elfArchitecture(Buffer.from('#!/bin/sh\n')), null);
  });
  it('leave out what nothing reads', () => {
    assert.ok(!belongsInPack('node_modules/node-llama-cpp/llama/gitRelease.bundle'));
    assert.ok(!belongsInPack('node_modules/yargs/index.d.ts'));
    assert.ok(belongsInPack('node_modules/yargs/index.mjs'));
  });
});

describe('addresses', () => {
  it('put what people say first, real ports before bridges, loopback nowhere', () => {
    const info = (address: string, internal = false) => [
      { address, internal, family: 'IPv4' as const, netmask: '', mac: '', cidr: null },
    ];
    const interfaces = {
      docker0: info('172.17.0.1'),
      lo: info('127.0.0.1', true),
      enp3s0: info('192.168.1.10'),
    };
    assert.deepEqual(lanAddresses(interfaces, ['hub.lan']), [
      'hub.lan',
      '192.168.1.10',
      '172.17.0.1',
    ]);
  });
});
