import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EnergyReading } from '@salvage/contract';
import { realClock } from '@salvage/kit';
import { openLedger } from './ledger.ts';
import type { EnergyReport } from './report.ts';
import { sampleJob, sampleMessage, sampleReading } from './testing/samples.ts';
import type { JobRecord } from './types.ts';

const start = Date.UTC(2026, 10, 1);
const hour = 3600_000;

/** The report over an hour of what each node sent, through a real ledger in memory. */
function reportOver(
  given: { readings: Record<string, EnergyReading[]>; jobs?: JobRecord[] },
  period = { since: start, until: start + hour },
): EnergyReport {
  const clock = { ...realClock, unixMilliseconds: () => start + hour };
  const ledger = openLedger({ file: ':memory:', clock });
  for (const [nodeId, readings] of Object.entries(given.readings)) {
    ledger.recordReadings(nodeId, sampleMessage(1, readings));
  }
  for (const job of given.jobs ?? []) ledger.recordJob(job);
  const report = ledger.report(period);
  ledger.close();
  return report;
}

/** A window of `minutes` that ends `end` minutes after the start, at `watts`. */
function window(
  end: number,
  minutes: number,
  watts: number | null,
  change: Partial<EnergyReading> = {},
): EnergyReading {
  const t1 = start + end * 60_000;
  const microjoules = watts === null ? null : watts * minutes * 60 * 1e6;
  return sampleReading(t1, { t0: t1 - minutes * 60_000, microjoules, ...change });
}

const jobA = { spentOn: 'job' as const, jobIds: ['job-0000000a'] };

describe('energy report', () => {
  it('puts idle into the headline and leaves it out of the marginal figure', () => {
    const report = reportOver({
      readings: { a: [window(30, 30, 10), window(40, 10, 30, jobA), window(60, 20, 10)] },
      jobs: [sampleJob('job-0000000a', start + 40 * 60_000)],
    });
    const [wall] = report.scopes;
    assert.equal(wall?.joulesPerToken?.value, (50 * 60 * 10 + 10 * 60 * 30) / 100);
    assert.equal(wall?.joulesPerTokenMarginal?.value, (10 * 60 * 30) / 100);
    assert.equal(wall?.idleWattHoursPerDay?.value, ((50 / 60) * 10 * 24 * 60) / 60);
    assert.equal(wall?.wattHours.total.value, (50 * 10 + 10 * 30) / 60);
    assert.equal(report.coverage.share, 1);
    assert.equal(wall?.isLowerBound, false);
    assert.deepEqual(wall?.wattHours.job, { value: 5, low: 4.5, high: 5.5, isEstimated: false });
    assert.equal(report.models[0]?.energy[0]?.joulesPerTokenMarginal?.value, 180);
    assert.equal(report.clients[0]?.name, 'local');
  });

  it('never adds scopes: the best one stands for the node, the rest beside it', () => {
    const inner = { scope: 'package' as const, method: 'counter' as const, source: 'rapl' };
    const report = reportOver({
      readings: {
        a: [window(60, 60, 10), window(60, 60, 4, inner)],
        b: [window(60, 60, 6, inner)],
      },
    });
    assert.deepEqual(
      report.scopes.map((row) => [row.scope, row.nodes, row.wattHours.total.value]),
      [
        ['wall', 1, 10],
        ['package', 1, 6],
      ],
    );
    const [a] = report.nodes;
    assert.equal(a?.scope, 'wall');
    assert.deepEqual(
      a?.others.map((other) => [other.scope, other.wattHours.value]),
      [['package', 4]],
    );
    assert.deepEqual(a?.sources, ['plug-1']);
  });

  it('counts gaps and silence as uncovered, and calls the figures lower bounds', () => {
    const report = reportOver({
      readings: { a: [window(15, 15, 10), window(30, 15, null), window(60, 15, 10)] },
    });
    const { coverage } = report;
    assert.equal(coverage.nodeSeconds, 3600);
    assert.equal(coverage.measuredSeconds, 1800);
    assert.equal(coverage.uncoveredSeconds, 1800);
    assert.equal(coverage.gapSeconds, 900);
    assert.equal(coverage.share, 0.5);
    assert.equal(report.scopes[0]?.isLowerBound, true);
  });

  it('counts a node from its first reading, and not its open window', () => {
    const report = reportOver({ readings: { a: [window(59.5, 10, 10)] } });
    assert.equal(report.coverage.nodeSeconds, 600);
    assert.equal(report.coverage.share, 1);
  });

  it('has null and CPU seconds where there is no figure, and says what would give one', () => {
    const bare = { method: null, scope: null, quality: null, relativeError: null, cpuSeconds: 30 };
    const report = reportOver({
      readings: { a: [window(30, 30, null, bare), window(60, 30, null, { ...bare, ...jobA })] },
      jobs: [sampleJob('job-0000000a', start + 59 * 60_000)],
    });
    assert.deepEqual(report.scopes, []);
    const [a] = report.nodes;
    assert.equal(a?.wattHours, null);
    assert.equal(a?.joulesPerToken, null);
    assert.deepEqual(a?.cpuSeconds, { job: 30, other: 30 });
    assert.deepEqual(report.models[0]?.energy, []);
    assert.equal(report.models[0]?.cpuSeconds, 30);
    assert.match(report.notes[0] ?? '', /matching device profile or a meter/);
  });

  it('marks what holds an estimate, with the error of its parts added', () => {
    const guess = { quality: 'estimated' as const, method: 'model' as const, relativeError: null };
    const report = reportOver({ readings: { a: [window(30, 30, 10), window(60, 30, 10, guess)] } });
    const total = report.scopes[0]?.wattHours.total;
    assert.deepEqual(total, { value: 10, low: 7.5, high: 12.5, isEstimated: true });
  });

  it('leaves jobs with a gap out of the price of a token', () => {
    const jobB = { spentOn: 'job' as const, jobIds: ['job-0000000b'] };
    const report = reportOver({
      readings: {
        a: [window(10, 10, 30, jobA), window(20, 10, 30, jobB), window(30, 10, null, jobB)],
      },
      jobs: [
        sampleJob('job-0000000a', start + 10 * 60_000),
        sampleJob('job-0000000b', start + 30 * 60_000),
      ],
    });
    assert.equal(report.scopes[0]?.joulesPerTokenMarginal?.value, 180);
    assert.equal(report.tokens.output, 200);
  });

  it('shows the joules of jobs that it does not know under no name', () => {
    const both = { spentOn: 'job' as const, jobIds: ['job-0000000a', 'job-0000000b'] };
    const report = reportOver({
      readings: { a: [window(60, 60, 10, both)] },
      jobs: [sampleJob('job-0000000a', start + hour)],
    });
    assert.deepEqual(
      report.models.map((row) => [row.name, row.energy[0]?.wattHours.value]),
      [
        ['tiny:q8_0', 5],
        [null, 5],
      ],
    );
  });

  it('has nothing to say of an empty period', () => {
    const report = reportOver({ readings: {} });
    assert.equal(report.coverage.share, null);
    assert.deepEqual(report.nodes, []);
    assert.deepEqual(report.notes, []);
    assert.deepEqual(report.cpuSeconds, { job: null, other: null });
  });
});
