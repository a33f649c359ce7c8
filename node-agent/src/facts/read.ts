// Small reads below a root folder: `/` on a node, a fixture tree in tests. The kernel's files are
// short and answered from memory, so they are read synchronously; whatever cannot be read is null,
// because an old kernel or a strange board lacks any of them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The file without its final newline and NUL bytes, or null. */
export function readText(root: string, path: string): string | null {
  try {
    return readFileSync(join(root, path), 'utf8').replaceAll('\0', '').trimEnd();
  } catch {
    return null; // ENOENT, EACCES, or EINVAL as a network port without a cable answers
  }
}

/** The file as an integer, or null. */
export function readInteger(root: string, path: string): number | null {
  const text = readText(root, path)?.trim() ?? '';
  return /^-?\d+$/.test(text) ? Number(text) : null;
}

/** The folder's entries in order of name, numbers by value; none when it is not there. */
export function readFolder(root: string, path: string): string[] {
  try {
    return readdirSync(join(root, path)).sort(compareNames.compare);
  } catch {
    return []; // no such folder on this kernel
  }
}

const compareNames = new Intl.Collator('en', { numeric: true });

/** Lines of `key: value` (as /proc/cpuinfo and /proc/meminfo have them), blank lines dropped. */
export function pairsOf(text: string): [key: string, value: string][] {
  return text.split('\n').flatMap((line): [string, string][] => {
    const colon = line.indexOf(':');
    return colon < 0 ? [] : [[line.slice(0, colon).trim(), line.slice(colon + 1).trim()]];
  });
}

/** Text for a field of the contract: null instead of nothing, and never longer than it allows. */
export function nameOf(text: string | null | undefined): string | null {
  const name = text?.trim().slice(0, 200) ?? '';
  return name === '' ? null : name;
}
