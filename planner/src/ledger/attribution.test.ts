import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EnergyReading } from '@salvage/contract';
import fc from 'fast-check';
import { attribute, isPlausible, scopesBestFirst, sharesOf } from './attribution.ts';

const jobId = fc.integer({ min: 0, max: 5 }).map((n) => `job-${String(n).padStart(8, '0')}`);

const reading: fc.Arbitrary<EnergyReading> = fc.record({
  t0: fc.constant(1_000),
  t1: fc.constant(2_000),
  microjoules: fc.option(fc.maxSafeInteger().map(Math.abs), { nil: null }),
  cpuSeconds: fc.option(fc.double({ min: 0, max: 100, noNaN: true }), { nil: null }),
  method: fc.constant('gauge' as const),
  scope: fc.option(fc.constantFrom(...scopesBestFirst), { nil: null }),
  quality: fc.constantFrom('measured' as const, 'calibrated' as const, 'estimated' as const),
  relativeError: fc.constant(0.1),
  source: fc.constant('test'),
  spentOn: fc.constantFrom('job' as const, 'idle' as const, 'overhead' as const),
  jobIds: fc.array(jobId, { maxLength: 16 }),
});

const onNode = fc.record({ nodeId: fc.constantFrom('a', 'b', 'c'), reading });

const total = (numbers: Iterable<bigint>): bigint => [...numbers].reduce((a, b) => a + b, 0n);

describe('attribution', () => {
  it('splits a window of jobs in equal integer parts that add up to it', () => {
    fc.assert(
      fc.property(reading, (one) => {
        const shares = sharesOf(one);
        const named = new Set(one.jobIds).size;
        assert.equal(shares.length, one.spentOn === 'job' ? named : 0);
        if (shares.length === 0) return;
        const parts = shares.map((share) => share.microjoules);
        if (one.microjoules === null) {
          assert.ok(parts.every((part) => part === null));
          return;
        }
        const known = parts.filter((part) => part !== null);
        assert.equal(total(known.map(BigInt)), BigInt(one.microjoules));
        assert.ok(Math.max(...known) - Math.min(...known) <= 1);
        assert.ok(known.every(Number.isSafeInteger));
      }),
    );
  });

  it('gives each microjoule of the best scope to job, idle or overhead, and to one of them', () => {
    fc.assert(
      fc.property(fc.array(onNode, { maxLength: 40 }), (readings) => {
        for (const [nodeId, { scope, account, jobs, others }] of attribute(readings)) {
          const own = readings.filter((row) => row.nodeId === nodeId).map((row) => row.reading);
          const metered = own.filter((row) => row.scope !== null && row.microjoules !== null);
          const present = new Set(metered.map((row) => row.scope));
          assert.equal(scope, scopesBestFirst.find((one) => present.has(one)) ?? null);
          const chosen = metered.filter((row) => row.scope === scope);
          const sum = total(chosen.map((row) => BigInt(row.microjoules ?? 0)));
          assert.equal(account.job + account.idle + account.overhead, sum);
          assert.equal(total(jobs.values()), account.job);
          assert.equal(others.has(scope ?? 'wall'), false);
          const rest = metered.filter((row) => row.scope !== scope);
          const restSum = total(rest.map((row) => BigInt(row.microjoules ?? 0)));
          assert.equal(total(others.values()), restSum);
        }
      }),
    );
  });

  it('does not depend on the order of the readings', () => {
    fc.assert(
      fc.property(fc.array(onNode, { maxLength: 20 }), (readings) => {
        const forth = attribute(readings);
        const back = attribute([...readings].reverse());
        for (const [nodeId, one] of forth) {
          const other = back.get(nodeId);
          assert.deepEqual(other?.account, one.account);
          assert.deepEqual(new Map([...(other?.jobs ?? [])].sort()), new Map([...one.jobs].sort()));
        }
      }),
    );
  });

  it('books a window of jobs that names none as overhead', () => {
    const nameless: EnergyReading = { ...sample(), spentOn: 'job', jobIds: [], microjoules: 7 };
    const account = attribute([{ nodeId: 'a', reading: nameless }]).get('a')?.account;
    assert.deepEqual(account, { job: 0n, idle: 0n, overhead: 7n });
  });

  it('tells a wrapped counter from a hungry machine', () => {
    assert.equal(isPlausible({ t0: 0, t1: 1_000, microjoules: 200e6 }), true);
    assert.equal(isPlausible({ t0: 0, t1: 1_000, microjoules: 65_536e6 }), false);
    assert.equal(isPlausible({ t0: 0, t1: 0, microjoules: 5e6 }), true);
    assert.equal(isPlausible({ t0: 0, t1: 0, microjoules: null }), true);
  });
});

function sample(): EnergyReading {
  return {
    ...{ t0: 0, t1: 1_000, microjoules: 1, cpuSeconds: null, method: 'model', scope: 'wall' },
    ...{ quality: 'estimated', relativeError: 0.4, source: 'test', spentOn: 'idle', jobIds: [] },
  };
}
