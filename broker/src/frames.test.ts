import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createFrameWalker, readFrameHeader } from './frames.ts';

const frameBytesMax = 1_000;

/** Bytes of a frame: a type byte, a length, a body. */
const lawful = fc
  .tuple(fc.constantFrom(0x30, 0x31, 0x32, 0x3a, 0x40, 0x82, 0xa2, 0xc0), fc.nat(900))
  .map(([type, bytes]) => {
    const length = bytes < 128 ? [bytes] : [(bytes % 128) | 0x80, Math.floor(bytes / 128)];
    return [type, ...length, ...Array<number>(bytes).fill(0xf6)];
  });

function walkInPieces(bytes: number[], cuts: number[]): string | null {
  const walker = createFrameWalker(frameBytesMax);
  const edges = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort(
    (a, b) => a - b,
  );
  let from = 0;
  for (const to of edges) {
    const reason = walker.take(Uint8Array.from(bytes.slice(from, to)));
    if (reason !== null) return reason;
    from = to;
  }
  return null;
}

describe('frames', () => {
  it('pass however they are cut', () => {
    fc.assert(
      fc.property(fc.array(lawful, { maxLength: 8 }), fc.array(fc.nat()), (frames, cuts) => {
        assert.equal(walkInPieces(frames.flat(), cuts), null);
      }),
    );
  });

  it('are judged the same however they are cut', () => {
    const bytes = fc.array(fc.nat(255), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(bytes, fc.array(fc.nat()), (some, cuts) => {
        assert.equal(walkInPieces(some, cuts), walkInPieces(some, []));
      }),
    );
  });

  it('over the cap are refused from their header alone', () => {
    assert.match(walkInPieces([0x30, 0xe8, 0x07], []) ?? '', /1000 bytes/);
    assert.equal(walkInPieces([0x30, 0xe5, 0x07], []), null);
  });

  it('have lengths of one to four bytes', () => {
    assert.deepEqual(readFrameHeader(Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0x7f)), {
      headerBytes: 5,
      bodyBytes: 268_435_455,
    });
    assert.equal(readFrameHeader(Uint8Array.of(0x10, 0xff, 0xff)), null);
    assert.equal(readFrameHeader(Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0x80)), 'bad');
  });
});
