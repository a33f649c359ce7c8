// The random-weight models that tests and measurements share, made once per cache folder.
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { shapes, writeRandomGguf } from '@salvage/kit/random-gguf';

const seed = 1;

export type RandomModelName = keyof typeof shapes;

const beingMade = new Map<string, Promise<string>>();

/**
 * The path of a random model, made now if it is not there. Two processes that ask at once both
 * write a file of their own with the same bytes and rename it: either name is whole. Throws
 * SLV_DISK_FULL.
 */
export function ensureRandomModel(name: RandomModelName, cacheFolder: string): Promise<string> {
  // The shape is part of the name, so that a changed shape is never taken for the old one.
  const { layers, width, vocabulary, quant } = shapes[name];
  const file = `random-${name}-${layers}x${width}-v${vocabulary}-${quant}.gguf`;
  const path = join(cacheFolder, 'test-models', file);
  const making = beingMade.get(path) ?? makeIfAbsent(path, name);
  beingMade.set(path, making);
  return making.finally(() => beingMade.delete(path));
}

async function makeIfAbsent(path: string, name: RandomModelName): Promise<string> {
  const there = await access(path).then(
    () => true,
    () => false,
  );
  if (!there) await writeRandomGguf(path, shapes[name], seed);
  return path;
}
