// MQTT's fixed header (MQTT 3.1.1 §2.2): one byte of type and flags, then the length of the rest in
// one to four bytes, seven bits each, lowest first. Reading no more than that is enough to count
// every frame before a parser buffers it, and to close every door that salvage never uses: QoS 2 in
// either direction, a second CONNECT, packets that only a server sends.

export interface FrameHeader {
  headerBytes: number;
  bodyBytes: number;
}

/** The header at the start of `bytes`; null while it is not whole, 'bad' when it never will be. */
export function readFrameHeader(bytes: Uint8Array): FrameHeader | null | 'bad' {
  let bodyBytes = 0;
  for (let index = 1; index <= 4; index += 1) {
    const byte = bytes[index];
    if (byte === undefined) return null;
    bodyBytes += (byte & 0x7f) * 128 ** (index - 1);
    if (byte < 0x80) return { headerBytes: index + 1, bodyBytes };
  }
  return 'bad';
}

export interface FrameWalker {
  /** Walks over the next bytes of a stream. A reason when they must not be passed on. */
  take(chunk: Uint8Array): string | null;
}

/** Follows the frames of one client after its CONNECT, however the stream is cut into chunks. */
export function createFrameWalker(frameBytesMax: number): FrameWalker {
  const header: number[] = [];
  let bodyLeft = 0;
  return {
    take: (chunk) => {
      let at = 0;
      while (at < chunk.length) {
        if (bodyLeft > 0) {
          const step = Math.min(bodyLeft, chunk.length - at);
          bodyLeft -= step;
          at += step;
          continue;
        }
        const byte = chunk[at] ?? 0;
        at += 1;
        header.push(byte);
        if (header.length === 1) {
          const reason = refuseFirstByte(byte);
          if (reason !== null) return reason;
          continue;
        }
        const read = readFrameHeader(Uint8Array.from(header));
        if (read === null) continue;
        if (read === 'bad') return 'a frame length of more than four bytes';
        if (read.headerBytes + read.bodyBytes > frameBytesMax) {
          return `a frame of ${read.bodyBytes} bytes where ${frameBytesMax} are allowed`;
        }
        bodyLeft = read.bodyBytes;
        header.length = 0;
      }
      return null;
    },
  };
}

/** Type -> flags that it must carry; PUBLISH (3) is judged apart (MQTT 3.1.1 table 2.2). */
const clientTypes = new Map([
  [4, 0],
  [8, 2],
  [10, 2],
  [12, 0],
  [14, 0],
]);

function refuseFirstByte(byte: number): string | null {
  const type = byte >> 4;
  const flags = byte & 0x0f;
  if (type === 3) return (flags & 0x06) > 2 ? 'a PUBLISH with QoS 2 or 3' : null;
  const wanted = clientTypes.get(type);
  if (wanted === undefined) return `a packet of type ${type}, which no client may send here`;
  return flags === wanted ? null : `a packet of type ${type} with flags ${flags}`;
}
