// The bundled agent at idle, connected, beside a bare Node process in the same minute: resident and
// private memory, CPU seconds. Its engine is not loaded; benchmarks are done before the clock starts.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pinOf } from '../../planner/src/hub/certificates.ts';
import { startCluster, tree } from '../../test/lib/running-cluster.ts';
import { until } from '../../test/lib/wait.ts';
import type { Row } from './rows.ts';

const nodeArgs = ['--max-semi-space-size=1', '--lite-mode']; // as the joined machine's wrapper starts it

export async function idleAgent(seconds: number): Promise<Row[]> {
  // Below the tree, where the bundle finds its engine's package.
  mkdirSync(join(tree, 'dist'), { recursive: true });
  const folder = mkdtempSync(join(tree, 'dist', 'bench-'));
  const cluster = await startCluster();
  execFileSync(
    process.execPath,
    ['--import', 'tsx', join(tree, 'scripts/bundle-agent.ts'), '--out', folder],
    {
      cwd: tree,
      stdio: 'ignore',
    },
  );
  const bundle = join(folder, 'agent.mjs');
  const state = join(folder, 'state');
  const pin = pinOf(readFileSync(join(cluster.state, 'tls', 'hub-key.pem'), 'utf8'));
  const wish = { for: 'node', name: 'bench', expiresSeconds: 600, local: true } as const;
  const { token } = await cluster.operator.createToken(wish);
  const hub = `https://127.0.0.1:${cluster.hubPort}`;
  const enrol = [
    'enrol',
    '--state',
    state,
    '--hub',
    hub,
    '--pin',
    pin,
    '--token',
    token,
    '--name',
    'bench',
  ];
  execFileSync(process.execPath, [bundle, ...enrol], { stdio: 'ignore' });
  const mqttUrl = `mqtt://127.0.0.1:${cluster.mqttPort}`;
  const run = [
    'run',
    '--state',
    state,
    '--cache',
    join(folder, 'cache'),
    '--local',
    '--mqtt-url',
    mqttUrl,
  ];
  const agent = spawn(process.execPath, [...nodeArgs, bundle, ...run], {
    stdio: 'ignore',
  });
  const bare = spawn(process.execPath, [...nodeArgs, '-e', 'setInterval(() => undefined, 1000)'], {
    stdio: 'ignore',
  });
  try {
    await until('the agent to have measured itself', 400, async () => {
      const { nodes } = await cluster.operator.status();
      const node = nodes.find((one) => one.nodeId === 'bench');
      return node?.benchmark?.kind === 'full';
    });
    await pause(30);
    const before = cpuSecondsOf(agent.pid ?? 0);
    await pause(seconds);
    const cpu = ((cpuSecondsOf(agent.pid ?? 0) - before) * 60) / seconds;
    const [own, base] = [memoryOf(agent.pid ?? 0), memoryOf(bare.pid ?? 0)];
    return [
      row(
        'agent at idle: RSS above a bare node',
        (own.resident - base.resident) / 1e6,
        'MB',
        '<= 25',
      ),
      row('agent at idle: private memory', own.private / 1e6, 'MB', ''),
      row('bare node: private memory', base.private / 1e6, 'MB', ''),
      row('agent at idle: CPU seconds a minute', cpu, 's', '<= 0.12'),
    ];
  } finally {
    agent.kill('SIGTERM');
    bare.kill();
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function row(what: string, value: number, unit: string, aim: string): Row {
  return { what, value, spread: null, unit, aim };
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** Bytes; from smaps_rollup (proc_pid_smaps(5)). */
function memoryOf(pid: number): { resident: number; private: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kibibytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1]);
  const own = kibibytes('Private_Clean') + kibibytes('Private_Dirty');
  return { resident: kibibytes('Rss') * 1024, private: own * 1024 };
}

function cpuSecondsOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return ((fields[11] ?? 0) + (fields[12] ?? 0)) / 100;
}
