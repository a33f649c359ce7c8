// Which credentials come into force, what their change means, and what Mosquitto is told of them.
import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Credential } from '@salvage/contract';
import { createCredentialBook, sortCredentials } from './credential-book.ts';
import { openCredentialStore } from './credential-store.ts';
import { printAccess, printPasswords } from './mosquitto-files.ts';

const hash = '$7$101$c2FsdA==$aGFzaA==';
const planner: Credential = { user: 'planner', role: 'planner', nodeId: null, hash };
const node = (user: string, more: Partial<Credential> = {}): Credential => ({
  user,
  role: 'node',
  nodeId: user,
  hash,
  ...more,
});

describe('the credential book', () => {
  it('tells who is revoked and whether anything changed', () => {
    const book = createCredentialBook([planner], [node('a'), node('b'), node('c')]);
    const change = book.replace([node('a'), node('b', { hash: `${hash}x` }), node('d')]);
    assert.deepEqual([...change.revoked].sort(), ['b', 'c']);
    assert.equal(change.any, true);
    assert.equal(book.find('c'), null);
    assert.equal(book.find('planner'), planner);
    assert.equal(book.find('constructor'), null);
    assert.equal(book.replace([node('d'), node('b', { hash: `${hash}x` }), node('a')]).any, false);
    assert.deepEqual(book.replace([]).revoked.size, 3);
    assert.deepEqual(book.all(), [planner]);
  });

  it('takes neither the broker’s own names and roles nor a node without a node', () => {
    const { accepted, problems } = sortCredentials([
      node('a'),
      node('planner'),
      node('x', { role: 'broker' }),
      node('y', { role: 'planner' }),
      node('z', { nodeId: null }),
      node('a', { nodeId: 'b' }),
    ]);
    assert.deepEqual(accepted, [node('a')]);
    assert.equal(problems.length, 5);
  });
});

describe('the credential store', () => {
  it('keeps the planner’s own apart, is private, and refuses what is damaged', () => {
    const folder = mkdtempSync(join(tmpdir(), 'salvage-store-'));
    const file = join(folder, 'broker', 'credentials.sqlite');
    const store = openCredentialStore(file);
    assert.deepEqual(store.read(), { credentials: [], lanOpen: false, revision: 0 });
    store.setPlannerHash(hash);
    const desired = { credentials: [node('a'), node('b')], lanOpen: true, revision: 7 };
    store.replace(desired);
    store.close();
    const again = openCredentialStore(file);
    assert.deepEqual(again.read(), desired);
    again.replace({ credentials: [], lanOpen: false, revision: 8 });
    assert.equal(again.plannerHash(), hash);
    again.close();
    assert.equal(statSync(file).mode & 0o777, 0o600);
    writeFileSync(file, 'not a database at all, but long enough to look at twice');
    assert.throws(() => openCredentialStore(file), { code: 'SLV_STATE' });
    rmSync(folder, { recursive: true });
  });
});

describe('what Mosquitto is told', () => {
  it('is the same law in its own words', () => {
    const access = printAccess([node('alder'), planner]);
    assert.match(access, /^user alder\ntopic write salvage\/v1\/node\/alder\/hello$/m);
    assert.match(access, /^topic read salvage\/v1\/node\/alder\/command$/m);
    const [alder = '', rest = ''] = access.split('user planner');
    assert(!alder.includes('+') && !alder.includes('#'));
    assert.match(rest, /topic read salvage\/v1\/node\/\+\/hello/);
    assert.equal(printPasswords([planner]), `planner:${hash}\n`);
  });
});
