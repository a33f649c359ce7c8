// The second machine: a network namespace with a Debian root that has no Node joins by the line
// that `npm start` printed, and answers. A hub with another key gets nothing run; uninstalling leaves
// nothing. Needs root, mmdebstrap and namespaces.
import { strict as assert } from 'node:assert';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { type RunningCluster, startCluster } from '../lib/running-cluster.ts';
import { until } from '../lib/wait.ts';
import { type OtherMachine, openOtherMachine } from './other-machine.ts';

const joinLine = /curl -fsS --insecure --pinnedpubkey '(sha256\/\/[^']+)' (https:\S+) \| sudo sh/;

describe('a second machine', () => {
  let machine: OtherMachine;
  let cluster: RunningCluster;
  before(async () => {
    machine = await openOtherMachine();
    cluster = await startCluster({ lan: true, args: ['--address', machine.hubAddress] });
  });
  after(async () => {
    await cluster?.stop();
    await machine?.close();
  });

  const line = (): string => {
    const [text] = joinLine.exec(cluster.output()) ?? [];
    assert.ok(text !== undefined, cluster.output());
    return text;
  };

  it('has no Node, and reaches nothing but the hub', async () => {
    assert.notEqual((await machine.run('command -v node npm git cc')).code, 0);
    assert.notEqual((await machine.run('curl -m 3 -sS http://1.1.1.1/')).code, 0);
  });

  it('runs nothing of a hub that has another key', async () => {
    const wrong = line().replace(
      /sha256\/\/[^']+/,
      `sha256//${Buffer.alloc(32, 7).toString('base64')}`,
    );
    const before = await machine.files();
    const { output } = await machine.run(wrong);
    assert.match(output, /public key does not match/);
    assert.deepEqual(await machine.files(), before);
  });

  it('joins by the printed line and answers', async (t) => {
    const before = await machine.files();
    const startedAt = Date.now();
    const seconds = (): string => ((Date.now() - startedAt) / 1000).toFixed(0);
    const joined = await machine.run(line());
    assert.equal(joined.code, 0, joined.output);
    t.diagnostic(`joined after ${seconds()} s`);
    const known = (await cluster.operator.status()).nodes.filter((node) => node.local);
    const node = await until('the new node', 60, async () => {
      const { nodes } = await cluster.operator.status();
      return nodes.find((one) => !one.local && one.state === 'awake');
    });
    t.diagnostic(`${node.nodeId} is awake after ${seconds()} s`);
    for (const { nodeId } of known) await cluster.operator.changeNode(nodeId, { drained: true });
    const answer = await until('an answer from it', 90, async () => {
      const response = await fetch(`${cluster.gatewayUrl}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'salvage-demo',
          messages: [{ role: 'user', content: 'Tell me a story.' }],
          max_tokens: 40,
        }),
      });
      const body = (await response.json()) as {
        salvage?: { node: string };
        choices?: { message: { content: string } }[];
      };
      return body.salvage?.node === node.nodeId ? body : null;
    });
    t.diagnostic(`answered after ${seconds()} s: ${answer.choices?.[0]?.message.content}`);

    const removed = await machine.run('salvage-agent uninstall');
    assert.equal(removed.code, 0, removed.output);
    assert.deepEqual(await machine.files(), before);
    assert.doesNotMatch((await machine.run('cat /proc/[0-9]*/cmdline')).output, /agent\.mjs/);
    await until('the hub to see it go', 30, async () => {
      const { nodes } = await cluster.operator.status();
      return nodes.find((one) => one.nodeId === node.nodeId)?.state === 'gone';
    });
  });

  it('cannot use a token twice', async () => {
    const { output } = await machine.run(line());
    assert.match(output, /403|not known/);
    assert.ok(!existsSync(`${machine.root}/opt/salvage`));
  });
});
