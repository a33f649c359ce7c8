import { strict as assert } from 'node:assert';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type Clock, type Log, realClock, silentLog } from '@salvage/kit';
import { limits } from '../limits.ts';
import { makeTestCluster } from '../tunnel/test-cluster.ts';
import type { FetchRequest, ModelCache } from './model-cache.ts';
import { type ModelCacheOptions, openModelCache } from './open-cache.ts';
import { openTestStore, type TestStore } from './test-store.ts';

const cluster = makeTestCluster();
const hub = cluster.issue('hub', 'hub');
const node = cluster.issue('x230', 'node');
const content = randomBytes(300_000);
const sha256 = createHash('sha256').update(content).digest('hex');

/** Waits between attempts pass at once. */
const hurriedClock: Clock = { ...realClock, sleep: sleepOnlyToWatch };

const cleanups: (() => unknown)[] = [];
after(async () => {
  for (const cleanup of cleanups) await cleanup();
});

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'salvage-cache-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function openStore(bytes: Buffer = content): Promise<TestStore> {
  const store = await openTestStore(hub, bytes);
  cleanups.push(() => store.stop());
  return store;
}

const openCache = (change: Partial<ModelCacheOptions> = {}): Promise<ModelCache> =>
  openModelCache({
    folder: makeFolder(),
    localStore: null,
    limitBytes: 1e9,
    identity: node,
    clock: hurriedClock,
    log: silentLog,
    random: () => 0,
    ...change,
  });

const wish = (store: Pick<TestStore, 'url'>, change: Partial<FetchRequest> = {}): FetchRequest => ({
  sha256,
  bytes: content.length,
  storeUrl: store.url,
  onProgress: () => undefined,
  signal: new AbortController().signal,
  ...change,
});

/** Puts a file into a cache’s folder as an earlier run would have left it. */
function leave(folder: string, name: string, bytes: Buffer, unixMilliseconds: number): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  utimesSync(path, unixMilliseconds / 1_000, unixMilliseconds / 1_000);
  return path;
}

const shaOf = (letter: string): string => letter.repeat(64);

describe('fetching a model', () => {
  it('brings it over a connection that breaks again and again, resumed each time', async () => {
    const store = await openStore();
    store.behave.cutAfterBytes = 90_000;
    const cache = await openCache();
    const shares: number[] = [];
    const path = await cache.fetch(wish(store, { onProgress: (share) => shares.push(share) }));
    assert.deepEqual(readFileSync(path), content);
    assert.equal(store.asked[0], null);
    assert.ok(store.asked.length >= 4);
    assert.ok(store.asked.slice(1).every((range) => /^bytes=\d+-$/.test(range ?? '')));
    assert.ok(shares.every((share, index) => share >= (shares[index - 1] ?? 0)));
    assert.equal(shares.at(-1), 1);
    assert.equal(cache.pathOf(sha256), path);
    assert.deepEqual(cache.list(), [sha256]);
    assert.equal(cache.usedBytes, content.length);
  });

  it('takes up what an earlier run left', async () => {
    const store = await openStore();
    const folder = makeFolder();
    leave(folder, `${sha256}.part`, content.subarray(0, 100_000), Date.now());
    const cache = await openCache({ folder });
    assert.equal(cache.pathOf(sha256), null);
    assert.deepEqual(readFileSync(await cache.fetch(wish(store))), content);
    assert.deepEqual(store.asked, ['bytes=100000-']);
    assert.ok(!existsSync(join(folder, `${sha256}.part`)));
  });

  it('starts anew when what was left is not the beginning of the file', async () => {
    const store = await openStore();
    const folder = makeFolder();
    leave(folder, `${sha256}.part`, Buffer.alloc(100_000), Date.now());
    const warnings: unknown[] = [];
    const log: Log = { ...silentLog, warn: (_, fields) => warnings.push(fields?.code) };
    const cache = await openCache({ folder, log });
    assert.deepEqual(readFileSync(await cache.fetch(wish(store))), content);
    assert.deepEqual(store.asked, ['bytes=100000-', null]);
    assert.deepEqual(warnings, ['SLV_MODEL_DAMAGED']);
  });

  it('starts anew when the store ignores Range, and gives one up that cuts as well', async () => {
    const store = await openStore();
    store.behave.ignoresRange = true;
    const folder = makeFolder();
    leave(folder, `${sha256}.part`, content.subarray(0, 100_000), Date.now());
    const cache = await openCache({ folder });
    assert.deepEqual(readFileSync(await cache.fetch(wish(store))), content);

    store.behave.cutAfterBytes = 50_000;
    store.asked.length = 0;
    const other = await openCache();
    await assert.rejects(other.fetch(wish(store)), { code: 'SLV_DOWNLOAD' });
    assert.equal(store.asked.length, limits.downloadAttemptsMax + 1);
  });

  it('refuses wrong bytes after a second try, and keeps none of them', async () => {
    const store = await openStore(randomBytes(content.length));
    const folder = makeFolder();
    const cache = await openCache({ folder });
    await assert.rejects(cache.fetch(wish(store)), { code: 'SLV_MODEL_DAMAGED' });
    assert.equal(store.asked.length, 2);
    assert.equal(cache.pathOf(sha256), null);
    assert.equal(cache.usedBytes, 0);
    assert.ok(!existsSync(join(folder, `${sha256}.part`)));
  });

  it('cuts a silent connection and resumes, keeps the part when it is called off', async () => {
    const store = await openStore();
    store.behave.silentAfterBytes = 120_000;
    const folder = makeFolder();
    const off = new AbortController();
    const cache = await openCache({ folder });
    const fetching = cache.fetch(
      wish(store, { signal: off.signal, onProgress: (share) => share >= 0.4 && off.abort() }),
    );
    await assert.rejects(fetching, { code: 'SLV_DOWNLOAD', message: /called off/ });

    // Half a minute of silence passes as soon as all has come that will come.
    let now = 0;
    let hasPassed = false;
    const clock: Clock = {
      ...realClock,
      monotonicMilliseconds: () => now,
      sleep: async (milliseconds, signal) => {
        if (hasPassed || !isWatch(milliseconds)) return sleepOnlyToWatch(milliseconds, signal);
        hasPassed = true;
        while (second.usedBytes < 240_000) await new Promise((turn) => setTimeout(turn, 1));
        store.behave.silentAfterBytes = null;
        now += milliseconds;
      },
    };
    const second = await openCache({ folder, clock });
    assert.deepEqual(readFileSync(await second.fetch(wish(store))), content);
    assert.deepEqual(store.asked, [null, 'bytes=120000-', 'bytes=240000-']);
  });

  it('does not ask again after a clear no, and says what the store said', async () => {
    const store = await openStore();
    store.behave.status = 404;
    const cache = await openCache();
    await assert.rejects(cache.fetch(wish(store)), {
      code: 'SLV_DOWNLOAD',
      message: /there is no such model/,
    });
    assert.equal(store.asked.length, 1);
    const stranger = makeTestCluster().issue('x230', 'node');
    const other = await openCache({ identity: stranger });
    await assert.rejects(other.fetch(wish(store)), { code: 'SLV_DOWNLOAD' });
    await assert.rejects(cache.fetch(wish(store, { bytes: 7 })), { code: 'SLV_DOWNLOAD' });
    await assert.rejects(cache.fetch(wish({ url: 'http://127.0.0.1:1' })), {
      code: 'SLV_DOWNLOAD',
    });
  });

  it('does the work once for all who ask, and goes on while one of them is left', async () => {
    const store = await openStore();
    const cache = await openCache();
    const off = new AbortController();
    const first = cache.fetch(wish(store, { signal: off.signal }));
    const second = cache.fetch(wish(store));
    off.abort();
    await assert.rejects(first, { code: 'SLV_DOWNLOAD' });
    assert.deepEqual(readFileSync(await second), content);
    assert.equal(store.asked.length, 1);
  });
});

describe('the cache’s room', () => {
  const old = Date.now() - 3_600_000;

  it('is made by the longest unused model that is not in use, in the order before a restart', async () => {
    const store = await openStore();
    const folder = makeFolder();
    for (const [index, letter] of ['a', 'b', 'c'].entries()) {
      leave(folder, `${shaOf(letter)}.gguf`, Buffer.alloc(100_000), old + index * 1_000);
    }
    const before = await openCache({ folder });
    assert.ok(before.pathOf(shaOf('b')) !== null, 'used an hour after the others');

    const cache = await openCache({ folder, limitBytes: 500_000 });
    cache.setInUse(new Set([shaOf('a')]));
    await cache.fetch(wish(store));
    assert.deepEqual(cache.list(), [shaOf('a'), shaOf('b'), sha256].sort());
    assert.ok(!existsSync(join(folder, `${shaOf('c')}.gguf`)));
    assert.equal(cache.usedBytes, 500_000);
    assert.equal(await cache.evict(shaOf('a')), false);
    cache.setInUse(new Set());
    assert.equal(await cache.evict(shaOf('a')), true);
    assert.equal(await cache.evict(shaOf('a')), false);
  });

  it('is refused with numbers before a byte is asked for, and nothing is lost', async () => {
    const store = await openStore();
    const folder = makeFolder();
    leave(folder, `${shaOf('a')}.gguf`, Buffer.alloc(100_000), old);
    const tight = await openCache({ folder, limitBytes: 250_000 });
    await assert.rejects(tight.fetch(wish(store)), { code: 'SLV_DISK_FULL', message: /0\.3 MB/ });
    const full = await openCache({
      folder,
      readDiskFreeBytes: () => Promise.resolve(limits.diskReserveBytes + 150_000),
    });
    await assert.rejects(full.fetch(wish(store)), { code: 'SLV_DISK_FULL' });
    assert.deepEqual(full.list(), [shaOf('a')]);
    assert.equal(store.asked.length, 0);
  });

  it('is a share of the free disk unless somebody says how much', async () => {
    const folder = makeFolder();
    leave(folder, `${shaOf('a')}.gguf`, Buffer.alloc(1_000), old);
    const readDiskFreeBytes = (): Promise<number> => Promise.resolve(10_000);
    const cache = await openCache({ folder, limitBytes: null, readDiskFreeBytes });
    assert.equal(cache.limitBytes, 7_000);
  });

  it('is not wasted on parts that nobody takes up again', async () => {
    const folder = makeFolder();
    const week = 7 * 24 * 3_600_000;
    const stale = leave(folder, `${shaOf('a')}.part`, Buffer.alloc(10), Date.now() - week - 60_000);
    leave(folder, `${shaOf('b')}.part`, Buffer.alloc(20), Date.now() - week + 60_000);
    leave(folder, 'notes.txt', Buffer.alloc(30), old);
    const cache = await openCache({ folder });
    assert.ok(!existsSync(stale));
    assert.equal(cache.usedBytes, 20);
    assert.deepEqual(cache.list(), []);
  });

  it('is not needed for what the planner keeps on the same machine', async () => {
    const store = await openStore();
    const localStore = makeFolder();
    const path = leave(localStore, `${sha256}.gguf`, content, old);
    const cache = await openCache({ localStore, limitBytes: 1 });
    assert.equal(await cache.fetch(wish(store)), path);
    assert.deepEqual(cache.list(), [sha256]);
    assert.equal(cache.usedBytes, 0);
    assert.equal(await cache.evict(sha256), false);
    assert.ok(existsSync(path));
    assert.equal(store.asked.length, 0);
    await assert.rejects(openCache({ folder: localStore, localStore }), { code: 'SLV_CONFIG' });
  });
});

/** All waits pass at once but the one that watches a connection. */
function sleepOnlyToWatch(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return isWatch(milliseconds) ? realClock.sleep(milliseconds, signal) : Promise.resolve();
}

/** With the jitter that these tests give, no wait between attempts is as long. */
function isWatch(milliseconds: number): boolean {
  return milliseconds > limits.downloadWaitMillisecondsMax / 2;
}
