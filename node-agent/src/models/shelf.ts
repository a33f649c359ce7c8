// What lies in the cache's folder: whole files `<sha256>.gguf`, which were verified before they got
// that name, and parts `<sha256>.part`. The order of use is kept in the files' times, so that it
// survives a restart; they are written seldom, because every write wears a memory card.
import { statSync, utimesSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { asFailure, type Clock, renameDurably } from '@salvage/kit';
import type { HeldFile } from './room.ts';

export interface Shelf {
  /** The whole file; counts as a use. */
  pathOf(sha256: string): string | null;
  partPathOf(sha256: string): string;
  partBytesOf(sha256: string): number;
  setPartBytes(sha256: string, bytes: number): void;
  /** A verified part becomes the whole file. */
  finish(sha256: string): Promise<string>;
  remove(kind: HeldFile['kind'], sha256: string): Promise<void>;
  list(): Omit<HeldFile, 'canGo'>[];
  readonly usedBytes: number;
}

/** A part that nobody took up again for a week is not worth its place. */
const partAgeMillisecondsMax = 7 * 24 * 3_600_000;
/** A use is written to the disk when the one written last is older than this. */
const useSavedMilliseconds = 10 * 60_000;

const names = /^([0-9a-f]{64})\.(gguf|part)$/;

/** Reads the folder, making it when there is none; rejects with SLV_STATE. */
export async function openShelf(folder: string, clock: Clock): Promise<Shelf> {
  const wholes = new Map<string, { bytes: number; usedAt: number; savedAt: number }>();
  const parts = new Map<string, { bytes: number; usedAt: number }>();
  let latest = 0;
  /** Rises even where the clock does not, or was set back. */
  const stamp = (): number => {
    latest = Math.max(clock.unixMilliseconds(), latest + 1);
    return latest;
  };
  const pathAs = (sha256: string, ending: 'gguf' | 'part'): string =>
    join(folder, `${sha256}.${ending}`);

  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) {
      const [, sha256, ending] = names.exec(name) ?? [];
      if (sha256 === undefined) continue;
      const file = await stat(join(folder, name));
      if (!file.isFile()) continue;
      const { size: bytes, mtimeMs: usedAt } = file;
      latest = Math.max(latest, usedAt);
      if (ending === 'gguf') wholes.set(sha256, { bytes, usedAt, savedAt: usedAt });
      else parts.set(sha256, { bytes, usedAt });
    }
    for (const [sha256, part] of parts) {
      const isOld = clock.unixMilliseconds() - part.usedAt > partAgeMillisecondsMax;
      if (!isOld && !wholes.has(sha256)) continue;
      await rm(pathAs(sha256, 'part'), { force: true });
      parts.delete(sha256);
    }
  } catch (error) {
    throw asFailure(error, 'SLV_STATE', `cannot use the model cache ${folder}`);
  }

  return {
    pathOf: (sha256) => {
      const whole = wholes.get(sha256);
      if (whole === undefined) return null;
      const path = pathAs(sha256, 'gguf');
      if (statSync(path, { throwIfNoEntry: false }) === undefined) {
        wholes.delete(sha256); // somebody took it away
        return null;
      }
      whole.usedAt = stamp();
      if (whole.usedAt - whole.savedAt > useSavedMilliseconds) {
        whole.savedAt = whole.usedAt;
        saveUse(path, whole.usedAt);
      }
      return path;
    },
    partPathOf: (sha256) => pathAs(sha256, 'part'),
    partBytesOf: (sha256) => parts.get(sha256)?.bytes ?? 0,
    setPartBytes: (sha256, bytes) => {
      parts.set(sha256, { bytes, usedAt: clock.unixMilliseconds() });
    },
    finish: async (sha256) => {
      const path = pathAs(sha256, 'gguf');
      await renameDurably(pathAs(sha256, 'part'), path);
      const usedAt = stamp();
      saveUse(path, usedAt);
      wholes.set(sha256, { bytes: (await stat(path)).size, usedAt, savedAt: usedAt });
      parts.delete(sha256);
      return path;
    },
    remove: async (kind, sha256) => {
      await rm(pathAs(sha256, kind === 'whole' ? 'gguf' : 'part'), { force: true });
      (kind === 'whole' ? wholes : parts).delete(sha256);
    },
    list: () => [...heldOf('part', parts), ...heldOf('whole', wholes)],
    get usedBytes() {
      return [...parts.values(), ...wholes.values()].reduce((sum, file) => sum + file.bytes, 0);
    },
  };
}

function heldOf(
  kind: HeldFile['kind'],
  files: ReadonlyMap<string, { bytes: number; usedAt: number }>,
): Omit<HeldFile, 'canGo'>[] {
  return [...files].map(([sha256, { bytes, usedAt }]) => ({ sha256, kind, bytes, usedAt }));
}

function saveUse(path: string, unixMilliseconds: number): void {
  try {
    utimesSync(path, new Date(unixMilliseconds), new Date(unixMilliseconds));
  } catch {
    return; // a file of another user: the order of use lives as long as this process
  }
}
