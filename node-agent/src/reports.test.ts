import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import { type EnergyReading, encode, type Facts, wireVersion } from '@salvage/contract';
import fc from 'fast-check';
import { addressesOf } from './facts/addresses.ts';
import { limits } from './limits.ts';
import { reconnectWait } from './link.ts';
import { energyBatches, helloOf } from './reports.ts';

const facts: Facts = {
  architecture: 'x64',
  addressBits: 64,
  machineVendor: null,
  machineProduct: null,
  cpuName: null,
  cpuFlags: ['avx2'],
  coresPhysical: 2,
  coresLogical: 4,
  cacheLastLevelBytes: null,
  memoryTotalBytes: 1,
  kernel: '6.12',
  distribution: null,
  glibc: null,
  hasBattery: false,
  diskFreeBytes: 1,
  network: [],
};
const parts = {
  nodeId: 'x',
  name: 'x',
  agentVersion: '0.1.0',
  bootId: null,
  startedAt: 1,
  facts,
  tunnel: { addresses: ['10.0.0.1'], port: 11435 },
  engines: [],
  benchmark: null,
};
const reading = (jobs: number): EnergyReading => ({
  t0: 1_795_577_161_724,
  t1: 1_795_577_167_159,
  microjoules: 81_612_781,
  cpuSeconds: 1.62,
  method: 'model',
  scope: 'wall',
  quality: 'estimated',
  relativeError: 0.4,
  source: 'profile of a machine',
  spentOn: 'job',
  jobIds: Array.from({ length: jobs }, (_, index) => `job-${String(index).padStart(40, '0')}`),
});

describe('reports', () => {
  it('are whole where there is room', () => {
    assert.deepEqual(helloOf(parts), { v: wireVersion, ...parts });
  });

  it('leave out flags where a processor has too many of them', () => {
    const cpuFlags = Array.from({ length: 400 }, (_, index) => `${index}`.padEnd(32, '"'));
    const network = Array.from({ length: 16 }, () => ({
      name: 'n'.repeat(200),
      kind: 'wired' as const,
      speedMegabits: 1000,
      macAddress: null,
    }));
    const hello = helloOf({ ...parts, facts: { ...facts, cpuFlags, network } });
    encode('nodeHello', { nodeId: 'x' }, hello);
    assert.ok(hello.facts.cpuFlags.length > 50);
  });

  it('carry every energy reading once, in order, in messages that fit', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 16 }), { maxLength: 200 }), (jobs) => {
        const readings = jobs.map(reading);
        const batches = energyBatches(readings);
        assert.deepEqual(batches.flat(), readings);
        for (const batch of batches) {
          assert.ok(batch.length > 0 && batch.length <= limits.energyReadingsPerMessageMax);
          const message = { v: wireVersion, sequence: 1e9, runId: 'r'.repeat(36), readings: batch };
          encode('nodeEnergy', { nodeId: 'x' }, message);
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('reconnects', () => {
  it('wait between half a second and half a minute, longer each time', () => {
    const slowest = [0, 1, 2, 5, 6, 100].map((attempt) => reconnectWait(attempt, () => 1));
    assert.deepEqual(slowest, [500, 1_000, 2_000, 16_000, 30_000, 30_000]);
    fc.assert(
      fc.property(fc.nat(1_000), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, chance) => {
        const wait = reconnectWait(attempt, () => chance);
        assert.ok(wait >= 500 && wait <= 30_000);
      }),
    );
  });
});

describe('addresses', () => {
  const port = (address: string, family: 'IPv4' | 'IPv6', internal = false) =>
    ({ address, family, internal, netmask: '', mac: '', cidr: null, scopeid: 0 }) as never;
  const interfaces = {
    lo: [port('127.0.0.1', 'IPv4', true)],
    eth0: [port('fd00::2', 'IPv6'), port('fe80::1', 'IPv6'), port('192.168.1.7', 'IPv4')],
    docker0: [port('172.17.0.1', 'IPv4')],
  };
  it('are those it was told, else its interfaces’', () => {
    assert.deepEqual(addressesOf(['pi.lan'], '0.0.0.0', interfaces), ['pi.lan']);
    assert.deepEqual(addressesOf([], '0.0.0.0', interfaces), ['192.168.1.7', 'fd00::2']);
    assert.deepEqual(addressesOf([], '127.0.0.1', interfaces), ['127.0.0.1']);
    assert.deepEqual(addressesOf([], '0.0.0.0', {}), ['127.0.0.1']);
  });
});
