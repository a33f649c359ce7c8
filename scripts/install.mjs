// Installs the packages of the lock file when they are not there, with words that help when that
// fails. Plain JavaScript without dependencies, because on a fresh clone there are none.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const tree = fileURLToPath(new URL('..', import.meta.url));
const say = (text) => process.stderr.write(`${text}\n`);

function stop(text) {
  say(text);
  process.exit(1);
}

/** Ends the program with a sentence on anything but Linux with Node 20.19 or newer. */
export function checkMachine() {
  if (process.platform !== 'linux') {
    stop(
      `salvage runs on Linux; this is ${process.platform}. Old machines run it from a Linux live ` +
        'system too, and a virtual machine is enough to try it.',
    );
  }
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    stop(
      `salvage needs Node 20.19 or newer; this is ${process.versions.node}.\n` +
        '  -> Debian 13 and newer: apt install nodejs npm; elsewhere: https://nodejs.org',
    );
  }
}

/**
 * npm ci, once for each lock file and Node version. `withTools` brings what only tests and checks
 * need (140 MB more).
 */
export function installPackages({ withTools }) {
  const stamp = join(tree, 'node_modules', '.salvage-installed');
  const lock = readFileSync(join(tree, 'package-lock.json'));
  const key = createHash('sha256').update(lock).update(process.version).digest('hex');
  const had = existsSync(stamp) ? readFileSync(stamp, 'utf8') : '';
  if (had === `${key} with tools` || (had === key && !withTools)) return;
  say('salvage: installing packages (once; a minute or two on an old machine)');
  const omit = withTools ? [] : ['--omit=dev'];
  const args = ['ci', ...omit, '--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = spawnSync('npm', args, {
    cwd: tree,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) {
    stop(
      'salvage: npm ci failed (its own words are above).\n' +
        '  -> no network: connect this machine and run the same command again\n' +
        '  -> "gyp" or "make" in the lines above: better-sqlite3 had to be compiled and could not;\n' +
        '     install a compiler: apt install build-essential python3',
    );
  }
  checkSqlite();
  writeFileSync(stamp, withTools ? `${key} with tools` : key);
}

/** better-sqlite3 is the one package that may have to be compiled here. */
function checkSqlite() {
  const test = "new (require('better-sqlite3'))(':memory:').close()";
  const { status, stderr } = spawnSync(process.execPath, ['-e', test], { cwd: tree });
  if (status === 0) return;
  stop(
    `salvage: better-sqlite3 cannot be loaded:\n  ${String(stderr).trim().split('\n').at(-1)}\n` +
      '  -> install a compiler and start again: apt install build-essential python3',
  );
}
