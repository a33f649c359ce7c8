// A real cluster on this machine, started by the command that people use, with folders and ports of
// its own. More agents can join it.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pinOf } from '../../planner/src/hub/certificates.ts';
import { type OperatorClient, openOperator } from '../../planner/src/operator/client.ts';
import { until } from './wait.ts';

const run = promisify(execFile);
export const tree = fileURLToPath(new URL('../..', import.meta.url));
const salvage = join(tree, 'planner', 'src', 'cli', 'salvage.mjs');
const agentMain = join(tree, 'node-agent', 'src', 'main.ts');

export interface RunningCluster {
  state: string;
  cache: string;
  gatewayUrl: string;
  operatorKey: string;
  hubPort: number;
  mqttPort: number;
  operator: OperatorClient;
  /** What the command has printed so far. */
  output(): string;
  /** Joins one more agent on this machine; resolves when its node is awake. */
  addAgent(name: string): Promise<{ nodeId: string; child: ChildProcess }>;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  args?: string[];
  /** Left open to the network by default false: `--local`. */
  lan?: boolean;
  environment?: Record<string, string>;
  /** Folder for models and random-weight files that may be kept between tests. */
  cache?: string;
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Starts `salvage up` and waits until it serves. Its output goes into the error when it does not. */
export async function startCluster(options: ClusterOptions = {}): Promise<RunningCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'salvage-test-'));
  const state = join(folder, 'state');
  const cache = options.cache ?? join(folder, 'cache');
  const [gateway = 0, hub = 0, mqtt = 0, mqttTls = 0, tunnel = 0] = await freePorts(5);
  const args = [
    salvage,
    'up',
    ...['--state', state, '--cache', cache],
    ...['--gateway-port', String(gateway), '--hub-port', String(hub), '--mqtt-port', String(mqtt)],
    ...['--mqtt-tls-port', String(mqttTls), '--tunnel-port', String(tunnel)],
    ...(options.lan === true ? [] : ['--local']),
    ...(options.args ?? []),
  ];
  const child = spawn(process.execPath, args, {
    cwd: tree,
    env: { ...process.env, ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-100_000);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const agents: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const one of [...agents, child]) await end(one);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    await until('salvage up to serve', 120, () => {
      if (child.exitCode !== null) throw new Error('it ended');
      return output.includes('Ctrl-C stops it');
    });
  } catch (error) {
    const logs = await lastLogs(state);
    await stop();
    throw new Error(`${(error as Error).message}\n${output}\n${logs}`);
  }
  const operator = await openOperator({ state });
  return {
    state,
    cache,
    gatewayUrl: operator.gatewayUrl,
    operatorKey: (await readFile(join(state, 'keys', 'operator'), 'utf8')).trim(),
    hubPort: hub,
    mqttPort: mqtt,
    operator,
    output: () => output,
    addAgent: async (name) => {
      const agent = await addAgent({
        name,
        state: folder,
        hub,
        mqtt,
        cache,
        operator,
        planner: state,
      });
      agents.push(agent.child);
      return agent;
    },
    stop,
  };
}

async function addAgent(options: {
  name: string;
  state: string;
  planner: string;
  hub: number;
  mqtt: number;
  cache: string;
  operator: OperatorClient;
}): Promise<{ nodeId: string; child: ChildProcess }> {
  const state = join(options.state, options.name);
  const pin = pinOf(await readFile(join(options.planner, 'tls', 'hub-key.pem'), 'utf8'));
  const { token } = await options.operator.createToken({
    for: 'node',
    name: options.name,
    expiresSeconds: 300,
    local: true,
  });
  const base = ['--import', 'tsx', agentMain];
  const hubUrl = `https://127.0.0.1:${options.hub}`;
  await run(
    process.execPath,
    [...base, 'enrol', '--state', state, '--hub', hubUrl, '--pin', pin, '--token', token].concat([
      '--name',
      options.name,
    ]),
    { cwd: tree },
  );
  const { nodeId } = JSON.parse(await readFile(join(state, 'identity.json'), 'utf8')) as {
    nodeId: string;
  };
  const child = spawn(
    process.execPath,
    [...base, 'run', '--state', state, '--cache', join(state, 'cache'), '--local'].concat([
      '--mqtt-url',
      `mqtt://127.0.0.1:${options.mqtt}`,
    ]),
    { cwd: tree, stdio: 'ignore' },
  );
  await until(`${nodeId} to be awake`, 60, async () => {
    const { nodes } = await options.operator.status();
    return nodes.some((node) => node.nodeId === nodeId && node.state === 'awake');
  });
  return { nodeId, child };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await gone;
  clearTimeout(timer);
}

async function lastLogs(state: string): Promise<string> {
  const texts = ['broker', 'planner', 'agent'].map(async (name) => {
    const text = await readFile(join(state, 'logs', `${name}.log`), 'utf8').catch(() => '');
    return `--- ${name}\n${text.slice(-2_000)}`;
  });
  return (await Promise.all(texts)).join('\n');
}
