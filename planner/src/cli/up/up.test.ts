// Pieces of `up`: ports that are taken are named with their holder, the ones of the last run come
// first, and the closing words choose a model that answers at a pleasant speed.
import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { CatalogueView } from '../../operator/api.ts';
import { choosePorts } from './choose-ports.ts';
import { bestModel, bestModelLines, curlLine } from './closing-words.ts';
import { portHolder } from './port-holder.ts';

const folder = mkdtempSync(join(tmpdir(), 'salvage-up-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function listen(port = 0): Promise<{ server: Server; port: number }> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(port, '127.0.0.1', () => {
      resolve({ server, port: (server.address() as { port: number }).port });
    });
  });
}

describe('ports', () => {
  it('that are taken give way to the next free one, and say by whom', async () => {
    const { server, port } = await listen();
    try {
      assert.match(portHolder(port) ?? '', new RegExp(`\\(process ${process.pid}\\)`));
      const free = { hub: 0, mqtt: 0, mqttTls: 0, tunnel: 0 };
      const state = join(folder, 'taken');
      await assert.rejects(choosePorts(state, { ...free, gateway: port }), {
        code: 'SLV_PORT_TAKEN',
        message: new RegExp(`process ${process.pid}`),
      });
    } finally {
      server.close();
    }
    assert.equal(portHolder(port), null);
  });

  it('that joined machines know are taken again, and none that was asked for once', async () => {
    const state = join(folder, 'again');
    const first = await choosePorts(state, { mqtt: 0, tunnel: 0, gateway: 0 });
    const second = await choosePorts(state, { mqtt: 0, tunnel: 0, gateway: 0 });
    assert.equal(second.ports.hub, first.ports.hub);
    assert.equal(second.ports.mqttTls, first.ports.mqttTls);
    const { server } = await listen(first.ports.hub);
    try {
      const third = await choosePorts(state, { mqtt: 0, tunnel: 0, gateway: 0 });
      const moved = third.moved.find((one) => one.name === 'hub');
      assert.equal(moved?.wanted, first.ports.hub);
      assert.match(moved?.holder ?? '', new RegExp(`process ${process.pid}`));
    } finally {
      server.close();
    }
    const once = await choosePorts(join(folder, 'once'), {
      mqtt: 0,
      tunnel: 0,
      gateway: 0,
      hub: 0,
    });
    const after = await choosePorts(join(folder, 'once'), { mqtt: 0, tunnel: 0, gateway: 0 });
    assert.notEqual(after.ports.hub, once.ports.hub);
  });
});

describe('closing words', () => {
  const entry = (name: string, parameters: number, low: number | null): CatalogueView => ({
    modelId: name,
    name,
    source: `hf:someone/${name}`,
    bytes: 1e9,
    parameters,
    licence: 'Apache-2.0',
    about: '',
    installed: false,
    tokensPerSecond: low === null ? null : { value: low, low, high: low * 2 },
    bestNode: 'a',
    refusedBecause: null,
  });
  const small = entry('small', 1, 20);
  const large = entry('large', 3, 4);
  const slow = entry('slow', 9, 1.5);

  it('name the largest model that answers at a pleasant speed, else the fastest', () => {
    assert.equal(bestModel([small, slow, large])?.name, 'large');
    assert.equal(bestModel([slow, entry('slower', 2, 0.5)])?.name, 'slow');
    assert.equal(bestModel([entry('never', 2, null), { ...small, installed: true }]), null);
    assert.match(bestModelLines([large]).join('\n'), /npx salvage models add hf:someone\/large/);
  });

  it('give a curl line that a shell takes as it is', () => {
    const line = curlLine('http://127.0.0.1:11434', 'm', true, "What's up?");
    assert.match(line, /What'\\''s up\?/);
  });
});
