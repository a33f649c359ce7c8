// An energy report of a day, made by the real reportOf from sums: a laptop with an estimate at the
// wall, a desktop with RAPL alone, and a board with CPU seconds only.

import { type EnergyReport, reportOf } from '../../ledger/report.ts';
import type { EnergySum, LedgerRows } from '../../ledger/rows.ts';
import { stubNow } from './stub-views.ts';

const day = 24 * 3600_000;
const since = stubNow - day;

function energy(change: Partial<EnergySum>): EnergySum {
  const whole: EnergySum = {
    ...{ nodeId: 'attic-x230', spentOn: 'idle', scope: 'wall', quality: 'estimated' },
    ...{ source: 'profile thinkpad-x230', microjoules: 0n, errorMicrojoules: 0n },
    ...{ milliseconds: 0, cpuSeconds: 0, ...change },
  };
  const error = whole.quality === 'estimated' ? 40n : 5n;
  const microjoules = whole.microjoules;
  return {
    ...whole,
    errorMicrojoules: microjoules === null ? null : (microjoules * error) / 100n,
  };
}

const joules = (value: number): bigint => BigInt(value) * 1_000_000n;

export const stubRows: LedgerRows = {
  since,
  until: stubNow,
  spans: [
    { nodeId: 'attic-x230', firstAt: since - day, lastAt: stubNow - 9_000 },
    { nodeId: 'office-3010', firstAt: since - day, lastAt: stubNow - 9_000 },
    { nodeId: 'pi-shelf', firstAt: since - day, lastAt: stubNow - 3 * 3600_000 },
  ],
  energy: [
    energy({
      spentOn: 'job',
      microjoules: joules(96_000),
      milliseconds: 3_000_000,
      cpuSeconds: 5_900,
    }),
    energy({
      spentOn: 'overhead',
      microjoules: joules(3_000),
      milliseconds: 94_000,
      cpuSeconds: 160,
    }),
    energy({ microjoules: joules(520_000), milliseconds: 79_000_000, cpuSeconds: 310 }),
    energy({
      scope: null,
      quality: null,
      microjoules: null,
      milliseconds: 4_297_000,
      cpuSeconds: null,
    }),
    energy({
      scope: 'package',
      quality: 'measured',
      source: 'rapl',
      microjoules: joules(110_000),
      milliseconds: 79_000_000,
    }),
    energy({
      ...{ nodeId: 'office-3010', spentOn: 'job', scope: 'package', quality: 'measured' },
      ...{ source: 'rapl', microjoules: joules(21_000), milliseconds: 900_000, cpuSeconds: 3_400 },
    }),
    energy({
      ...{ nodeId: 'office-3010', scope: 'package', quality: 'measured', source: 'rapl' },
      ...{ microjoules: joules(420_000), milliseconds: 85_491_000, cpuSeconds: 700 },
    }),
    energy({
      ...{ nodeId: 'pi-shelf', spentOn: 'job', scope: null, quality: null, source: 'no meter' },
      ...{ microjoules: null, milliseconds: 60_000, cpuSeconds: 220 },
    }),
  ],
  shares: [
    {
      ...{ nodeId: 'attic-x230', scope: 'wall', quality: 'estimated', modelId: 'qwen3-0.6b:q8_0' },
      ...{ client: 'kitchen', microjoules: joules(90_000), errorMicrojoules: joules(36_000) },
      cpuSeconds: 5_500,
    },
    {
      ...{ nodeId: 'attic-x230', scope: 'wall', quality: 'estimated', modelId: null, client: null },
      ...{ microjoules: joules(6_000), errorMicrojoules: joules(2_400), cpuSeconds: 400 },
    },
    {
      ...{ nodeId: 'office-3010', scope: 'package', quality: 'measured', client: 'local' },
      ...{ modelId: 'qwen3-0.6b:q8_0', microjoules: joules(21_000) },
      ...{ errorMicrojoules: joules(1_050), cpuSeconds: 3_400 },
    },
    {
      ...{ nodeId: 'pi-shelf', scope: null, quality: null, modelId: 'tales', client: 'local' },
      ...{ microjoules: null, errorMicrojoules: null, cpuSeconds: 220 },
    },
  ],
  meteredJobs: [
    {
      ...{ scope: 'wall', modelId: 'qwen3-0.6b:q8_0', client: 'kitchen', outputTokens: 33_000 },
      ...{ microjoules: joules(88_000), errorMicrojoules: joules(35_200), isEstimated: true },
    },
    {
      ...{ scope: 'package', modelId: 'qwen3-0.6b:q8_0', client: 'local', outputTokens: 9_600 },
      ...{ microjoules: joules(21_000), errorMicrojoules: joules(1_050), isEstimated: false },
    },
  ],
  jobs: [
    {
      ...{ nodeId: 'attic-x230', modelId: 'qwen3-0.6b:q8_0', client: 'kitchen', phase: 'done' },
      ...{ jobs: 210, promptTokens: 180_000, cachedTokens: 120_000, outputTokens: 34_100 },
    },
    {
      ...{ nodeId: 'attic-x230', modelId: 'qwen3-0.6b:q8_0', client: 'kitchen', phase: 'failed' },
      ...{ jobs: 2, promptTokens: 800, cachedTokens: 0, outputTokens: 12 },
    },
    {
      ...{ nodeId: 'office-3010', modelId: 'qwen3-0.6b:q8_0', client: 'local', phase: 'done' },
      ...{ jobs: 41, promptTokens: 6_000, cachedTokens: 0, outputTokens: 9_600 },
    },
    {
      ...{ nodeId: 'pi-shelf', modelId: 'tales', client: 'local', phase: 'done' },
      ...{ jobs: 1, promptTokens: 10, cachedTokens: 0, outputTokens: 200 },
    },
  ],
};

export function stubReport(): EnergyReport {
  return reportOf(stubRows);
}
