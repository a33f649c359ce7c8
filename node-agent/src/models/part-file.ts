// A file in the making: appended to, hashed as it grows. What an earlier run left is hashed first,
// so that the checksum at the end covers every byte on the disk's side of the network.
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { type FailureCode, messageOf, SalvageError } from '@salvage/kit';

export interface PartFile {
  readonly bytes: number;
  /** Rejects with SLV_DISK_FULL, or SLV_DOWNLOAD when the disk fails otherwise. */
  append(chunk: Buffer): Promise<void>;
  /** Back to nothing. */
  reset(): Promise<void>;
  /** Of all that is in the file, lower-case hexadecimal. */
  sha256(): string;
  /** Flushes to the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Opens or makes the part; one that is longer than `bytesMax` begins anew. */
export async function openPart(
  path: string,
  bytesMax: number,
  signal: AbortSignal,
): Promise<PartFile> {
  const file = await onDisk(path, () => open(path, 'a+', 0o600));
  let hash = createHash('sha256');
  let bytes = 0;
  const reset = async (): Promise<void> => {
    await onDisk(path, () => file.truncate(0));
    hash = createHash('sha256');
    bytes = 0;
  };
  try {
    if ((await file.stat()).size > bytesMax) await reset();
    for await (const chunk of file.createReadStream({ start: 0, autoClose: false, signal })) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
  } catch (error) {
    await file.close();
    throw failureOf(error, path);
  }

  return {
    get bytes() {
      return bytes;
    },
    append: async (chunk) => {
      for (let rest = chunk; rest.length > 0; ) {
        const { bytesWritten } = await onDisk(path, () => file.write(rest));
        hash.update(rest.subarray(0, bytesWritten));
        bytes += bytesWritten;
        rest = rest.subarray(bytesWritten);
      }
    },
    reset,
    sha256: () => hash.copy().digest('hex'),
    sync: () => onDisk(path, () => file.sync()),
    close: () => file.close(),
  };
}

async function onDisk<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw failureOf(error, path);
  }
}

function failureOf(error: unknown, path: string): SalvageError {
  const reason = (error as NodeJS.ErrnoException).code ?? '';
  const code: FailureCode = ['ENOSPC', 'EDQUOT'].includes(reason)
    ? 'SLV_DISK_FULL'
    : 'SLV_DOWNLOAD';
  return new SalvageError(code, `cannot write ${path}: ${messageOf(error)}`, { cause: error });
}
