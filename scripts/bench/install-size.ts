// What a fresh clone costs: seconds of npm ci, and megabytes on disk.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tree } from '../../test/lib/running-cluster.ts';
import type { Row } from './rows.ts';

export function installSize(): Row[] {
  const folder = mkdtempSync(join(tmpdir(), 'salvage-install-'));
  try {
    execFileSync('git', ['clone', '-q', '--depth', '1', `file://${tree}`, folder]);
    const startedAt = performance.now();
    execFileSync('npm', ['ci', '--omit=dev', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: folder,
      stdio: 'ignore',
    });
    const seconds = (performance.now() - startedAt) / 1000;
    const size = (path: string): number =>
      Number(execFileSync('du', ['-sm', join(folder, path)], { encoding: 'utf8' }).split('\t')[0]);
    return [
      { what: 'npm ci, as npm start runs it', value: seconds, spread: null, unit: 's', aim: '' },
      { what: 'node_modules', value: size('node_modules'), spread: null, unit: 'MB', aim: '' },
      { what: 'the repository itself', value: size('.git'), spread: null, unit: 'MB', aim: '' },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
