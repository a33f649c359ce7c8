// The broker as it runs, a process of its own, under mutated connections: one crash and it is gone.
import { strict as assert } from 'node:assert';
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { encode, wireVersion } from '@salvage/contract';
import { hashPassword } from '@salvage/kit';
import mqtt from 'mqtt';
import { type Login, runMqttMutations } from './mqtt-mutations.ts';

const main = fileURLToPath(new URL('../../broker/src/main.ts', import.meta.url));
const everything = process.env['SALVAGE_TEST_ALL'] === '1' || process.env['CI'] !== undefined;
const connections = everything ? 20_000 : 500;
const host = '127.0.0.1';
const node = { user: 'target', password: 'a password of the target', nodeId: 'target' };

describe('a broker under mutated connections', () => {
  let state: string;
  let broker: ChildProcess;
  let port: number;
  let planner: Login;

  before(async () => {
    state = mkdtempSync(join(tmpdir(), 'salvage-hostile-'));
    broker = fork(main, ['--state', state, '--port', '0', '--log-level', 'error'], {
      execArgv: ['--import', 'tsx'],
    });
    port = await new Promise<number>((resolve, reject) => {
      broker.once('message', (message) => resolve((message as { port: number }).port));
      broker.once('exit', (code) => reject(new Error(`the broker ended with ${code}`)));
    });
    planner = JSON.parse(readFileSync(join(state, 'keys', 'planner-mqtt.json'), 'utf8')) as Login;
    await introduceNode(port, planner);
  });
  after(() => {
    broker?.kill('SIGKILL');
    rmSync(state, { recursive: true, force: true });
  });

  it(`serves on after ${connections} of them`, async (t) => {
    const seed = Number(process.env['SALVAGE_TEST_SEED'] ?? 20_260);
    const startedAt = performance.now();
    const report = await runMqttMutations({
      host,
      port,
      credentials: { planner, node },
      connections,
      seed,
      log: (line) => t.diagnostic(line),
    });
    const seconds = (performance.now() - startedAt) / 1000;
    t.diagnostic(`seed ${seed}, ${seconds.toFixed(1)} s: ${JSON.stringify(report)}`);
    t.diagnostic(`memory of the broker afterwards: ${memoryMegabytesOf(broker.pid)} MB`);
    assert.equal(broker.exitCode, null);
    assert.equal(broker.signalCode, null);
    assert.equal(report.stillServes, true);
    assert.equal(report.connections, connections);
    assert.equal(report.failed, 0);
    assert(report.accepted > connections / 10, 'many conversations got past the door');
    assert(report.closedByServer > 0, 'the broker refuses what is broken');
  });
});

/** Sends the wish that holds the node's credential, and waits until its login is accepted. */
async function introduceNode(port: number, planner: Login): Promise<void> {
  const login = ({ user, password }: Login) => ({
    clientId: user,
    username: user,
    password,
    reconnectPeriod: 0,
  });
  const url = `mqtt://${host}:${port}`;
  const client = await mqtt.connectAsync(url, login(planner));
  const { topic, payload } = encode(
    'brokerDesired',
    {},
    {
      v: wireVersion,
      revision: 1,
      lanOpen: false,
      credentials: [
        { user: node.user, role: 'node', nodeId: node.nodeId, hash: hashPassword(node.password) },
      ],
    },
  );
  const reached = new Promise<void>((resolve) => {
    client.on('message', (_topic, text) => {
      const status = JSON.parse(text.toString()) as { desiredRevision: number };
      if (status.desiredRevision === 1) resolve();
    });
  });
  await client.subscribeAsync('salvage/v1/broker/status');
  await client.publishAsync(topic, payload, { qos: 1, retain: true });
  await reached;
  await client.endAsync();
}

/** Resident memory from proc(5), status. */
function memoryMegabytesOf(pid: number | undefined): string {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return (Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) / 1024).toFixed(0);
}
