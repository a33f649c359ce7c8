// Debian's mosquitto in Aedes' place: a child that listens on a UNIX socket in our own folder. The
// doors stay ours, so guards, TLS and admission are the same for both servers and the port never
// moves when the child does.
//
// The child must not outlive us, however we die. It has no channel to watch, so it is started
// through setpriv (util-linux, on every Debian): the kernel kills it when this process ends. That
// holds as long as the child does not change its user, which is why its settings name ours. It is a
// session of its own, so that Ctrl-C in a terminal ends the broker first.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { endChild, restartPolicy, restartWait, SalvageError, writeFileWhole } from '@salvage/kit';
import { limits } from './limits.ts';
import { printAccess, printPasswords, printSettings } from './mosquitto-files.ts';
import type { MqttServer, ServerOptions } from './server.ts';

/** Starts mosquitto. Rejects with SLV_NEEDS_TOOL when it is not installed. */
export async function startMosquitto(options: ServerOptions): Promise<MqttServer> {
  const { clock, log } = options;
  const mosquitto = await findTool('mosquitto', 'mosquitto');
  const setpriv = await findTool('setpriv', 'util-linux');
  const folder = join(options.state, 'broker', 'mosquitto');
  const settings = join(folder, 'mosquitto.conf');
  const paths = {
    socket: join(folder, 'socket'),
    passwords: join(folder, 'passwords'),
    access: join(folder, 'access'),
  };
  if (Buffer.byteLength(paths.socket) > limits.socketPathBytesMax) {
    throw new SalvageError('SLV_CONFIG', `${paths.socket} is too long for a UNIX socket`, {
      hint: 'choose a state folder with a shorter path, or run the broker on aedes',
    });
  }
  const writeCredentials = async (): Promise<void> => {
    await writeFileWhole(paths.passwords, printPasswords(options.credentials()));
    await writeFileWhole(paths.access, printAccess(options.credentials()));
  };
  await writeFileWhole(settings, printSettings(paths, userInfo().username));
  await writeCredentials();

  const stopping = new AbortController();
  let child: ChildProcess | null = null;
  let failures = 0;
  let lastLine = '';
  const reloads = new Set<() => void>();

  const start = (): void => {
    const startedAt = clock.monotonicMilliseconds();
    // What a killed one left behind would be in the way.
    rmSync(paths.socket, { force: true });
    const started = spawn(setpriv, ['--pdeathsig', 'KILL', '--', mosquitto, '-c', settings], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    child = started;
    createInterface({ input: started.stderr }).on('line', (text) => {
      lastLine = text.replace(/^\d+: /, '').slice(0, limits.mosquittoLineCharactersMax);
      log.debug('mosquitto', { line: lastLine });
      if (lastLine.startsWith('Reloading config')) for (const reloaded of reloads) reloaded();
    });
    started.once('error', (error) => log.error('mosquitto-error', { problem: error.message }));
    started.once('exit', (code, signal) => {
      child = null;
      if (stopping.signal.aborted) return;
      const lived = clock.monotonicMilliseconds() - startedAt;
      failures = lived >= restartPolicy.calmMilliseconds ? 0 : failures;
      const restartInMilliseconds = restartWait(failures);
      failures += 1;
      log.error('mosquitto-exited', { code, signal, lastLine, restartInMilliseconds });
      void clock.sleep(restartInMilliseconds, stopping.signal).then(() => {
        if (!stopping.signal.aborted) start();
      });
    });
  };

  const stop = async (): Promise<void> => {
    stopping.abort();
    if (child !== null) await endChild(child, limits.stopMilliseconds, clock);
  };
  start();
  try {
    await answers();
  } catch (error) {
    await stop();
    throw error;
  }

  /** Resolves when somebody answers on the socket. */
  async function answers(): Promise<void> {
    const until = clock.monotonicMilliseconds() + limits.mosquittoStartMilliseconds;
    while (!(await canConnect(paths.socket))) {
      if (clock.monotonicMilliseconds() > until) {
        throw new SalvageError('SLV_BROKER', `mosquitto does not start: ${lastLine}`);
      }
      await clock.sleep(20);
    }
  }

  return {
    name: 'mosquitto',
    version: await versionOf(mosquitto),
    accept: (connection) => {
      const inner = connect(paths.socket);
      inner.on('error', () => undefined);
      inner.once('close', () => connection.destroy());
      connection.once('close', () => inner.destroy());
      connection.pipe(inner);
      inner.pipe(connection);
    },
    refresh: async () => {
      await writeCredentials();
      // A child that is just being started again reads the new files anyway.
      if (child === null) return;
      const reloaded = new AbortController();
      const done = (): void => reloaded.abort();
      reloads.add(done);
      child.kill('SIGHUP');
      await clock.sleep(limits.mosquittoReloadMilliseconds, reloaded.signal);
      reloads.delete(done);
      if (!reloaded.signal.aborted) {
        throw new SalvageError('SLV_BROKER', 'mosquitto did not read its new password file');
      }
    },
    stop,
  };
}

function canConnect(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Debian keeps daemons in /usr/sbin, which is not on every user's PATH. */
async function findTool(name: string, debianPackage: string): Promise<string> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  for (const folder of folders.filter((path) => path !== '')) {
    const file = join(folder, name);
    try {
      await access(file, constants.X_OK);
      return file;
    } catch {
      // Not in this folder: the next one may have it.
    }
  }
  throw new SalvageError('SLV_NEEDS_TOOL', `${name} is not installed`, {
    hint: `sudo apt install ${debianPackage}`,
  });
}

/** `mosquitto -h` begins with "mosquitto version 2.0.11" and, by design, exits with a failure. */
async function versionOf(mosquitto: string): Promise<string> {
  const { stdout } = await promisify(execFile)(mosquitto, ['-h']).catch((error: unknown) => ({
    stdout: String((error as { stdout?: unknown }).stdout ?? ''),
  }));
  return /version (\S+)/.exec(stdout)?.[1] ?? 'unknown';
}
