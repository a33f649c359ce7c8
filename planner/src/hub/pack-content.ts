// What goes into a join pack, as a pure walk over package.json files: the closure of one package's
// runtime dependencies, found as Node finds them (nearest node_modules upwards).
import { dirname, join } from 'node:path';

export interface PackageFile {
  dependencies?: Record<string, string>;
}

/**
 * Folders of `name` and of all it needs at run time, each once. `read` gives the package.json in a
 * folder, or null where there is none; `skip` leaves packages out.
 */
export function closureOf(
  name: string,
  from: string,
  read: (folder: string) => PackageFile | null,
): string[] {
  const found = new Set<string>();
  const visit = (wanted: string, start: string): void => {
    const folder = locate(wanted, start, read);
    if (folder === null || found.has(folder)) return;
    found.add(folder);
    for (const dependency of Object.keys(read(folder)?.dependencies ?? {})) {
      visit(dependency, folder);
    }
  };
  visit(name, from);
  return [...found].sort();
}

function locate(
  name: string,
  start: string,
  read: (folder: string) => PackageFile | null,
): string | null {
  for (let folder = start; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (read(candidate) !== null) return candidate;
    if (dirname(folder) === folder) return null;
  }
}

const leftOut = [
  /(^|\/)llama\/gitRelease\.bundle$/, // 35 MB of source that only a compiler needs
  /(^|\/)node-llama-cpp\/(templates|bins)\//,
  /\.(d\.[cm]?ts|map|md|markdown|cts|mts|ts)$/i,
  /(^|\/)(test|tests|docs|example|examples|\.github)\//i,
];

/** False for files that nothing reads at run time; `path` is below node_modules. */
export function belongsInPack(path: string): boolean {
  return !leftOut.some((pattern) => pattern.test(path));
}
