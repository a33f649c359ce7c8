import { strict as assert } from 'node:assert';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeGgufHeader, encodeValues, halfOf, tensorBytes, writeGguf } from './gguf-write.ts';

/** A half-float's value, by the definition of IEEE 754. */
function valueOfHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? 2 ** -14 * fraction : 2 ** (exponent - 15) * (1 + fraction));
}

describe('gguf-write', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'salvage-gguf-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('writes what a GGUF reader reads', async () => {
    const path = join(folder, 'typed.gguf');
    const values = Float32Array.from({ length: 64 }, (_, index) => index / 8 - 4);
    await writeGguf(
      path,
      {
        'general.architecture': { type: 'string', value: 'llama' },
        'general.name': { type: 'string', value: 'Prüfstück' },
        'test.unsigned': { type: 'u32', value: 4_000_000_000 },
        'test.signed': { type: 'i32', value: -7 },
        'test.real': { type: 'f32', value: 0.5 },
        'test.yes': { type: 'bool', value: true },
        'test.words': { type: 'array', of: 'string', values: ['one', 'zwei'] },
        'test.numbers': { type: 'array', of: 'i32', values: [1, -1] },
      },
      [
        {
          name: 'plain',
          type: 'F32',
          dimensions: [3],
          pieces: () => [encodeValues(values.subarray(0, 3), 'F32')],
        },
        {
          name: 'blocks',
          type: 'Q8_0',
          dimensions: [32, 2],
          pieces: () => [
            encodeValues(values.subarray(0, 32), 'Q8_0'),
            encodeValues(values.subarray(32), 'Q8_0'),
          ],
        },
      ],
    );
    const { readGgufFileInfo } = await import('node-llama-cpp');
    const info = await readGgufFileInfo(path);
    assert.equal(info.version, 3);
    assert.equal(info.metadata.general.name, 'Prüfstück');
    const own = (info.metadata as unknown as { test: Record<string, unknown> }).test;
    assert.deepEqual(
      { ...own },
      {
        unsigned: 4_000_000_000,
        signed: -7,
        real: 0.5,
        yes: true,
        words: ['one', 'zwei'],
        numbers: [1, -1],
      },
    );
    const tensors = info.fullTensorInfo ?? [];
    assert.deepEqual(
      tensors.map(({ name, dimensions, ggmlType, offset }) => [
        name,
        dimensions.map(Number),
        ggmlType,
        Number(offset),
      ]),
      [
        ['plain', [3], 0, 0],
        ['blocks', [32, 2], 8, 32],
      ],
    );
    const bytes = await readFile(path);
    const start = Number(tensors[0]?.fileOffset ?? 0);
    assert.equal(bytes.length, start + 32 + 96);
    assert.equal(bytes.readFloatLE(start), -4);
    assert.equal(valueOfHalf(bytes.readUInt16LE(start + 32)).toFixed(4), (4 / 127).toFixed(4));
    assert.equal(bytes.readInt8(start + 34), -127);
  });

  it('leaves nothing behind when a tensor is not what its table says', async () => {
    const short = {
      name: 'short',
      type: 'F32' as const,
      dimensions: [8],
      pieces: () => [Buffer.alloc(16)],
    };
    const path = join(folder, 'short.gguf');
    await assert.rejects(writeGguf(path, {}, [short]), /short is 32 bytes/);
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.startsWith('short')),
      [],
    );
  });

  it('keeps headers a multiple of the alignment, whatever the key', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(1000), (key, value) => {
        const header = encodeGgufHeader({ [`x${key}`]: { type: 'u32', value } }, []);
        assert.equal(header.byteLength % 32, 0);
      }),
    );
  });

  it('rounds to the nearest half-float', () => {
    for (let bits = 0; bits < 0x7c00; bits += 1) assert.equal(halfOf(valueOfHalf(bits)), bits);
    assert.deepEqual([1e9, -1e9, Number.NaN, -0].map(halfOf), [0x7c00, 0xfc00, 0x7e00, 0x8000]);
    fc.assert(
      fc.property(fc.float({ min: -65_504, max: 65_504, noNaN: true }), (value) => {
        const bits = halfOf(value);
        const error = Math.abs(valueOfHalf(bits) - value);
        for (const other of [bits - 1, bits + 1].filter((one) => Number.isFinite(valueOfHalf(one))))
          assert(error <= Math.abs(valueOfHalf(other) - value));
      }),
    );
  });

  it('knows the bytes of a tensor', () => {
    assert.equal(tensorBytes('Q4_0', [64, 3]), 108);
    assert.equal(tensorBytes('F16', [5]), 10);
    assert.throws(() => tensorBytes('Q8_0', [33]), /whole blocks/);
  });
});
