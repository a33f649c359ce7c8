// The header of a GGUF, from a file or over HTTP Range: as few bytes as it needs, at most 64 MiB.
import { type FileHandle, open } from 'node:fs/promises';
import { messageOf, SalvageError } from '@salvage/kit';
import { describeModel, type ShapeOfModel } from '../gguf/describe.ts';
import { type GgufHeader, headerBytesMax, parseGgufHeader } from '../gguf/header.ts';
import { drop, type Fetch, getRange, readAtMost } from './http.ts';
import { stemOf } from './names.ts';

const firstBytes = 2 * 1024 * 1024;
const remoteMillisecondsMax = 120_000;

export interface ReadHeader {
  shape: ShapeOfModel;
  fileBytes: number;
}

/** Rejects with SLV_MODEL_FORMAT when it is no model, SLV_REQUEST when it is no readable file. */
export async function readHeaderOfFile(path: string, fileName: string): Promise<ReadHeader> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    throw new SalvageError('SLV_REQUEST', `cannot read ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new SalvageError('SLV_REQUEST', `${path} is not a file`);
    const header = await grow(stat.size, path, async (have, want) => {
      const chunk = Buffer.alloc(want - have);
      const { bytesRead } = await file.read(chunk, 0, chunk.length, have);
      return chunk.subarray(0, bytesRead);
    });
    return { shape: shapeOf(header, stat.size, path, fileName), fileBytes: stat.size };
  } finally {
    await file.close();
  }
}

/** Rejects with SLV_DOWNLOAD as well. */
export async function readHeaderOfUrl(
  url: string,
  fileName: string,
  options: { fetch: Fetch; signal: AbortSignal | undefined },
): Promise<ReadHeader> {
  const deadline = AbortSignal.timeout(remoteMillisecondsMax);
  const signal =
    options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
  const limited = { fetch: options.fetch, signal };
  let totalBytes = 0;
  const read = async (from: number, to: number): Promise<Uint8Array> => {
    const answer = await getRange(url, { from, to }, limited);
    if (from > 0 && answer.totalBytes !== totalBytes) {
      await drop(answer.response);
      throw new SalvageError('SLV_DOWNLOAD', `${stemOf(url)} changed while it was read`);
    }
    totalBytes = answer.totalBytes;
    // A server without ranges sends the file from its start: read past what is already here.
    const bytes = await readAtMost(answer.response, to - answer.offset);
    return bytes.subarray(from - answer.offset);
  };
  try {
    const first = await read(0, firstBytes);
    const header = await grow(totalBytes, stemOf(url), async (have, want) =>
      have === 0 ? first : await read(have, want),
    );
    return { shape: shapeOf(header, totalBytes, stemOf(url), fileName), fileBytes: totalBytes };
  } catch (error) {
    if (error instanceof SalvageError) throw error;
    throw new SalvageError('SLV_DOWNLOAD', `reading the header: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Reads more until the header parses. `read` gives the bytes of `[have, want)`, or fewer. */
async function grow(
  fileBytes: number,
  name: string,
  read: (have: number, want: number) => Promise<Uint8Array>,
): Promise<GgufHeader> {
  const bytesMax = Math.min(fileBytes, headerBytesMax);
  let bytes: Uint8Array = new Uint8Array();
  let want = Math.min(firstBytes, bytesMax);
  for (;;) {
    const more = await read(bytes.length, want);
    bytes = Buffer.concat([bytes, more]);
    const answer = parseGgufHeader(bytes);
    if (answer.ok) return answer.header;
    if ('problem' in answer) throw notAModel(name, answer.problem);
    if (answer.needBytes > bytesMax || more.length === 0) {
      throw notAModel(name, `its header goes on after its ${fileBytes} bytes`);
    }
    want = Math.min(bytesMax, Math.max(answer.needBytes, bytes.length * 2));
  }
}

function shapeOf(
  header: GgufHeader,
  fileBytes: number,
  path: string,
  fileName: string,
): ShapeOfModel {
  const answer = describeModel(header, { fileBytes, fileName });
  if (!answer.ok) throw notAModel(path, answer.problem);
  return answer.shape;
}

function notAModel(name: string, problem: string): SalvageError {
  return new SalvageError('SLV_MODEL_FORMAT', `${name} cannot be served: ${problem}`);
}
