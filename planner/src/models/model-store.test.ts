import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { type Clock, type FailureCode, realClock, SalvageError } from '@salvage/kit';
import { sampleModel } from '../gguf/sample-gguf.ts';
import { type AddProgress, type ModelStore, openModelStore } from './model-store.ts';
import { openStandIn, type StandIn } from './stand-in.ts';

/** About 4 MB, most of it weights: larger than what reading a header fetches. */
const model = sampleModel({}, 1_000);
const shaOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
/** Waits between attempts are not waited for; the silence watch gets real time. */
const hastyClock: Clock = {
  ...realClock,
  sleep: (milliseconds, signal) =>
    milliseconds === 1_000 ? realClock.sleep(milliseconds, signal) : Promise.resolve(),
};

let standIn: StandIn;
let root: string;
let folder: string;

const openStore = (): Promise<ModelStore> =>
  openModelStore({
    stateFile: join(root, 'state', 'models.json'),
    folder,
    fetch,
    clock: hastyClock,
    huggingFaceBase: standIn.base,
  });

function fails(code: FailureCode, text: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof SalvageError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, text);
    return true;
  };
}

const filesLeft = async (): Promise<string[]> =>
  (await readdir(folder)).filter((name) => !name.endsWith('.gguf'));

before(async () => {
  standIn = await openStandIn();
});
after(() => standIn.close());
afterEach(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'salvage-store-'));
  folder = join(root, 'cache', 'models');
  standIn.files.clear();
  standIn.lists.clear();
  standIn.asked.length = 0;
  standIn.cutAfterBytes = null;
  standIn.cutsLeft = 0;
  standIn.knowsRanges = true;
});

describe('a file of this machine', () => {
  it('is linked or copied, listed, found again after a restart, and removed', async () => {
    const path = join(root, 'Sample-Q8_0.gguf');
    await writeFile(path, model);
    const store = await openStore();
    const card = await store.add({ source: path, notice: 'a demo' });
    assert.equal(card.modelId, 'sample-1m-chat:q8_0');
    assert.equal(card.sha256, shaOf(model));
    assert.equal(card.notice, 'a demo');
    assert.deepEqual(await readFile(card.path), model);
    assert.ok((await stat(path)).isFile(), 'the original stays');
    assert.deepEqual(await store.add({ source: path }), card);

    const again = await openStore();
    assert.deepEqual(again.list(), [card]);
    assert.deepEqual(again.get('sample-1m-chat'), card);
    assert.deepEqual(again.get('SAMPLE-1M-CHAT:Q8_0'), card);
    assert.equal(again.get('sample'), null);
    assert.equal(again.fileOf(card.sha256), card.path);
    assert.equal(again.fileOf('0'.repeat(64)), null);
    await again.remove('sample-1m-chat');
    assert.deepEqual(again.list(), []);
    assert.deepEqual(await readdir(folder), []);
    assert.deepEqual(await readFile(path), model);
    await assert.rejects(again.remove('sample-1m-chat'), fails('SLV_MODEL_UNKNOWN', /no model/));
  });

  it('gets a name of its own beside another of the same name', async () => {
    const store = await openStore();
    const other = sampleModel({ 'general.license': { type: 'text', value: 'mit' } }, 1_000);
    await writeFile(join(root, 'a.gguf'), model);
    await writeFile(join(root, 'b.gguf'), other);
    await store.add({ source: join(root, 'a.gguf') });
    const second = await store.add({ source: join(root, 'b.gguf') });
    assert.equal(second.modelId, 'sample-1m-chat-2:q8_0');
    const named = { source: join(root, 'b.gguf'), modelId: 'mine' };
    await assert.rejects(store.add(named), fails('SLV_REQUEST', /here already as/));
    const taken = { source: join(root, 'c.gguf'), modelId: second.modelId };
    await writeFile(join(root, 'c.gguf'), sampleModel({}, 900));
    await assert.rejects(store.add(taken), fails('SLV_REQUEST', /another model is called/));
    await assert.rejects(
      store.add({ ...taken, modelId: '../x' }),
      fails('SLV_REQUEST', /not a model id/),
    );
  });

  it('is refused before it is copied when it is no model', async () => {
    const store = await openStore();
    const path = join(root, 'page.gguf');
    await writeFile(path, '<html>'.repeat(1_000));
    await assert.rejects(store.add({ source: path }), fails('SLV_MODEL_FORMAT', /letters GGUF/));
    await writeFile(path, model.subarray(0, model.length / 2));
    await assert.rejects(store.add({ source: path }), fails('SLV_MODEL_FORMAT', /cut short/));
    await writeFile(path, model.subarray(0, 100));
    await assert.rejects(store.add({ source: path }), fails('SLV_MODEL_FORMAT', /goes on after/));
    await assert.rejects(store.add({ source: root }), fails('SLV_REQUEST', /./));
    await assert.rejects(store.add({ source: join(root, 'no') }), fails('SLV_REQUEST', /no/));
    assert.deepEqual(await readdir(folder), []);
  });

  it('stays in the list while its disk is away, and a damaged list is not written over', async () => {
    const path = join(root, 'a.gguf');
    await writeFile(path, model);
    const card = await (await openStore()).add({ source: path });
    await rm(card.path);
    const without = await openStore();
    assert.deepEqual(without.list(), []);
    await writeFile(card.path, model);
    assert.deepEqual((await openStore()).list(), [card]);
    const stateFile = join(root, 'state', 'models.json');
    await writeFile(stateFile, '{"version":1,"models":[{}]}');
    await assert.rejects(openStore(), fails('SLV_STATE', /damaged/));
    assert.match(await readFile(stateFile, 'utf8'), /\[\{\}\]/);
  });
});

describe('a file behind an address', () => {
  const url = (): string => `${standIn.base}/files/Sample-Q8_0.gguf`;

  it('is described from its header alone, then fetched with progress', async () => {
    standIn.files.set('/files/Sample-Q8_0.gguf', model);
    const store = await openStore();
    const offer = await store.inspect(`${url()}?signature=secret`);
    assert.equal(offer.card.modelId, 'sample-1m-chat:q8_0');
    assert.equal(offer.card.bytes, model.length);
    assert.equal(offer.card.licence, 'apache-2.0');
    assert.equal(offer.card.sha256, null);
    assert.equal(offer.card.source, url());
    assert.equal(offer.installed, false);
    assert.ok(offer.memoryBytes > model.length);
    assert.deepEqual(await readdir(folder), []);

    const steps = new Set<string>();
    const onProgress = ({ doneBytes, totalBytes, step }: AddProgress): void => {
      assert.ok(totalBytes !== null && doneBytes <= totalBytes);
      steps.add(step);
    };
    const card = await store.add({ source: url(), onProgress });
    assert.equal(card.sha256, shaOf(model));
    assert.deepEqual([...steps], ['fetch', 'verify']);
    assert.deepEqual(await filesLeft(), []);
    assert.equal((await store.inspect(url())).installed, true);
  });

  it('resumes where it was cut, within one call and in the next', async () => {
    standIn.files.set('/files/Sample-Q8_0.gguf', model);
    const store = await openStore();
    standIn.cutAfterBytes = 2_500_000;
    standIn.cutsLeft = 1;
    assert.equal((await store.add({ source: url() })).sha256, shaOf(model));
    const starts = standIn.asked.map(({ from }) => from);
    assert.equal(starts.length, 3, 'header, cut, rest');
    assert.ok((starts[2] ?? 0) > 0, 'the second connection went on');

    await store.remove('sample-1m-chat');
    standIn.asked.length = 0;
    const calledOff = new AbortController();
    const onProgress = ({ doneBytes }: AddProgress): void => {
      if (doneBytes > 0) calledOff.abort();
    };
    await assert.rejects(
      store.add({ source: url(), signal: calledOff.signal, onProgress }),
      fails('SLV_DOWNLOAD', /called off/),
    );
    assert.equal((await filesLeft()).length, 2, 'the part and its sidecar wait');
    standIn.asked.length = 0;
    const card = await (await openStore()).add({ source: url() });
    assert.equal(card.sha256, shaOf(model));
    assert.ok((standIn.asked.at(-1)?.from ?? 0) > 0);
    assert.deepEqual(await filesLeft(), []);
  });

  it('starts anew when the file changed or ranges are unknown', async () => {
    standIn.files.set('/files/Sample-Q8_0.gguf', model);
    const store = await openStore();
    standIn.cutAfterBytes = 2_500_000;
    standIn.cutsLeft = 200;
    standIn.knowsRanges = false;
    await assert.rejects(
      store.add({ source: url() }),
      fails('SLV_DOWNLOAD', /the download stopped/),
    );
    standIn.cutsLeft = 0;
    const changed = Buffer.from(model);
    changed[changed.length - 1] = 9;
    standIn.files.set('/files/Sample-Q8_0.gguf', changed);
    standIn.knowsRanges = true;
    assert.equal((await store.add({ source: url() })).sha256, shaOf(changed));
    await store.remove('sample-1m-chat');
    standIn.knowsRanges = false;
    assert.equal((await store.add({ source: url() })).sha256, shaOf(changed));
  });

  it('is refused when it is missing, unreachable or a page', async () => {
    const store = await openStore();
    await assert.rejects(store.inspect(url()), fails('SLV_DOWNLOAD', /answered 404/));
    standIn.files.set('/files/Sample-Q8_0.gguf', Buffer.from('<!doctype html>'.repeat(500)));
    await assert.rejects(store.add({ source: url() }), fails('SLV_MODEL_FORMAT', /letters GGUF/));
    await assert.rejects(store.add({ source: 'ftp://host/x.gguf' }), fails('SLV_REQUEST', /http/));
    await assert.rejects(
      store.add({ source: 'http://127.0.0.1:1/x.gguf' }),
      fails('SLV_DOWNLOAD', /127\.0\.0\.1/),
    );
    assert.deepEqual(await readdir(folder), []);
  });
});

describe('a repository', () => {
  const list = (entries: Record<string, Buffer>, sha?: string): void => {
    const tree = Object.entries(entries).map(([path, bytes]) => {
      standIn.files.set(`/Owner/Sample-GGUF/resolve/main/${path}`, bytes);
      const oid = sha ?? shaOf(bytes);
      return { type: 'file', path, size: bytes.length, lfs: { oid, size: bytes.length } };
    });
    const path = '/api/models/Owner/Sample-GGUF/tree/main';
    standIn.lists.set(path, [{ type: 'directory', path: 'q' }, ...tree]);
  };

  it('gives the file of the quantisation, checked against its published checksum', async () => {
    list({ 'Sample-Q4_K_M.gguf': model, 'q/Sample Q8_0.gguf': model, 'mmproj-F16.gguf': model });
    const store = await openStore();
    const offer = await store.inspect('hf:Owner/Sample-GGUF');
    assert.match(offer.location, /resolve\/main\/Sample-Q4_K_M\.gguf$/);
    assert.equal(offer.card.sha256, shaOf(model));
    const card = await store.add({ source: 'hf:Owner/Sample-GGUF:q8_0' });
    assert.equal(card.source, 'hf:Owner/Sample-GGUF:q8_0');
    assert.match(standIn.asked.at(-1)?.path ?? '', /q\/Sample%20Q8_0\.gguf$/);
    assert.equal((await store.inspect('hf:Owner/Sample-GGUF')).installed, true);
  });

  it('does not keep what has another checksum', async () => {
    list({ 'Sample-Q8_0.gguf': model }, '0'.repeat(64));
    const store = await openStore();
    const adding = store.add({ source: 'hf:Owner/Sample-GGUF' });
    await assert.rejects(adding, fails('SLV_MODEL_DAMAGED', /checksum/));
    assert.deepEqual(await readdir(folder), []);
    assert.deepEqual(store.list(), []);
  });

  it('lists the choices where one is missing', async () => {
    list({ 'Sample-Q8_0.gguf': model, 'Sample-Q6_K.gguf': model });
    const store = await openStore();
    const missing = /has no Q2_K.*\n {2}hf:Owner\/Sample-GGUF:Q8_0\n {2}hf:Owner\/Sample-GGUF:Q6_K/;
    await assert.rejects(store.inspect('hf:Owner/Sample-GGUF:Q2_K'), fails('SLV_REQUEST', missing));
    await assert.rejects(store.inspect('hf:Owner/Nothing'), fails('SLV_DOWNLOAD', /404/));
    await assert.rejects(store.inspect('hf:../x'), fails('SLV_REQUEST', /not of the form/));
  });
});
