// The tree as the tidy tests see it: files that git knows or would take, with their text.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export function filesOfTree(pattern: RegExp): string[] {
  const listed = execFileSync(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  );
  return listed
    .split('\0')
    .filter((path) => path !== '' && pattern.test(path))
    .filter((path) => !/\/(fixtures|generated|golden)\//.test(path) || path.endsWith('.ts'));
}

export function textOf(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}
