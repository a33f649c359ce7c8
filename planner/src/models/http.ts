// The few requests that fetching a model needs, over the `fetch` that is handed in: a small JSON
// document, and a range of a file with what its answer says of the whole.
import { messageOf, SalvageError } from '@salvage/kit';

export type Fetch = typeof fetch;
export type Answer = Awaited<ReturnType<Fetch>>;

const jsonBytesMax = 8 * 1024 * 1024;
const answerMillisecondsMax = 30_000;

export interface RangeAnswer {
  response: Answer;
  /** Where the body starts in the file: 0 from a server that knows no ranges. */
  offset: number;
  /** Size of the whole file. */
  totalBytes: number;
  etag: string | null;
}

/** Rejects with SLV_DOWNLOAD. */
export async function getJson(
  address: string,
  options: { fetch: Fetch; signal: AbortSignal | undefined },
): Promise<unknown> {
  const signal = withDeadline(options.signal);
  try {
    const response = await options.fetch(address, { signal });
    if (!response.ok) {
      await drop(response);
      throw refusal(address, response.status);
    }
    const bytes = await readAtMost(response, jsonBytesMax + 1);
    if (bytes.length > jsonBytesMax) throw new Error('the answer is too long');
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw failure(address, error, options.signal);
  }
}

/**
 * Asks for `[from, to)` of a file (`to` null: to its end). The body is the caller's to read or to
 * drop. Rejects with SLV_DOWNLOAD; a refusal has the status in `cause`.
 */
export async function getRange(
  address: string,
  range: { from: number; to: number | null },
  options: { fetch: Fetch; signal: AbortSignal | undefined },
): Promise<RangeAnswer> {
  const last = range.to === null ? '' : String(range.to - 1);
  const headers = { range: `bytes=${range.from}-${last}`, 'accept-encoding': 'identity' };
  let response: Answer;
  try {
    response = await options.fetch(address, {
      headers,
      redirect: 'follow',
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  } catch (error) {
    throw failure(address, error, options.signal);
  }
  const etag = response.headers.get('etag');
  if (response.status === 206) {
    const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
    if (match !== null && Number(match[1]) === range.from) {
      return { response, offset: range.from, totalBytes: Number(match[3]), etag };
    }
    await drop(response);
    throw new SalvageError('SLV_DOWNLOAD', `${shown(address)} answered with another range`);
  }
  const totalBytes = Number(response.headers.get('content-length') ?? Number.NaN);
  if (response.status === 200 && Number.isSafeInteger(totalBytes)) {
    return { response, offset: 0, totalBytes, etag };
  }
  await drop(response);
  if (response.status === 200) {
    throw new SalvageError('SLV_DOWNLOAD', `${shown(address)} does not say how large it is`);
  }
  throw refusal(address, response.status);
}

/** Reads a body until `bytesMax` are there, then lets the rest go. */
export async function readAtMost(response: Answer, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  if (response.body !== null) {
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= bytesMax) break; // leaving the loop cancels the body
    }
  }
  return Buffer.concat(chunks).subarray(0, bytesMax);
}

export async function drop(response: Answer): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}

/** Status of the answer that made this failure; null when there was none. */
export function statusOf(error: unknown): number | null {
  const cause = error instanceof SalvageError ? error.cause : null;
  return cause instanceof RefusedStatus ? cause.status : null;
}

class RefusedStatus extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`status ${status}`);
    this.status = status;
  }
}

function refusal(address: string, status: number): SalvageError {
  const hints: Record<number, string> = {
    401: 'it is not public, or its licence must be accepted: fetch it by hand and add the file',
    403: 'it is not public, or its licence must be accepted: fetch it by hand and add the file',
    404: 'check the spelling of owner, repository and file',
    429: 'the site asks for patience: wait and run the same command, it resumes',
  };
  const hint = hints[status];
  return new SalvageError('SLV_DOWNLOAD', `${shown(address)} answered ${status}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: new RefusedStatus(status),
  });
}

function failure(address: string, error: unknown, signal: AbortSignal | undefined): SalvageError {
  if (error instanceof SalvageError) return error;
  if (signal?.aborted === true) return new SalvageError('SLV_DOWNLOAD', 'it was called off');
  const reason = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return new SalvageError('SLV_DOWNLOAD', `${shown(address)}: ${messageOf(reason)}`, {
    cause: error,
  });
}

function withDeadline(signal: AbortSignal | undefined): AbortSignal {
  const deadline = AbortSignal.timeout(answerMillisecondsMax);
  return signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
}

/** Without what may be a secret. */
function shown(address: string): string {
  return address.replace(/\?.*$/s, '');
}
