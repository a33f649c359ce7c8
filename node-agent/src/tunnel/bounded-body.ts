// Reading what a request brings, up to a bound for one and a bound for all together: an old machine
// must not be filled with prompts. What is too large is still read for a while, and thrown away,
// because a client that is cut off while it writes never sees why.
import type { IncomingMessage } from 'node:http';

type Body =
  | { ok: true; text: string }
  /** `gone`: the client left before it had sent all. */
  | { ok: false; problem: 'too-large' | 'no-room' | 'gone' };

export interface BodyReader {
  read(request: IncomingMessage): Promise<Body>;
  /** Reads and throws away; for requests that are refused whatever they bring. */
  discard(request: IncomingMessage): Promise<void>;
}

interface BodyBounds {
  /** Of one body. */
  bytesMax: number;
  /** Of all bodies that are being read or parsed. */
  bytesTotalMax: number;
  /** Of a body that is refused: beyond this the connection is cut. */
  discardBytesMax: number;
}

export function createBodyReader(bounds: BodyBounds): BodyReader {
  let bytesTotal = 0;

  const read = async (request: IncomingMessage): Promise<Body> => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let kept = 0;
    let problem: 'too-large' | 'no-room' | null = null;
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > bounds.bytesMax) problem = 'too-large';
        else if (bytesTotal + chunk.length > bounds.bytesTotalMax) problem ??= 'no-room';
        if (problem === null) {
          chunks.push(chunk);
          kept += chunk.length;
          bytesTotal += chunk.length;
          continue;
        }
        chunks.length = 0;
        bytesTotal -= kept;
        kept = 0;
        if (bytes > bounds.discardBytesMax) return { ok: false, problem: 'gone' };
      }
      if (problem !== null) return { ok: false, problem };
      return { ok: true, text: Buffer.concat(chunks).toString('utf8') };
    } catch {
      return { ok: false, problem: 'gone' }; // the connection broke: nobody waits for an answer
    } finally {
      bytesTotal -= kept;
    }
  };

  return {
    read,
    discard: async (request) => {
      let bytes = 0;
      try {
        for await (const chunk of request as AsyncIterable<Buffer>) {
          bytes += chunk.length;
          if (bytes > bounds.discardBytesMax) return;
        }
      } catch {
        return; // gone
      }
    },
  };
}
