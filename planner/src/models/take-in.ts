// Bringing a file of this machine into the store without moving it: as a reflink where the file
// system shares blocks, else as a hard link, else as a copy. And the SHA-256 of what is there.
import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { copyFile, link, open, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { asFailure, messageOf, SalvageError } from '@salvage/kit';

const blockBytes = 1024 * 1024;

/**
 * `from` appears at `to`; the original stays. A hard link shares its bytes with the original, so
 * the checksum is taken of what was placed, and agents check what they fetch against it.
 */
export async function placeCopy(
  from: string,
  to: string,
  options: { signal: AbortSignal; onProgress(doneBytes: number): void },
): Promise<void> {
  await rm(to, { force: true });
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE);
    return;
  } catch {
    await rm(to, { force: true });
  }
  try {
    await link(from, to);
    return;
  } catch {
    await copyByReading(from, to, options);
  }
}

async function copyByReading(
  from: string,
  to: string,
  options: { signal: AbortSignal; onProgress(doneBytes: number): void },
): Promise<void> {
  const file = await open(to, 'w', 0o644);
  try {
    let done = 0;
    const source = createReadStream(from, { highWaterMark: blockBytes });
    await pipeline(
      source,
      async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) {
          await file.write(chunk, 0, chunk.length, done);
          done += chunk.length;
          options.onProgress(done);
        }
      },
      { signal: options.signal },
    );
    await file.sync();
  } catch (error) {
    await rm(to, { force: true });
    if (options.signal.aborted) throw new SalvageError('SLV_DOWNLOAD', 'it was called off');
    const isFull = ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');
    const code = isFull ? 'SLV_DISK_FULL' : 'SLV_STATE';
    throw new SalvageError(code, `copying ${from}: ${messageOf(error)}`, { cause: error });
  } finally {
    await file.close();
  }
}

/** Rejects with SLV_DOWNLOAD when it is called off, SLV_STATE when the file cannot be read. */
export async function sha256Of(
  path: string,
  options: { signal: AbortSignal; onProgress(doneBytes: number): void },
): Promise<string> {
  const hash = createHash('sha256');
  let done = 0;
  try {
    const chunks = createReadStream(path, { highWaterMark: blockBytes, signal: options.signal });
    for await (const chunk of chunks as AsyncIterable<Buffer>) {
      hash.update(chunk);
      done += chunk.length;
      options.onProgress(done);
    }
  } catch (error) {
    if (options.signal.aborted) throw new SalvageError('SLV_DOWNLOAD', 'it was called off');
    throw asFailure(error, 'SLV_STATE', `reading ${path}`);
  }
  return hash.digest('hex');
}
