// Asking the planner's store for a file from some byte on (RFC 9110 §14), and judging the answer.
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { HubError } from '@salvage/contract';
import { SalvageError } from '@salvage/kit';
import * as v from 'valibot';
import type { TunnelIdentity } from '../tunnel/member.ts';

interface StoreRequest {
  url: URL;
  /** Bytes that are here already. */
  start: number;
  identity: TunnelIdentity | null;
  signal: AbortSignal;
}

/** Resolves with the answer's head; redirects are not followed. */
export function askStore(options: StoreRequest): Promise<IncomingMessage> {
  const { url, start, identity, signal } = options;
  const isHttps = url.protocol === 'https:';
  if (!isHttps && (url.protocol !== 'http:' || identity !== null)) {
    throw new SalvageError('SLV_DOWNLOAD', `the store's address ${url.origin} is not HTTPS`);
  }
  const headers = {
    'accept-encoding': 'identity',
    ...(start > 0 ? { range: `bytes=${start}-` } : {}),
  };
  return new Promise((resolve, reject) => {
    const request = isHttps
      ? httpsRequest(url, { ...tlsOf(identity), headers, signal, agent: false }, resolve)
      : httpRequest(url, { headers, signal, agent: false }, resolve);
    // Not once: an aborted answer errs on the request as well.
    request.on('error', reject);
    request.end();
  });
}

function tlsOf(identity: TunnelIdentity | null): object {
  if (identity === null) return {};
  const { caPem, certificatePem, keyPem } = identity;
  return { ca: caPem, cert: certificatePem, key: keyPem, minVersion: 'TLSv1.2' };
}

type Verdict =
  /** Its bytes follow those that are here. */
  | { kind: 'append' }
  /** Its bytes are the file from the first one on. */
  | { kind: 'restart' }
  /** Worth another try. */
  | { kind: 'again'; problem: string }
  /** Not worth one. */
  | { kind: 'refused'; problem: string };

/** Judges status and headers against what was asked for. Pure. */
export function judge(
  answer: { status: number; contentRange: string | undefined; contentLength: string | undefined },
  asked: { start: number; bytes: number },
): Verdict {
  const { status } = answer;
  if (status === 206) {
    const [, first, , total = '*'] =
      /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(answer.contentRange ?? '') ?? [];
    if (total !== '*' && Number(total) !== asked.bytes) return wrongSize(total, asked.bytes);
    if (Number(first) === asked.start) return { kind: 'append' };
    return { kind: 'refused', problem: `it answered with the range ${answer.contentRange}` };
  }
  if (status === 200) {
    const total = answer.contentLength;
    if (total !== undefined && Number(total) !== asked.bytes) return wrongSize(total, asked.bytes);
    return { kind: 'restart' };
  }
  const problem = `it answered ${status}`;
  const isPassing = status >= 500 || status === 408 || status === 425 || status === 429;
  return isPassing ? { kind: 'again', problem } : { kind: 'refused', problem };
}

function wrongSize(total: string, bytes: number): Verdict {
  return { kind: 'refused', problem: `its file has ${total} bytes, not ${bytes}` };
}

const errorCharactersMax = 4_000;

/** What a refusing store says for people; null when it says nothing that we understand. */
export async function readRefusal(response: IncomingMessage): Promise<string | null> {
  let text = '';
  try {
    for await (const chunk of response) {
      text += String(chunk);
      if (text.length > errorCharactersMax) return null;
    }
    return v.parse(HubError, JSON.parse(text)).message;
  } catch {
    return null; // its status has to do
  }
}
