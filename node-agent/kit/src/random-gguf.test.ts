import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type ModelShape,
  shapeOfBytes,
  shapes,
  vocabularyMax,
  vocabularyMin,
  weightsBytes,
  whyNot,
  writeRandomGguf,
} from './random-gguf.ts';

const smallest: ModelShape = {
  architecture: 'llama',
  layers: 2,
  width: 64,
  heads: 2,
  headsKv: 1,
  feedForward: 96,
  vocabulary: 512,
  contextTokens: 256,
  quant: 'Q4_0',
};

const anyShape: fc.Arbitrary<ModelShape> = fc
  .record({
    layers: fc.integer({ min: 1, max: 3 }),
    heads: fc.integer({ min: 1, max: 3 }),
    feed: fc.integer({ min: 1, max: 5 }),
    vocabulary: fc.integer({ min: vocabularyMin, max: 700 }),
    quant: fc.constantFrom<ModelShape['quant']>('Q4_0', 'Q8_0', 'F16'),
    shared: fc.boolean(),
  })
  .map(({ heads, feed, shared, ...rest }) => ({
    ...rest,
    architecture: 'llama',
    width: heads * 32,
    heads,
    headsKv: shared ? 1 : heads,
    feedForward: feed * 32,
    contextTokens: 64,
  }));

describe('random-gguf', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'salvage-random-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('knows the bytes of its tensors before it writes them', async () => {
    const { readGgufFileInfo } = await import('node-llama-cpp');
    const path = join(folder, 'any.gguf');
    await fc.assert(
      fc.asyncProperty(anyShape, fc.nat(), async (shape, seed) => {
        await writeRandomGguf(path, shape, seed);
        const { fullTensorInfo } = await readGgufFileInfo(path);
        const ends = (fullTensorInfo ?? []).map(({ fileOffset }) => Number(fileOffset));
        const written = (await readFile(path)).length - Math.min(...ends);
        const padding = written - weightsBytes(shape);
        assert(padding >= 0 && padding < 32 * ends.length, `${padding} bytes of padding`);
      }),
      { numRuns: 25 },
    );
  });

  it('gives the same bytes for the same seed, and others for another', async () => {
    const digest = async (seed: number): Promise<string> => {
      const path = join(folder, 'seeded.gguf');
      await writeRandomGguf(path, smallest, seed);
      return createHash('sha256')
        .update(await readFile(path))
        .digest('hex');
    };
    assert.equal(await digest(7), await digest(7));
    assert.notEqual(await digest(7), await digest(8));
  });

  for (const quant of ['Q4_0', 'Q8_0', 'F16'] as const)
    it(`makes a ${quant} model that loads, reads any text and answers printable text`, async () => {
      const path = join(folder, `${quant}.gguf`);
      await writeRandomGguf(path, { ...smallest, quant }, 3);
      const { getLlama, LlamaCompletion } = await import('node-llama-cpp');
      const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false });
      try {
        const model = await llama.loadModel({ modelPath: path });
        const prompt = 'Grüße, 世界\n\ttab';
        assert.equal(model.detokenize(model.tokenize(prompt)), prompt);
        const context = await model.createContext({ contextSize: 256, threads: 1 });
        const completion = new LlamaCompletion({ contextSequence: context.getSequence() });
        const { response, metadata } = await completion.generateCompletionWithMeta(prompt, {
          maxTokens: 8,
          temperature: 0.8,
          seed: 1,
        });
        assert.equal(metadata.stopReason, 'maxTokens');
        assert.match(response, /^[ -~]{8,}$/);
      } finally {
        await llama.dispose();
      }
    });

  it('finds a shape for a number of bytes', () => {
    for (const [min, max, error] of [
      [500_000, 10_000_000, 0.1],
      [10_000_000, 4_000_000_000, 0.02],
    ] as const)
      fc.assert(
        fc.property(fc.integer({ min, max }), (bytes) => {
          const shape = shapeOfBytes(bytes);
          assert.equal(whyNot(shape), null);
          assert(Math.abs(weightsBytes(shape) / bytes - 1) <= error, JSON.stringify(shape));
        }),
        { numRuns: 50 },
      );
    assert.equal(shapeOfBytes(50_000_000, 2048).vocabulary, 2048);
  });

  it('has a slow and a big shape', () => {
    assert.equal(Math.round(weightsBytes(shapes.slow) / 1e6), 157);
    assert.equal(Math.round(weightsBytes(shapes.big) / 1e6), 619);
  });

  it('has a piece of its own for every token', async () => {
    const path = join(folder, 'tokens.gguf');
    await writeRandomGguf(path, { ...smallest, layers: 1, vocabulary: vocabularyMax }, 1);
    const { readGgufFileInfo } = await import('node-llama-cpp');
    const { metadata } = await readGgufFileInfo(path);
    const { tokens } = metadata.tokenizer?.ggml ?? {};
    assert.equal(new Set(tokens).size, vocabularyMax);
  });

  it('refuses a shape that cannot be', async () => {
    const path = join(folder, 'wrong.gguf');
    for (const wrong of [
      { width: 100 },
      { heads: 5 },
      { headsKv: 3 },
      { vocabulary: 100 },
      { layers: 0 },
    ])
      await assert.rejects(writeRandomGguf(path, { ...smallest, ...wrong }, 1), {
        code: 'SLV_REQUEST',
      });
  });
});
