// Fetches one file into its part: resumed where it broke off, cut when nothing comes, tried again
// with growing waits as long as new bytes keep coming now and then, verified as a whole.
import type { IncomingMessage } from 'node:http';
import { type Clock, type Log, messageOf, SalvageError } from '@salvage/kit';
import { limits } from '../limits.ts';
import type { TunnelIdentity } from '../tunnel/member.ts';
import { openPart, type PartFile } from './part-file.ts';
import { askStore, judge, readRefusal } from './store-request.ts';

interface DownloadOptions {
  /** Of the file itself. */
  url: URL;
  sha256: string;
  bytes: number;
  partPath: string;
  identity: TunnelIdentity | null;
  clock: Clock;
  log: Log;
  /** 0 to 1, for the jitter of waits: many nodes lose the same planner at the same moment. */
  random: () => number;
  signal: AbortSignal;
  onBytes(bytes: number): void;
}

/**
 * Leaves a part that is whole, verified and flushed. Rejects with SLV_DOWNLOAD (the part stays),
 * SLV_DISK_FULL, or SLV_MODEL_DAMAGED when the checksum was wrong twice.
 */
export async function download(options: DownloadOptions): Promise<void> {
  const part = await openPart(options.partPath, options.bytes, options.signal);
  try {
    options.onBytes(part.bytes);
    for (let isSecondTry = false; ; isSecondTry = true) {
      await fill(part, options);
      const sha256 = part.sha256();
      if (sha256 === options.sha256) return await part.sync();
      await part.reset();
      options.onBytes(0);
      const message = `the file from ${options.url.host} has the checksum ${sha256}, not ${options.sha256}`;
      // The first time it may be the part: left by a pulled plug, or by another version of the file.
      options.log.warn('download-damaged', { code: 'SLV_MODEL_DAMAGED', message, isSecondTry });
      if (isSecondTry) throw new SalvageError('SLV_MODEL_DAMAGED', message);
    }
  } finally {
    await part.close();
  }
}

/** Wait before the next attempt, after `failures` in a row that brought nothing. */
function waitBefore(failures: number, random: number): number {
  const wait = limits.downloadWaitMillisecondsMin * 2 ** Math.min(failures, 16);
  return Math.min(limits.downloadWaitMillisecondsMax, wait) * (0.5 + random / 2);
}

async function fill(part: PartFile, options: DownloadOptions): Promise<void> {
  const { bytes, clock, log, signal, url } = options;
  // A store that ignores Range starts anew each time: only bytes beyond the furthest are new.
  let furthest = part.bytes;
  let failures = 0;
  while (part.bytes < bytes) {
    const problem = await attempt(part, options);
    if (signal.aborted) throw cancelled();
    if (part.bytes === bytes) return;
    failures = part.bytes > furthest ? 0 : failures + 1;
    furthest = Math.max(furthest, part.bytes);
    if (failures >= limits.downloadAttemptsMax) {
      const place = `after ${part.bytes} of ${bytes} bytes`;
      throw new SalvageError('SLV_DOWNLOAD', `${url.host} gave up ${place}: ${problem}`);
    }
    log.info('download-again', { host: url.host, bytes: part.bytes, failures, problem });
    await clock.sleep(waitBefore(failures, options.random()), signal);
    if (signal.aborted) throw cancelled();
  }
}

/** One request; resolves with what went wrong, null when nothing did; rejects when all is in vain. */
async function attempt(part: PartFile, options: DownloadOptions): Promise<string | null> {
  const { clock } = options;
  const done = new AbortController();
  const silent = new AbortController();
  let heardAt = clock.monotonicMilliseconds();
  void cutWhenSilent(clock, () => heardAt, silent, done.signal);
  let response: IncomingMessage | null = null;
  try {
    const signal = AbortSignal.any([options.signal, silent.signal]);
    response = await askStore({ ...options, start: part.bytes, signal });
    await receive(response, part, options, () => {
      heardAt = clock.monotonicMilliseconds();
    });
    return part.bytes < options.bytes ? 'it ended too early' : null;
  } catch (error) {
    if (error instanceof SalvageError) throw error;
    if (!silent.signal.aborted) return messageOf(error);
    return `nothing came for ${limits.downloadSilenceMillisecondsMax / 1_000} s`;
  } finally {
    done.abort();
    response?.destroy();
  }
}

async function receive(
  response: IncomingMessage,
  part: PartFile,
  options: DownloadOptions,
  onHeard: () => void,
): Promise<void> {
  const { bytes, url } = options;
  onHeard();
  const answer = {
    status: response.statusCode ?? 0,
    contentRange: response.headers['content-range'],
    contentLength: response.headers['content-length'],
  };
  const verdict = judge(answer, { start: part.bytes, bytes });
  if (verdict.kind === 'again') throw new Error(verdict.problem);
  if (verdict.kind === 'refused') {
    const problem = (answer.status >= 400 ? await readRefusal(response) : null) ?? verdict.problem;
    throw new SalvageError('SLV_DOWNLOAD', `${url.host} refuses the file: ${problem}`);
  }
  if (verdict.kind === 'restart' && part.bytes > 0) await part.reset();
  for await (const chunk of response as AsyncIterable<Buffer>) {
    if (part.bytes + chunk.length > bytes) {
      throw new SalvageError('SLV_DOWNLOAD', `${url.host} sends more than ${bytes} bytes`);
    }
    await part.append(chunk);
    onHeard();
    options.onBytes(part.bytes);
  }
}

async function cutWhenSilent(
  clock: Clock,
  heardAt: () => number,
  silent: AbortController,
  done: AbortSignal,
): Promise<void> {
  while (!done.aborted) {
    const due = heardAt() + limits.downloadSilenceMillisecondsMax;
    const wait = due - clock.monotonicMilliseconds();
    if (wait <= 0) return silent.abort();
    await clock.sleep(wait, done);
  }
}

export function cancelled(): SalvageError {
  return new SalvageError('SLV_DOWNLOAD', 'the download was called off', {
    hint: 'it resumes where it was when the model is asked for again',
  });
}
