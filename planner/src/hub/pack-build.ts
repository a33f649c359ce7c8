// Builds one join pack: Node, the bundled agent, the engine's package for one architecture, and
// the wrapper, as one .tgz. Needs tar and gzip; npm only for another architecture than this one.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  open,
  readdir,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import type { Architecture } from '@salvage/contract';
import { asFailure, renameDurably, SalvageError } from '@salvage/kit';
import { elfArchitecture } from './elf.ts';
import { agentWrapper, type JoinPack } from './join-script.ts';
import { belongsInPack, closureOf, type PackageFile } from './pack-content.ts';

const run = promisify(execFile);
/** Node for architectures that this hub is not: the newest 20 that npm's packages carry. */
const nodeReleases: Record<Architecture, string> = {
  x64: '20.20.2',
  arm64: '20.20.2',
  armv7l: '20.11.0',
  riscv64: 'latest',
};

export interface BuildOptions {
  architecture: Architecture;
  /** Root of the salvage tree. */
  tree: string;
  /** Finished packs lie here. */
  folder: string;
  /** True lets npm fetch what is not here; false says what is missing instead. */
  mayFetch: boolean;
  onStep(text: string): void;
}

/** Rejects with SLV_PACK_MISSING where something is not on this machine and may not be fetched. */
export async function buildPack(options: BuildOptions): Promise<JoinPack> {
  const { architecture, folder } = options;
  await mkdir(folder, { recursive: true });
  const stage = await mkdtemp(join(folder, 'stage-'));
  try {
    options.onStep('bundling the agent');
    await bundleAgent(options.tree, stage);
    options.onStep('adding Node');
    await addNode(options, stage);
    options.onStep('adding the engine');
    await addEngine(options, stage);
    await writeFile(join(stage, 'bin', 'salvage-agent'), agentWrapper, { mode: 0o755 });
    options.onStep('packing');
    return await pack(stage, folder, architecture);
  } catch (error) {
    throw asFailure(error, 'SLV_PACK_MISSING', `cannot make the pack for ${architecture}`);
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

async function bundleAgent(tree: string, stage: string): Promise<void> {
  await run(
    process.execPath,
    ['--import', 'tsx', join(tree, 'scripts', 'bundle-agent.ts'), '--out', stage],
    { cwd: tree },
  );
}

async function addNode(options: BuildOptions, stage: string): Promise<void> {
  const target = join(stage, 'bin', 'node');
  await mkdir(join(stage, 'bin'), { recursive: true });
  if (options.architecture === ownArchitecture() && (await standsAlone(process.execPath))) {
    await copyFile(process.execPath, target);
  } else {
    const fetched = await fetchPackage(
      options,
      `node-linux-${options.architecture}`,
      nodeReleases[options.architecture],
      stage,
    );
    await copyFile(join(fetched, 'bin', 'node'), target);
    await rm(fetched, { recursive: true });
  }
  await chmod(target, 0o755);
}

/** A Node that needs libraries of its own (Debian's libnode) cannot be handed to another machine. */
async function standsAlone(binary: string): Promise<boolean> {
  try {
    const { stdout } = await run('ldd', [binary]);
    return !/libnode|libuv|libv8|not found/.test(stdout);
  } catch {
    return false;
  }
}

export function ownArchitecture(): string {
  return process.arch === 'arm' ? 'armv7l' : process.arch;
}

async function addEngine(options: BuildOptions, stage: string): Promise<void> {
  const read = (folder: string): PackageFile | null => {
    try {
      return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageFile;
    } catch {
      return null;
    }
  };
  const from = join(options.tree, 'node-agent');
  const folders = closureOf('node-llama-cpp', from, read);
  if (folders.length === 0) {
    throw new SalvageError('SLV_PACK_MISSING', 'node-llama-cpp is not installed', {
      hint: 'run npm ci in the salvage folder',
    });
  }
  for (const folder of folders) await copyPackage(folder, options.tree, stage);
  const binaries = `@node-llama-cpp/linux-${options.architecture}`;
  const installed = join(options.tree, 'node_modules', binaries);
  if (read(installed) !== null) {
    if (await isMadeFor(options, installed)) await copyPackage(installed, options.tree, stage);
    return;
  }
  const own = read(folders.find((folder) => folder.endsWith('/node-llama-cpp')) ?? '');
  const { version = 'latest' } = (own ?? {}) as { version?: string };
  const fetched = await fetchPackage(options, binaries, version, stage);
  if (await isMadeFor(options, fetched)) {
    await cp(fetched, join(stage, 'node_modules', binaries), { recursive: true });
  }
  await rm(fetched, { recursive: true });
}

/** Looks into the engine's binary; where it is of another machine, the pack goes without it. */
async function isMadeFor(options: BuildOptions, folder: string): Promise<boolean> {
  const files = await readdir(join(folder, 'bins'), { recursive: true });
  const addon = files.find((file) => file.endsWith('llama-addon.node'));
  if (addon === undefined) return false;
  const file = await open(join(folder, 'bins', addon));
  const header = new Uint8Array(20);
  await file.read(header, 0, header.length, 0).finally(() => file.close());
  const found = elfArchitecture(header);
  if (found === options.architecture) return true;
  options.onStep(
    `warning: npm's engine for ${options.architecture} holds ${found ?? 'unknown'} binaries and is ` +
      'left out: such a machine joins, but runs no model yet',
  );
  return false;
}

async function copyPackage(folder: string, tree: string, stage: string): Promise<void> {
  const target = join(stage, relative(tree, folder).replace(/^node-agent\//, ''));
  await cp(folder, target, {
    recursive: true,
    filter: (source) => {
      const path = relative(tree, source);
      const nested = relative(folder, source).split('/').includes('node_modules');
      return !nested && belongsInPack(path);
    },
  });
}

async function fetchPackage(
  options: BuildOptions,
  name: string,
  version: string,
  stage: string,
): Promise<string> {
  if (!options.mayFetch) {
    throw new SalvageError('SLV_PACK_MISSING', `${name} is not on this machine`, {
      hint: `fetch it once: salvage join prepare --arch ${options.architecture}`,
    });
  }
  options.onStep(`fetching ${name} ${version} from npm`);
  const folder = await mkdtemp(join(stage, 'fetch-'));
  const { stdout } = await run('npm', ['pack', '--silent', `${name}@${version}`], { cwd: folder });
  await run('tar', ['-xzf', stdout.trim().split('\n').at(-1) ?? '', '--strip-components=1'], {
    cwd: folder,
  });
  return folder;
}

async function pack(stage: string, folder: string, architecture: Architecture): Promise<JoinPack> {
  const part = join(folder, `salvage-${architecture}.part`);
  const names = (await readdir(stage)).sort();
  await run(
    'nice',
    ['tar', '--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner']
      .concat(['-I', 'gzip -n -5', '-cf', part, '-C', stage])
      .concat(names),
    { maxBuffer: 1 << 20 },
  );
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(part)) hash.update(chunk as Uint8Array);
  const sha256 = hash.digest('hex');
  const file = `salvage-${architecture}-${sha256.slice(0, 12)}.tgz`;
  await renameDurably(part, join(folder, file));
  return { architecture, file, sha256, bytes: (await stat(join(folder, file))).size };
}
