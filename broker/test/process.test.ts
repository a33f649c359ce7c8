// The broker as a process: what it tells its parent, and that nothing of it outlives anybody.
import { strict as assert } from 'node:assert';
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { reasonToSkip, until } from './broker-stand.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

interface Answer {
  ready: boolean;
  port?: number;
  tlsPort?: number | null;
  code?: string;
  message?: string;
}

describe('the broker process', () => {
  let state: string;
  const children = new Set<ChildProcess>();
  const launch = (args: string[] = [], environment: Record<string, string> = {}) => {
    const child = fork(main, ['--state', state, '--port', '0', '--tls-port', '0', ...args], {
      execArgv: ['--import', 'tsx'],
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    children.add(child);
    const lines: string[] = [];
    child.stderr?.on('data', (chunk: Buffer) => lines.push(...chunk.toString().split('\n')));
    const answer = new Promise<Answer>((resolve, reject) => {
      child.once('message', (message) => resolve(message as Answer));
      child.once('exit', () => reject(new Error(`exited: ${lines.join('\n')}`)));
    });
    const gone = new Promise<number | null>((resolve) => child.once('exit', resolve));
    return { child, answer, gone, lines };
  };
  before(() => {
    state = mkdtempSync(join(tmpdir(), 'salvage-broker-'));
  });
  after(() => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(state, { recursive: true, force: true });
  });

  it('says when it is ready, logs in kit’s shape, and ends with its parent’s channel', async () => {
    const { child, answer, gone, lines } = launch();
    const { ready, port, tlsPort } = await answer;
    assert.equal(ready, true);
    assert(port !== undefined && port > 0);
    assert.equal(tlsPort, null);
    await until('the log', () => lines.some((line) => line.includes('broker-ready')));
    const line = lines.find((text) => text.includes('broker-ready')) ?? '';
    const { at, level, event } = JSON.parse(line) as Record<string, string>;
    assert.deepEqual([level, event], ['info', 'broker-ready']);
    assert(!Number.isNaN(Date.parse(at ?? '')));
    child.disconnect();
    assert.equal(await gone, 0);
  });

  it('ends cleanly on SIGTERM', async () => {
    const { child, answer, gone } = launch();
    await answer;
    child.kill('SIGTERM');
    assert.equal(await gone, 0);
  });

  it('tells its parent why it cannot start', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await until('a held port', () => holder.listening);
    const address = holder.address();
    assert(address !== null && typeof address === 'object');
    const taken = launch(['--port', String(address.port)]);
    const { ready, code, message } = await taken.answer;
    assert.deepEqual([ready, code], [false, 'SLV_PORT_TAKEN']);
    assert.match(message ?? '', new RegExp(String(address.port)));
    assert.equal(await taken.gone, 1);
    holder.close();
    const wrong = launch(['--port', 'many', '--server', 'other']);
    const refusal = await wrong.answer;
    assert.equal(refusal.code, 'SLV_CONFIG');
    assert.match(refusal.message ?? '', /port.*server/s);
  });

  it('names the package when mosquitto is missing', { skip: hasSystemMosquitto() }, async () => {
    const { answer } = launch([], { SALVAGE_BROKER_SERVER: 'mosquitto', PATH: '/nonexistent' });
    assert.equal((await answer).code, 'SLV_NEEDS_TOOL');
  });

  describe('with mosquitto', { skip: reasonToSkip('mosquitto') }, () => {
    it('starts it again when it dies, and takes it along when killed itself', async () => {
      const { child, answer, gone } = launch([], { SALVAGE_BROKER_SERVER: 'mosquitto' });
      assert.equal((await answer).ready, true);
      const [first] = childrenOf(child.pid);
      assert(first !== undefined);
      process.kill(first, 'SIGKILL');
      await until('another mosquitto', () => {
        const [now] = childrenOf(child.pid);
        return now !== undefined && now !== first;
      });
      const [second] = childrenOf(child.pid);
      assert(second !== undefined);
      child.kill('SIGKILL');
      await gone;
      await until('mosquitto is gone', () => !runs(second));
    });
  });
});

/** Processes named mosquitto whose parent is `pid`, from proc(5). */
function childrenOf(pid: number | undefined): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && runs(Number(name)))
    .filter((name) => new RegExp(`^\\d+ \\(mosquitto\\) \\S ${pid} `).test(statOf(Number(name))))
    .map(Number);
}

/** False for what is gone and for zombies, which only wait to be counted. */
function runs(pid: number): boolean {
  const stat = statOf(pid);
  return stat !== '' && !/\) [ZX] /.test(stat);
}

function statOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return '';
  }
}

function hasSystemMosquitto(): string | false {
  const found = ['/usr/sbin', '/usr/local/sbin'].some((path) => existsSync(`${path}/mosquitto`));
  return found ? 'it is found in /usr/sbin whatever PATH says' : false;
}
