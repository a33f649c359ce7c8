import { strict as assert } from 'node:assert';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { realClock, silentLog } from '@salvage/kit';
import { measureLink, medianOf } from './link.ts';
import { makeTestCluster } from './test-cluster.ts';
import { openTunnel, type Tunnel } from './tunnel.ts';

const cluster = makeTestCluster();
const identity = cluster.issue('x230', 'node');
const signal = new AbortController().signal;
const noEngines = { complete: () => assert.fail('no engine may be asked') };

describe('measuring a link', () => {
  let tunnel: Tunnel;
  before(async () => {
    tunnel = await openTunnel({
      host: '127.0.0.1',
      port: 0,
      identity: cluster.issue('pi-5', 'node'),
      engines: noEngines,
      clock: realClock,
      log: silentLog,
    });
  });
  after(() => tunnel.stop());

  const measure = (change: Partial<Parameters<typeof measureLink>[0]>) =>
    measureLink({
      peerId: 'pi-5',
      addresses: ['127.0.0.1'],
      port: tunnel.port,
      identity,
      clock: realClock,
      signal,
      ...change,
    });

  it('gives a round trip and a bandwidth, at the first address that answers', async () => {
    const figures = await measure({ addresses: ['127.0.0.2', '127.0.0.1'] });
    assert.ok(figures.roundTripMilliseconds > 0 && Number.isFinite(figures.roundTripMilliseconds));
    assert.ok(figures.bytesPerSecond > 0 && Number.isFinite(figures.bytesPerSecond));
  });

  it('takes no other node for its peer, and no other cluster for its own', async () => {
    await assert.rejects(measure({ peerId: 'pi-4' }), { code: 'SLV_NODE_LOST', message: /pi-4/ });
    const stranger = makeTestCluster().issue('x230', 'node');
    await assert.rejects(measure({ identity: stranger }), { code: 'SLV_NODE_LOST' });
    await assert.rejects(measure({ addresses: [] }), { code: 'SLV_NODE_LOST' });
  });

  it('gives up a peer that accepts and says nothing, and one that is called off', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await new Promise((listening) => silent.once('listening', listening));
    const { port } = silent.address() as AddressInfo;
    const impatient = { ...realClock, sleep: () => new Promise<void>(setImmediate) };
    await assert.rejects(measure({ port, clock: impatient }), { code: 'SLV_TIMEOUT' });
    const off = new AbortController();
    const measuring = measure({ port, signal: off.signal });
    off.abort();
    await assert.rejects(measuring, { code: 'SLV_TIMEOUT', message: /no more time/ });
    silent.close();
  });

  it('takes the middle of what it measured', () => {
    assert.equal(medianOf([9, 1, 5]), 5);
    assert.equal(medianOf([4, 1, 2, 9]), 3);
    assert.equal(medianOf([7]), 7);
  });
});
