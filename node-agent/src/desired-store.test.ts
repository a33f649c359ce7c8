import { strict as assert } from 'node:assert';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { NodeDesired } from '@salvage/contract';
import { silentLog } from '@salvage/kit';
import { openDesiredStore } from './desired-store.ts';

const owner = { clusterId: 'home', nodeId: 'x220' };
const wish = (revision: number): NodeDesired => ({
  v: 1,
  revision,
  work: true,
  engines: [],
  wattsProfile: null,
  storeUrl: null,
});

describe('the last wish on disk', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'salvage-desired-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const open = (who = owner) => openDesiredStore(join(folder, 'desired.json'), who, silentLog);

  it('is there after a restart', async () => {
    const store = await open();
    assert.equal(store.current, null);
    store.take(wish(3));
    await store.flushed();
    assert.deepEqual((await open()).current, wish(3));
  });

  it('is the newest message, though its revision be lower', async () => {
    const store = await open();
    for (const revision of [7, 8, 2]) store.take(wish(revision));
    assert.equal(store.current?.revision, 2);
    await store.flushed();
    assert.equal((await open()).current?.revision, 2);
  });

  it('of another cluster or node counts as none', async () => {
    const store = await open();
    store.take(wish(1));
    await store.flushed();
    assert.equal((await open({ ...owner, clusterId: 'school' })).current, null);
    assert.equal((await open({ ...owner, nodeId: 'pi' })).current, null);
  });

  it('that is damaged counts as none, and is replaced by the next', async () => {
    const file = join(folder, 'desired.json');
    for (const text of [
      '{"clusterId":"ho',
      '{}',
      JSON.stringify({ ...owner, desired: { v: 1 } }),
    ]) {
      await writeFile(file, text);
      const store = await open();
      assert.equal(store.current, null);
      assert.equal(await readFile(file, 'utf8'), text);
      store.take(wish(1));
      await store.flushed();
      assert.equal((await open()).current?.revision, 1);
    }
  });
});
