// The llama.cpp release that the installed node-llama-cpp carries, read from its files: the agent
// itself never loads native code.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Node's word for a processor -> the one in the names of the prebuilt packages. */
const builds: Record<string, string> = { x64: 'x64', arm64: 'arm64', arm: 'armv7l' };

/** For example `v0.5.0`; null when the binding or its build for this machine is not installed. */
export async function readBindingRelease(entry: string): Promise<string | null> {
  const build = builds[process.arch];
  if (process.platform !== 'linux' || build === undefined) return null;
  try {
    const { resolve } = createRequire(entry);
    const main = resolve('node-llama-cpp');
    createRequire(main).resolve(`@node-llama-cpp/linux-${build}`);
    const path = join(dirname(main), '..', 'llama', 'binariesGithubRelease.json');
    const parsed: unknown = JSON.parse(await readFile(path, 'utf8'));
    const release = (parsed as { release?: unknown }).release;
    return typeof release === 'string' && release !== '' ? release : null;
  } catch {
    return null; // not installed here, or not in the shape we know: another engine must do
  }
}
