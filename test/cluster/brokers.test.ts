// Retained state lives in the broker's memory alone: programs republish their own on every
// connect. A broker that is killed at random moments must change nothing but the wait; and Debian's
// mosquitto does the same work by one setting.
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { clusterProcesses } from '../lib/processes.ts';
import { type RunningCluster, startCluster } from '../lib/running-cluster.ts';
import { until } from '../lib/wait.ts';

async function answers(cluster: RunningCluster): Promise<boolean> {
  const response = await fetch(`${cluster.gatewayUrl}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'salvage-demo', prompt: 'Once upon a time', max_tokens: 8 }),
  });
  return response.ok && ((await response.json()) as { choices: unknown[] }).choices.length === 1;
}

/** Kills the broker, then waits until a drained node proves that wishes arrive again. */
async function survivesBrokerDeath(cluster: RunningCluster): Promise<void> {
  const before = clusterProcesses(cluster.state).broker;
  assert.ok(before !== null);
  process.kill(before, 'SIGKILL');
  assert.ok(await answers(cluster), 'answers while the broker is away');
  await until('a new broker', 30, () => {
    const { broker } = clusterProcesses(cluster.state);
    return broker !== null && broker !== before;
  });
  await until('planner and node to be connected', 45, async () => {
    const { brokerConnected, nodes } = await cluster.operator.status();
    return brokerConnected && nodes.every((node) => node.state === 'awake');
  });
  const [node] = (await cluster.operator.status()).nodes;
  assert.ok(node !== undefined);
  await cluster.operator.changeNode(node.nodeId, { drained: true });
  await until('the drained node to run nothing', 60, async () => {
    const [now] = (await cluster.operator.status()).nodes;
    return now?.engines.length === 0;
  });
  await cluster.operator.changeNode(node.nodeId, { drained: false });
  await until('an answer', 60, () => answers(cluster));
}

describe('a broker that dies', () => {
  let cluster: RunningCluster;
  before(async () => {
    cluster = await startCluster();
  });
  after(() => cluster?.stop());

  it('changes nothing but the wait, twice', async () => {
    for (let round = 0; round < 2; round += 1) {
      // A random moment: between no wait and a second.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 1_000));
      await survivesBrokerDeath(cluster);
    }
  });
});

const hasMosquitto = ((): boolean => {
  try {
    execFileSync('sh', ['-c', 'command -v mosquitto || test -x /usr/sbin/mosquitto']);
    return true;
  } catch {
    return false;
  }
})();
const skip = hasMosquitto || process.env['CI'] !== undefined ? false : 'apt install mosquitto';

describe('the cluster on mosquitto', { skip }, () => {
  let cluster: RunningCluster;
  before(async () => {
    cluster = await startCluster({ args: ['--broker', 'mosquitto'] });
  });
  after(() => cluster?.stop());

  it('answers, and says which broker it runs', async () => {
    assert.ok(await answers(cluster));
    assert.equal((await cluster.operator.status()).broker?.server, 'mosquitto');
  });

  it('survives its death', () => survivesBrokerDeath(cluster));
});
