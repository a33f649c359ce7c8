// Writing no faster than the other side reads. At most one piece waits here; whoever produces the
// next one waits too. A reader that takes nothing for a minute is given up.
import type { Clock } from '@salvage/kit';

/** The part of a server's response that is written to. */
interface Sink {
  readonly destroyed: boolean;
  write(piece: Buffer): boolean;
  once(event: 'drain' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'close', listener: () => void): unknown;
}

type Sent = 'sent' | 'gone' | 'stalled';

const stallMillisecondsMax = 60_000;
/** Long lines go out in pieces, so that a slow reader has a minute for each and not for all. */
const pieceBytesMax = 65_536;

/** Resolves when `bytes` are with the operating system, or nobody will take them. */
export async function sendPaced(sink: Sink, bytes: Buffer, clock: Clock): Promise<Sent> {
  for (let start = 0; start < bytes.length; start += pieceBytesMax) {
    if (sink.destroyed) return 'gone';
    if (sink.write(bytes.subarray(start, start + pieceBytesMax))) continue;
    const outcome = await untilDrained(sink, clock);
    if (outcome !== 'sent') return outcome;
  }
  return sink.destroyed ? 'gone' : 'sent';
}

async function untilDrained(sink: Sink, clock: Clock): Promise<Sent> {
  if (sink.destroyed) return 'gone';
  const settled = new AbortController();
  let outcome: Sent = 'stalled';
  const settle = (next: Sent) => (): void => {
    if (!settled.signal.aborted) outcome = next;
    settled.abort();
  };
  const [drained, closed] = [settle('sent'), settle('gone')];
  sink.once('drain', drained);
  sink.once('close', closed);
  await clock.sleep(stallMillisecondsMax, settled.signal);
  sink.off('drain', drained);
  sink.off('close', closed);
  return outcome;
}
