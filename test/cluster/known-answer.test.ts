// The known answer of a public model, through the gateway, on one agent and with two: greedy text
// that a different implementation gave as well. And what the official client asks for.
import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openaiScenarios } from '../lib/openai-scenarios.ts';
import { type RunningCluster, startCluster } from '../lib/running-cluster.ts';
import { until } from '../lib/wait.ts';

const models = process.env['SALVAGE_TEST_MODELS'];
const skip = models === undefined ? 'SALVAGE_TEST_MODELS names no folder' : false;
/** llama.cpp v0.5.0, F32, temperature 0, 64 tokens. */
const known =
  ', there was a little girl named Lily. She loved to play outside in the park. One day, she saw a ' +
  "big, red ball. She wanted to play with it, but it was too high.\nLily's mom said";
const prompt = 'Once upon a time';

async function complete(
  cluster: RunningCluster,
  model: string,
): Promise<{ text: string; node: string }> {
  const response = await fetch(`${cluster.gatewayUrl}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, prompt, max_tokens: 64, temperature: 0 }),
  });
  const body = (await response.json()) as {
    choices: { text: string }[];
    salvage: { node: string };
  };
  assert.equal(response.status, 200, JSON.stringify(body));
  return { text: body.choices[0]?.text ?? '', node: body.salvage.node };
}

describe('the known answer', { skip }, () => {
  let cluster: RunningCluster;
  let model = '';
  before(async () => {
    const file = join(models ?? '', 'stories260K-f32.gguf');
    cluster = await startCluster({
      args: ['--model', file, '--prompt', prompt, '--tokens-max', '20'],
    });
    model = (await cluster.operator.models())[0]?.modelId ?? '';
  });
  after(() => cluster?.stop());

  it('comes on one agent', async () => {
    assert.equal((await complete(cluster, model)).text, known);
  });

  it('comes with two agents, from either of them', async () => {
    const first = await complete(cluster, model);
    const { nodeId } = await cluster.addAgent('second');
    assert.equal((await complete(cluster, model)).text, known);
    await cluster.operator.changeNode(first.node, { drained: true });
    const second = await until('an answer from the second node', 60, async () => {
      const answer = await complete(cluster, model);
      return answer.node === nodeId ? answer : null;
    });
    assert.equal(second.text, known);
    await cluster.operator.changeNode(first.node, { drained: false });
  });

  it('links the two nodes by measured round trip', async () => {
    const log = join(cluster.state, 'logs', 'planner.log');
    const line = await until('a measured link', 60, async () =>
      (await readFile(log, 'utf8')).split('\n').find((one) => one.includes('"link-measured"')),
    );
    const link = JSON.parse(line) as { roundTripMilliseconds: number; bytesPerSecond: number };
    assert.ok(link.roundTripMilliseconds > 0 && link.bytesPerSecond > 1e6, line);
  });
});

describe('the official client, against a real cluster', () => {
  let cluster: RunningCluster;
  before(async () => {
    cluster = await startCluster();
  });
  after(() => cluster?.stop());

  for (const scenario of openaiScenarios) {
    it(scenario.name, async () => {
      await scenario.run({
        baseUrl: `${cluster.gatewayUrl}/v1`,
        apiKey: cluster.operatorKey,
        model: 'salvage-demo',
        chatModel: 'salvage-demo',
      });
    });
  }
});
