import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually, serveFake } from '../../planner/src/gateway/serve-fake.ts';
import { runHttpMutations } from './http-mutations.ts';

const whole = process.env['CI'] === 'true' || process.env['SALVAGE_TEST_ALL'] === '1';
const requests = whole ? 5_000 : 300;
const seed = Number(process.env['SALVAGE_TEST_SEED'] ?? 20251);

describe('hostile HTTP', () => {
  it(`serves on after ${requests} mutated requests (seed ${seed})`, async () => {
    const gateway = await serveFake();
    const faults: unknown[] = [];
    const note = (fault: unknown): void => {
      faults.push(fault);
    };
    process.on('uncaughtException', note);
    process.on('unhandledRejection', note);
    try {
      const { host, port, apiKey } = { host: '127.0.0.1', port: gateway.port, apiKey: 'good-key' };
      const result = await runHttpMutations({ host, port, apiKey, requests, seed });
      const seen = JSON.stringify(result.statuses);
      assert.equal(result.stillServes, true, seen);
      assert.equal(
        Object.values(result.statuses).reduce((sum, count) => sum + count, 0),
        requests,
      );
      // Nothing that a stranger sends is our bug: that would be a 500.
      assert.equal(result.statuses['500'] ?? 0, 0, seen);
      assert((result.statuses['400'] ?? 0) > 0 && (result.statuses['200'] ?? 0) > 0, seen);
      await eventually(() => gateway.cluster.open === 0, 'no answer is left open');
      const { phases, jobs } = gateway.cluster;
      const begun = phases.filter((phase) => phase === 'queued').length;
      await eventually(() => jobs.length === begun, 'every job was recorded');
      assert.deepEqual(faults, []);
    } finally {
      process.off('uncaughtException', note);
      process.off('unhandledRejection', note);
      await gateway.stop();
    }
  });
});
