// How fast the disk reads a model, past the page cache: O_DIRECT, which wants a buffer at an
// aligned address. JavaScript does not see addresses, so offsets into a larger buffer are tried
// until the kernel takes one. Nothing is written: a card has only so many writes in it.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Clock } from '@salvage/kit';

const alignment = 4096;
const chunkBytes = 4 * 1024 * 1024;
/** malloc(3) aligns to 16 bytes at least, or to 8 on 32-bit systems. */
const offsetStep = 8;
/** Less than this says more of the first seek than of the disk. */
const bytesMin = 8 * 1024 * 1024;

/**
 * Bytes a second of one sequential read of `file`. Null when it is too small to tell, or its file
 * system refuses O_DIRECT (tmpfs, some network file systems): a cached read would be a lie.
 */
export async function readDiskSpeed(
  file: string,
  bounds: { bytesMax: number; millisecondsMax: number },
  clock: Clock,
  signal: AbortSignal,
): Promise<number | null> {
  let handle: FileHandle | null = null;
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_DIRECT);
    const bytesMax = Math.min(bounds.bytesMax, (await handle.stat()).size);
    const buffer = await alignedBuffer(handle);
    if (buffer === null || bytesMax < bytesMin) return null;

    const begin = clock.monotonicMilliseconds();
    const elapsed = (): number => clock.monotonicMilliseconds() - begin;
    let bytes = 0;
    while (bytes + chunkBytes <= bytesMax && elapsed() < bounds.millisecondsMax) {
      if (signal.aborted) return null;
      const { bytesRead } = await handle.read(buffer, 0, chunkBytes, bytes);
      if (bytesRead === 0) break;
      bytes += bytesRead;
    }
    const seconds = elapsed() / 1000;
    return bytes >= bytesMin / 2 && seconds > 0 ? bytes / seconds : null;
  } catch {
    return null; // the file went away, or its file system knows no O_DIRECT
  } finally {
    await handle?.close();
  }
}

/** A window of `chunkBytes` into a larger buffer that the kernel reads into directly. */
async function alignedBuffer(handle: FileHandle): Promise<Buffer | null> {
  const memory = Buffer.allocUnsafeSlow(chunkBytes + alignment);
  for (let offset = 0; offset < alignment; offset += offsetStep) {
    const window = memory.subarray(offset, offset + chunkBytes);
    try {
      await handle.read(window, 0, alignment, 0);
      return window;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EINVAL') return null;
    }
  }
  return null;
}
