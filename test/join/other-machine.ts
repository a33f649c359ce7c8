// Another machine, as far as Linux can play one: a Debian root of its own, a network namespace whose
// one cable leads to the hub, its own process ids. The root's packages are kept between runs.
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '../lib/wait.ts';

const run = promisify(execFile);

export interface OtherMachine {
  root: string;
  hubAddress: string;
  /** Runs a line in its shell, as root. */
  run(line: string): Promise<{ code: number; output: string }>;
  /** Every file and its size, but for what the kernel shows and what commands leave in /tmp. */
  files(): Promise<string[]>;
  close(): Promise<void>;
}

const mirror = process.env['SALVAGE_TEST_DEBIAN_MIRROR'] ?? 'http://deb.debian.org/debian';
const suite = 'bookworm';
const cache = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'salvage',
  'test-roots',
);

async function rootArchive(): Promise<string> {
  const archive = join(cache, `${suite}.tar`);
  if (existsSync(archive)) return archive;
  mkdirSync(cache, { recursive: true });
  const part = join(cache, `${process.pid}.tar`);
  await run(
    'mmdebstrap',
    ['--quiet', '--variant=minbase', '--include=curl,sudo,passwd', suite, part, mirror],
    { maxBuffer: 1 << 24 },
  );
  await run('mv', [part, archive]);
  return archive;
}

/** Rejects when this is not root, or a tool is missing. */
export async function openOtherMachine(): Promise<OtherMachine> {
  const archive = await rootArchive();
  const root = mkdtempSync(join(tmpdir(), 'salvage-machine-'));
  await run('tar', ['-xf', archive, '-C', root]);
  const name = `salvage${process.pid}`;
  const [hubPort, ownPort] = [`sh${process.pid}`, `so${process.pid}`];
  const subnet = `10.213.${process.pid % 250}`;
  await run('ip', ['netns', 'add', name]);
  await run('ip', ['link', 'add', hubPort, 'type', 'veth', 'peer', 'name', ownPort, 'netns', name]);
  await run('ip', ['addr', 'add', `${subnet}.1/24`, 'dev', hubPort]);
  await run('ip', ['link', 'set', hubPort, 'up']);
  const inside = ['-n', name];
  await run('ip', [...inside, 'addr', 'add', `${subnet}.2/24`, 'dev', ownPort]);
  await run('ip', [...inside, 'link', 'set', ownPort, 'up']);
  await run('ip', [...inside, 'link', 'set', 'lo', 'up']);
  const mounts = [
    'mount -t proc proc /proc',
    'mount -t sysfs sysfs /sys',
    'mkdir -p /dev/shm && mount -t tmpfs tmpfs /dev/shm',
    'exec sleep infinity',
  ].join('; ');
  const init = spawn(
    'ip',
    [
      'netns',
      'exec',
      name,
      'unshare',
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      'chroot',
      root,
    ].concat(['sh', '-c', mounts]),
    { stdio: 'ignore' },
  );
  const close = async (): Promise<void> => {
    // Its first process takes all others with it (pid_namespaces(7)).
    const first = firstChildOf(init.pid ?? 0);
    if (first !== null) process.kill(first, 'SIGKILL');
    init.kill('SIGKILL');
    await run('ip', ['netns', 'del', name]).catch(() => undefined);
    await run('ip', ['link', 'del', hubPort]).catch(() => undefined);
    rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  const pid = await until('the machine to be up', 20, () => firstChildOf(init.pid ?? 0)).catch(
    async (error) => {
      await close();
      throw error;
    },
  );
  await until('its mounts', 20, () => existsSync(`/proc/${pid}/root/proc/1`));

  const inMachine = async (line: string): Promise<{ code: number; output: string }> => {
    const enter = ['-t', String(pid), '-m', '-n', '-p', '-r', '-w', 'sh', '-c', `cd / && ${line}`];
    const env = {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: '/root',
    };
    try {
      const { stdout, stderr } = await run('nsenter', enter, {
        env,
        timeout: 300_000,
        maxBuffer: 1 << 24,
      });
      return { code: 0, output: stdout + stderr };
    } catch (error) {
      const {
        code,
        stdout = '',
        stderr = '',
      } = error as { code?: number; stdout?: string; stderr?: string };
      return { code: code ?? 1, output: stdout + stderr };
    }
  };
  return {
    root,
    hubAddress: `${subnet}.1`,
    run: inMachine,
    files: async () => {
      const { output } = await inMachine(
        "find / -xdev -not -path '/tmp/*' -type f -printf '%p %s\\n'",
      );
      // Backups and locks that useradd(8) and userdel(8) leave, and sudo's time stamps, are theirs.
      const theirs =
        /^\/(etc\/(passwd|group|g?shadow|subuid|subgid)-? |run\/sudo|var\/log\/|var\/lib\/sudo)/;
      return output
        .split('\n')
        .filter((path) => path !== '' && !theirs.test(path))
        .sort();
    },
    close,
  };
}

/** `unshare` forks; its child is process 1 of the machine. */
function firstChildOf(parent: number): number | null {
  try {
    const text = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim();
    const child = Number(text.split(' ')[0]);
    if (!(child > 0)) return null;
    const command = readFileSync(`/proc/${child}/cmdline`, 'utf8');
    return command.startsWith('unshare') ? firstChildOf(child) : child;
  } catch {
    return null;
  }
}
