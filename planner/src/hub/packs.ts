// The join packs that this hub holds: an index beside the files. A pack is built again when the
// programs in it have changed; two requests for one pack share one build.
import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Architecture, architectures } from '@salvage/contract';
import { type Log, readTextIfAny, writeFileWhole } from '@salvage/kit';
import type { JoinPack } from './join-script.ts';
import { buildPack, ownArchitecture } from './pack-build.ts';

export interface Packs {
  /** Packs that are here and fresh, after making this machine's own one when it is missing. */
  ready(): Promise<JoinPack[]>;
  /** Builds a pack, fetching from npm what is not here. */
  prepare(architecture: Architecture, onStep: (text: string) => void): Promise<JoinPack>;
  fileOf(name: string): string | null;
}

interface Entry extends JoinPack {
  /** Hash of what it was built from. */
  key: string;
}

export async function openPacks(options: {
  folder: string;
  tree: string;
  log: Log;
}): Promise<Packs> {
  const indexFile = join(options.folder, 'packs.json');
  let entries = parse(await readTextIfAny(indexFile));
  const building = new Map<string, Promise<Entry>>();

  const build = (
    architecture: Architecture,
    key: string,
    mayFetch: boolean,
    onStep: (text: string) => void,
  ): Promise<Entry> => {
    // A build that may fetch must not end with the other one's "it is not here".
    const name = `${architecture} ${mayFetch}`;
    const running = building.get(name);
    if (running !== undefined) return running;
    const started = buildPack({ ...options, architecture, mayFetch, onStep })
      .then(async (pack) => {
        const entry = { ...pack, key };
        const old = entries.filter((one) => one.architecture === architecture);
        entries = [...entries.filter((one) => one.architecture !== architecture), entry];
        await writeFileWhole(indexFile, `${JSON.stringify(entries, null, 1)}\n`);
        for (const { file } of old) {
          if (file !== entry.file) await rm(join(options.folder, file), { force: true });
        }
        options.log.info('pack-built', { architecture, bytes: entry.bytes });
        return entry;
      })
      .finally(() => building.delete(name));
    building.set(name, started);
    return started;
  };

  const isHere = async (entry: Entry): Promise<boolean> => {
    const found = await stat(join(options.folder, entry.file)).catch(() => null);
    return found?.size === entry.bytes;
  };

  return {
    ready: async () => {
      const key = await keyOf(options.tree);
      const fresh: Entry[] = [];
      for (const entry of entries) {
        if (entry.key === key && (await isHere(entry))) fresh.push(entry);
      }
      const own = architectures.find((one) => one === ownArchitecture());
      if (own !== undefined && !fresh.some((one) => one.architecture === own)) {
        fresh.push(await build(own, key, false, () => undefined));
      }
      return fresh;
    },
    prepare: async (architecture, onStep) =>
      build(architecture, await keyOf(options.tree), true, onStep),
    fileOf: (name) => {
      const entry = entries.find((one) => one.file === name);
      return entry === undefined ? null : join(options.folder, entry.file);
    },
  };
}

/** Sources of the agent and of all it bundles, the lock file, and the Node that runs. */
async function keyOf(tree: string): Promise<string> {
  const hash = createHash('sha256').update(process.version);
  for (const folder of ['node-agent', 'broker/contract', 'scripts', 'planner/src/hub']) {
    const files = await readdir(join(tree, folder), { recursive: true });
    const sources = files.filter((file) =>
      /^(?!.*(node_modules|\.test\.)).*\.(ts|json)$/.test(file),
    );
    for (const file of sources.sort()) {
      hash.update(file).update(await readFile(join(tree, folder, file)));
    }
  }
  hash.update(await readFile(join(tree, 'package-lock.json')));
  return hash.digest('hex').slice(0, 16);
}

function parse(text: string | null): Entry[] {
  try {
    return text === null ? [] : (JSON.parse(text) as Entry[]);
  } catch {
    return []; // a cache: what cannot be read is made again
  }
}
