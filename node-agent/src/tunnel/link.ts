// The link from this node to a peer's tunnel port: round trip and bandwidth, over one mutual-TLS
// connection that is kept open, so that handshakes are not mistaken for distance.

import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { finished } from 'node:stream/promises';
import { type Clock, messageOf, SalvageError } from '@salvage/kit';
import { serverNameOf, type TunnelIdentity } from './member.ts';

export interface LinkOptions {
  /** The node that must answer: its certificate is checked, not its address. */
  peerId: string;
  /** Tried in order. */
  addresses: readonly string[];
  port: number;
  identity: TunnelIdentity;
  clock: Clock;
  signal: AbortSignal;
}

export interface LinkFigures {
  /** Median. */
  roundTripMilliseconds: number;
  bytesPerSecond: number;
}

const linkLimits = {
  pingsMax: 9,
  pingsMin: 5,
  blobBytes: 4 * 1024 * 1024,
  /** The sum stays below the 15 s that the planner gives a command. */
  connectMillisecondsMax: 4_000,
  pingsMillisecondsMax: 3_000,
  blobStartMillisecondsMax: 3_000,
  blobMillisecondsMax: 2_000,
} as const;

/**
 * Rejects with SLV_TIMEOUT when nothing answered in time or `signal` aborted, with SLV_NODE_LOST
 * when the peer could not be reached, is not who it should be, or broke off.
 */
export async function measureLink(options: LinkOptions): Promise<LinkFigures> {
  const problems: string[] = [];
  let allTimedOut = options.addresses.length > 0;
  for (const address of options.addresses) {
    try {
      return await measureAt(address, options);
    } catch (error) {
      if (options.signal.aborted) break;
      const timedOut = error instanceof SalvageError && error.code === 'SLV_TIMEOUT';
      allTimedOut &&= timedOut;
      problems.push(`${address}: ${messageOf(error)}`);
    }
  }
  const link = `the link to ${options.peerId}`;
  if (options.signal.aborted) {
    throw new SalvageError('SLV_TIMEOUT', `${link} was not measured: there was no more time`);
  }
  const reasons = problems.join('; ') || 'it names no address';
  throw new SalvageError(
    allTimedOut ? 'SLV_TIMEOUT' : 'SLV_NODE_LOST',
    `${link} was not measured: ${reasons}`,
  );
}

async function measureAt(address: string, options: LinkOptions): Promise<LinkFigures> {
  const { clock, identity } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const get = (path: string, signal: AbortSignal): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const request = httpsRequest(
        {
          agent,
          host: address,
          port: options.port,
          servername: serverNameOf(options.peerId),
          path,
          ca: identity.caPem,
          cert: identity.certificatePem,
          key: identity.keyPem,
          minVersion: 'TLSv1.2',
          signal,
        },
        (response) => resolve({ response, isWarm: request.reusedSocket }),
      );
      // Not once: an answer that is cut short errs on the request as well.
      request.on('error', reject);
      request.end();
    });
  try {
    await within(options, linkLimits.connectMillisecondsMax, (signal) => ping(get, signal));
    const roundTripMilliseconds = await within(options, linkLimits.pingsMillisecondsMax, (signal) =>
      measureRoundTrip(get, clock, signal),
    );
    const { response } = await within(options, linkLimits.blobStartMillisecondsMax, (signal) =>
      get(`/blob?bytes=${linkLimits.blobBytes}`, signal),
    );
    return { roundTripMilliseconds, bytesPerSecond: await measureBandwidth(response, clock) };
  } finally {
    agent.destroy();
  }
}

interface Answer {
  response: IncomingMessage;
  /** True when it came over a connection that was open already. */
  isWarm: boolean;
}

type Get = (path: string, signal: AbortSignal) => Promise<Answer>;

async function ping(get: Get, signal: AbortSignal): Promise<boolean> {
  const { response, isWarm } = await get('/ping', signal);
  await finished(response.resume());
  if (response.statusCode !== 204) throw new Error(`it answered ${response.statusCode}`);
  return isWarm;
}

/** The median over warm pings, milliseconds; fewer than `pingsMax` where each takes long. */
async function measureRoundTrip(get: Get, clock: Clock, signal: AbortSignal): Promise<number> {
  const begin = clock.monotonicMilliseconds();
  const times: number[] = [];
  for (let count = 0; count < 2 * linkLimits.pingsMax; count += 1) {
    const sent = clock.monotonicMilliseconds();
    const isWarm = await ping(get, signal);
    const now = clock.monotonicMilliseconds();
    // A connection that had to be opened anew was a handshake, not a round trip.
    if (isWarm) times.push(now - sent);
    if (times.length === linkLimits.pingsMax) break;
    const isLate = now - begin > linkLimits.pingsMillisecondsMax / 2;
    if (isLate && times.length >= linkLimits.pingsMin) break;
  }
  if (times.length < linkLimits.pingsMin) throw new Error('it does not keep connections open');
  return medianOf(times);
}

/** The middle value, or the mean of the two middle ones. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = Number.NaN, high = low] = sorted.slice(
    Math.ceil(middle) - 1,
    Math.floor(middle) + 1,
  );
  return (low + high) / 2;
}

/** Bytes per second over the whole blob, or over as much of it as came in time. */
async function measureBandwidth(response: IncomingMessage, clock: Clock): Promise<number> {
  if (response.statusCode !== 200) throw new Error(`it answered ${response.statusCode}`);
  const begin = clock.monotonicMilliseconds();
  const done = new AbortController();
  let outOfTime = false;
  void clock.sleep(linkLimits.blobMillisecondsMax, done.signal).then(() => {
    if (done.signal.aborted) return;
    outOfTime = true;
    response.destroy();
  });
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) bytes += chunk.length;
  } catch (error) {
    if (!outOfTime) throw error;
  } finally {
    done.abort();
  }
  if (bytes === 0) throw new SalvageError('SLV_TIMEOUT', 'it sent nothing in time');
  const milliseconds = Math.max(millisecondsMin, clock.monotonicMilliseconds() - begin);
  return (bytes / milliseconds) * 1_000;
}

/** What a clock can tell apart from nothing: a loopback must not be infinitely fast. */
const millisecondsMin = 0.1;

/** Gives `work` a signal that aborts with the caller's or after `milliseconds` (SLV_TIMEOUT). */
async function within<Result>(
  options: Pick<LinkOptions, 'clock' | 'signal'>,
  milliseconds: number,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const deadline = new AbortController();
  const done = new AbortController();
  void options.clock.sleep(milliseconds, done.signal).then(() => {
    if (!done.signal.aborted) deadline.abort();
  });
  try {
    return await work(AbortSignal.any([deadline.signal, options.signal]));
  } catch (error) {
    if (!deadline.signal.aborted) throw error;
    throw new SalvageError('SLV_TIMEOUT', `no answer in ${milliseconds / 1_000} s`, {
      cause: error,
    });
  } finally {
    done.abort();
  }
}
