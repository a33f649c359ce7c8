// One command on a fresh state folder: what it prints, what it serves, and that nothing is left.
import { strict as assert } from 'node:assert';
import { after, before, describe, it } from 'node:test';
import OpenAI from 'openai';
import { clusterProcesses } from '../lib/processes.ts';
import { type RunningCluster, startCluster } from '../lib/running-cluster.ts';
import { until } from '../lib/wait.ts';

describe('salvage up', () => {
  let cluster: RunningCluster;
  before(async () => {
    cluster = await startCluster();
  });
  after(() => cluster.stop());

  it('prints an answer, its cost, the nodes, and the next steps', () => {
    const output = cluster.output();
    assert.match(output, /salvage-demo .*it only tells stories/);
    assert.match(output, /> Tell me a story[^\n]*\n\n[A-Z][^\n]{40,}/);
    assert.match(output, /cost: \d+ tokens in [\d.]+ s, [\d.]+ tokens\/s, [\d.]+ CPU s, /);
    assert.match(output, /first word after [\d.]+ s/);
    assert.match(output, /no joules: no meter is read on \S+ yet|[\d.]+ J .*E/);
    assert.match(output, /This machine can be:\n.*worker/);
    assert.match(output, /curl http:\/\/127\.0\.0\.1:\d+\/v1\/chat\/completions/);
    assert.match(output, /npx salvage models (add hf:|list)/);
    assert.match(output, /--local/);
  });

  it('answers the official client with the energy block', async () => {
    const client = new OpenAI({
      baseURL: `${cluster.gatewayUrl}/v1`,
      apiKey: 'unused',
      maxRetries: 0,
    });
    const chat = await client.chat.completions.create(
      {
        model: 'salvage-demo',
        messages: [{ role: 'user', content: 'What is salvage?' }],
        max_tokens: 60,
      },
      { headers: { authorization: null } },
    );
    assert.ok((chat.choices[0]?.message.content?.length ?? 0) > 10);
    const { salvage } = chat as unknown as { salvage: Record<string, unknown> };
    assert.equal(typeof salvage['cpu_seconds'], 'number');
    assert.ok('energy' in salvage);
    if (salvage['energy'] === null) assert.match(String(salvage['energy_null_because']), /\w+/);
  });

  it('keeps the job and its readings in the ledger', async () => {
    const now = Date.now();
    const report = await until('readings of a job', 30, async () => {
      const found = await cluster.operator.energy({ since: now - 600_000, until: now + 60_000 });
      return JSON.stringify(found).includes('salvage-demo') ? found : null;
    });
    assert.ok(JSON.stringify(report).length > 100);
    const jobs = await cluster.operator.jobs(10);
    assert.ok(jobs.some((job) => job.phase === 'done' && (job.timings?.outputTokens ?? 0) > 0));
  });

  it('leaves no process behind', async () => {
    const { state } = cluster;
    await cluster.stop();
    const left = await until('all processes to be gone', 10, () => {
      const { broker, planner, agents, engines } = clusterProcesses(state);
      return broker === null && planner === null && agents.length + engines.length === 0;
    });
    assert.ok(left);
  });
});
