// A folder in memory for the benchmark's model: tmpfs or ramfs and nothing else, since half a
// gigabyte of random numbers would wear a card for nothing. What a killed agent left is removed.
import { mkdtemp, readdir, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** f_type of statfs(2): TMPFS_MAGIC and RAMFS_MAGIC. */
const memoryTypes = new Set([0x01021994, 0x858458f6]);
const prefix = 'salvage-benchmark-';

export interface MemoryPlace {
  folder: string;
  roomBytes: number;
}

/** The place with the most room among `/dev/shm` and the temporary folder; null: none in memory. */
export async function findMemoryPlace(
  folders: readonly string[] = ['/dev/shm', tmpdir()],
): Promise<MemoryPlace | null> {
  const places: MemoryPlace[] = [];
  for (const folder of new Set(folders)) {
    try {
      const disk = await statfs(folder);
      if (!memoryTypes.has(disk.type)) continue;
      await sweep(folder);
      places.push({ folder, roomBytes: disk.bavail * disk.bsize });
    } catch {
      // no such folder on this system
    }
  }
  return places.sort((a, b) => b.roomBytes - a.roomBytes)[0] ?? null;
}

/** A folder of this process below `place`; the caller removes it. */
export function makeFolder(place: MemoryPlace): Promise<string> {
  return mkdtemp(join(place.folder, `${prefix}${process.pid}-`));
}

async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
