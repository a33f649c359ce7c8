// One large file over HTTP into a `.part` beside its place: taken up again where it was cut, as
// long as the server still has the same file (size and ETag in a sidecar say so).
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { type Clock, messageOf, readTextIfAny, SalvageError, writeFileWhole } from '@salvage/kit';
import * as v from 'valibot';
import { drop, type Fetch, getRange, type RangeAnswer, statusOf } from './http.ts';

/** Attempts in a row without a single new byte before it gives up. */
const attemptsMax = 5;
const waitMillisecondsMin = 500;
const waitMillisecondsMax = 15_000;
/** A download that receives nothing for this long is cut and taken up again. */
const silenceMillisecondsMax = 30_000;
/** Connections of one call, however little each of them brings. */
const connectionsMax = 1_000;
/** So much is written between two flushes: what a pulled plug can cost. */
const flushBytes = 8 * 1024 * 1024;

/** Cause of a refusal that asking again will not change. */
const anotherFile = 'another-file';

const Sidecar = v.object({
  url: v.string(),
  bytes: v.number(),
  etag: v.nullable(v.string()),
  /** Bytes that are surely on the disk. */
  flushedBytes: v.number(),
});
type Sidecar = v.InferOutput<typeof Sidecar>;

export interface DownloadRequest {
  url: string;
  partFile: string;
  /** Known beforehand; a server that says otherwise is refused. */
  bytes: number;
  fetch: Fetch;
  clock: Clock;
  signal: AbortSignal;
  onProgress(doneBytes: number): void;
}

/**
 * Resolves when the part has all its bytes and is flushed. Rejects with SLV_DOWNLOAD, the part
 * staying for the next time, or SLV_DISK_FULL.
 */
export async function downloadPart(request: DownloadRequest): Promise<void> {
  let attempts = 0;
  let connections = 0;
  let doneBytes = await resumable(request);
  let mostBytes = doneBytes;
  while (doneBytes < request.bytes) {
    connections += 1;
    mostBytes = Math.max(mostBytes, doneBytes);
    let problem: unknown;
    try {
      await receive(request, doneBytes);
    } catch (error) {
      problem = error;
    }
    if (request.signal.aborted) throw new SalvageError('SLV_DOWNLOAD', 'it was called off');
    doneBytes = await resumable(request);
    if (doneBytes >= request.bytes) break;
    attempts = doneBytes > mostBytes ? 0 : attempts + 1;
    if (isFinal(problem)) throw problem;
    if (attempts >= attemptsMax || connections >= connectionsMax) {
      throw new SalvageError('SLV_DOWNLOAD', `the download stopped: ${messageOf(problem)}`, {
        cause: problem,
      });
    }
    const wait = waitMillisecondsMin * 2 ** attempts;
    await request.clock.sleep(Math.min(wait, waitMillisecondsMax), request.signal);
  }
}

export async function dropPart(partFile: string): Promise<void> {
  await rm(partFile, { force: true });
  await rm(sidecarOf(partFile), { force: true });
}

function sidecarOf(partFile: string): string {
  return `${partFile}.json`;
}

/**
 * Bytes of an earlier try that count: those that were flushed. After a pulled plug a file may have
 * its length and not its content. What does not count at all is removed.
 */
async function resumable(request: DownloadRequest): Promise<number> {
  const sidecar = await readSidecar(request.partFile);
  const isSame = sidecar?.url === request.url && sidecar.bytes === request.bytes;
  const size = await sizeOf(request.partFile);
  if (isSame && size > 0) return Math.min(size, sidecar.flushedBytes, request.bytes);
  await dropPart(request.partFile);
  return 0;
}

async function readSidecar(partFile: string): Promise<Sidecar | null> {
  try {
    const text = await readTextIfAny(sidecarOf(partFile));
    const parsed = v.safeParse(Sidecar, JSON.parse(text ?? 'null'));
    return parsed.success ? parsed.output : null;
  } catch {
    return null; // a torn sidecar: the part starts anew
  }
}

/** One connection: from `offset` to the end, or to wherever it breaks. */
async function receive(request: DownloadRequest, offset: number): Promise<void> {
  const silence = new AbortController();
  const signal = AbortSignal.any([request.signal, silence.signal]);
  const ended = new AbortController();
  let heardAt = request.clock.monotonicMilliseconds();
  const watch = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await request.clock.sleep(1_000, ended.signal);
      if (request.clock.monotonicMilliseconds() - heardAt > silenceMillisecondsMax) {
        silence.abort(new Error('nothing was received for 30 s'));
        return;
      }
    }
  };
  const watching = watch();
  try {
    const range = { from: offset, to: null };
    const answer = await getRange(request.url, range, { fetch: request.fetch, signal });
    heardAt = request.clock.monotonicMilliseconds();
    await accept(request, answer, offset);
    await store(request, answer, () => {
      heardAt = request.clock.monotonicMilliseconds();
    });
  } catch (error) {
    throw silence.signal.aborted ? silence.signal.reason : error;
  } finally {
    ended.abort();
    await watching;
  }
}

/** The answer's body into the part, flushed and noted in the sidecar every few megabytes. */
async function store(
  request: DownloadRequest,
  answer: RangeAnswer,
  onHeard: () => void,
): Promise<void> {
  const file = await open(request.partFile, answer.offset === 0 ? 'w' : 'r+', 0o644);
  let position = answer.offset;
  let flushedBytes = position;
  const flush = async (): Promise<void> => {
    await file.sync();
    flushedBytes = position;
    await writeSidecar(request, answer.etag, flushedBytes);
  };
  try {
    for await (const chunk of (answer.response.body ?? []) as AsyncIterable<Uint8Array>) {
      onHeard();
      if (position + chunk.length > request.bytes) {
        throw new SalvageError('SLV_DOWNLOAD', 'the server sends more than it said');
      }
      await writeAll(file, chunk, position);
      position += chunk.length;
      request.onProgress(position);
      if (position - flushedBytes >= flushBytes) await flush();
    }
  } finally {
    await flush().finally(() => file.close());
  }
}

async function writeSidecar(
  { partFile, url, bytes }: DownloadRequest,
  etag: string | null,
  flushedBytes: number,
): Promise<void> {
  const sidecar: Sidecar = { url, bytes, etag, flushedBytes };
  await writeFileWhole(sidecarOf(partFile), JSON.stringify(sidecar));
}

/** Is this still the file whose first bytes are here? If not, the part starts anew. */
async function accept(
  request: DownloadRequest,
  answer: RangeAnswer,
  offset: number,
): Promise<void> {
  const refuse = async (message: string, cause?: string): Promise<never> => {
    await drop(answer.response);
    throw new SalvageError('SLV_DOWNLOAD', message, { cause });
  };
  if (answer.totalBytes !== request.bytes) {
    await dropPart(request.partFile);
    const text = `the server has ${answer.totalBytes} bytes where ${request.bytes} were expected`;
    await refuse(text, anotherFile);
  }
  if (answer.offset > 0 && offset > 0) {
    const etag = (await readSidecar(request.partFile))?.etag ?? null;
    if (etag !== null && answer.etag !== null && etag !== answer.etag) {
      await dropPart(request.partFile);
      await refuse('the file on the server is another one now; it is fetched from its start');
    }
    return;
  }
  await writeSidecar(request, answer.etag, 0);
}

async function writeAll(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  try {
    let written = 0;
    while (written < chunk.length) {
      const rest = chunk.subarray(written);
      written += (await file.write(rest, 0, rest.length, position + written)).bytesWritten;
    }
  } catch (error) {
    const isFull = ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');
    throw isFull ? new SalvageError('SLV_DISK_FULL', 'the disk is full', { cause: error }) : error;
  }
}

/** No use in asking again: the server said no, or the disk did. */
function isFinal(problem: unknown): boolean {
  if (problem instanceof SalvageError) {
    if (problem.code === 'SLV_DISK_FULL' || problem.cause === anotherFile) return true;
  }
  const status = statusOf(problem);
  return status !== null && status >= 400 && status < 500 && status !== 429 && status !== 408;
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}
