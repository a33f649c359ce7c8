import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { describeModel } from './describe.ts';
import { type GgufHeader, parseGgufHeader } from './header.ts';
import { type SampleValue, sampleGguf, sampleModel } from './sample-gguf.ts';

const testModels = process.env['SALVAGE_TEST_MODELS'];

function headerOf(bytes: Uint8Array): GgufHeader {
  const answer = parseGgufHeader(bytes);
  assert.ok(answer.ok, JSON.stringify(answer));
  return answer.header;
}

function problemOf(bytes: Uint8Array): string {
  const answer = parseGgufHeader(bytes);
  assert.ok(!answer.ok && 'problem' in answer, JSON.stringify(answer));
  return answer.problem;
}

/** Calls as a reader of a slow file would; throws nothing and comes to an end, or the test fails. */
function settle(bytes: Uint8Array): 'header' | 'problem' | 'short' {
  let have = Math.min(16, bytes.length);
  for (let calls = 0; calls < 1_000; calls++) {
    const answer = parseGgufHeader(bytes.subarray(0, have));
    if (answer.ok) return 'header';
    if ('problem' in answer) return 'problem';
    assert.ok(answer.needBytes > have, 'it asks for bytes that it has');
    if (answer.needBytes > bytes.length) return 'short';
    have = Math.min(bytes.length, Math.max(answer.needBytes, have * 2));
  }
  throw new Error('it asked a thousand times');
}

describe('the header of a GGUF', () => {
  it('is read, with tensors, sizes and special tokens', () => {
    const bytes = sampleModel();
    const header = headerOf(bytes);
    assert.equal(header.endOffset, bytes.length);
    assert.equal(header.startTokenText, '<s>');
    assert.equal(header.endTokenText, '</s>');
    assert.deepEqual(
      header.tensors.map(({ name, type, bytes: size }) => [name, type, size]),
      [
        ['token_embd.weight', 'Q8_0', 8_704],
        ['blk.0.attn_q.weight', 'Q8_0', 4_352],
        ['output_norm.weight', 'F32', 256],
        ['output.weight', 'Q8_0', 8_704],
      ],
    );
    assert.equal(headerOf(sampleGguf({}, [], 2)).version, 2);
  });

  it('asks for more bytes exactly as long as some are missing', () => {
    const bytes = sampleModel();
    const { dataOffset } = headerOf(bytes);
    assert.equal(settle(bytes), 'header');
    for (const length of [0, 3, 4, 23, 24, 200, dataOffset - 40]) {
      const answer = parseGgufHeader(bytes.subarray(0, length));
      assert.ok(!answer.ok && 'needBytes' in answer, `at ${length}`);
      assert.ok(answer.needBytes > length && answer.needBytes <= dataOffset);
    }
  });

  it('is refused in words where no more bytes would help', () => {
    const text = (value: string): SampleValue => ({ type: 'text', value });
    assert.match(problemOf(Buffer.from('<html><body>')), /letters GGUF/);
    assert.match(problemOf(sampleGguf({}, [], 1)), /version 1/);
    assert.match(problemOf(sampleGguf({}, [], 0x03000000)), /big-endian/);
    assert.match(
      problemOf(sampleModel({ 'split.count': { type: 'u32', value: 3 } })),
      /one of 3 parts/,
    );
    assert.match(
      problemOf(sampleModel({ 'general.alignment': { type: 'u32', value: 24 } })),
      /power of two/,
    );
    const tensor = { name: 'a', dimensions: [32], bytes: 34 };
    assert.match(problemOf(sampleGguf({}, [{ ...tensor, type: 33 }])), /cannot load/);
    assert.match(
      problemOf(sampleGguf({}, [{ ...tensor, dimensions: [33], type: 8 }])),
      /no multiple/,
    );
    const twice = sampleGguf({ 'a.b': text('x'), 'a.c': text('y') }, []);
    twice[twice.indexOf('a.c') + 2] = 'b'.charCodeAt(0);
    assert.match(problemOf(twice), /twice/);
  });

  it('refuses absurd counts without walking them', () => {
    const bytes = sampleModel();
    const counts = [8, 16, bytes.indexOf('tokenizer.ggml.tokens') + 21 + 8];
    for (const offset of counts) {
      const mutated = Buffer.from(bytes);
      mutated.writeBigUInt64LE(2n ** 63n, offset);
      assert.ok(problemOf(mutated).length > 0);
    }
  });

  it('never throws and always ends, whatever the bytes are', () => {
    const bytes = sampleModel();
    const header = bytes.subarray(0, headerOf(bytes).dataOffset);
    const mutation = fc.record({
      offset: fc.nat({ max: header.length - 1 }),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 9 }),
    });
    fc.assert(
      fc.property(
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        fc.nat({ max: header.length }),
        (mutations, length) => {
          const mutated = Buffer.from(header);
          for (const { offset, bytes: patch } of mutations)
            mutated.set(patch.slice(0, header.length - offset), offset);
          settle(mutated);
          settle(mutated.subarray(0, length));
          const answer = parseGgufHeader(mutated);
          if (answer.ok) describeModel(answer.header, { fileBytes: 1e9, fileName: 'x' });
        },
      ),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
        settle(Buffer.concat([Buffer.from('GGUF\x03\0\0\0', 'latin1'), tail]));
      }),
    );
  });

  it('agrees with node-llama-cpp on real files', {
    skip: testModels === undefined ? 'SALVAGE_TEST_MODELS is not set' : false,
  }, async () => {
    const { readGgufFileInfo } = await import('node-llama-cpp');
    const names = readdirSync(testModels ?? '').filter((name) => name.endsWith('.gguf'));
    assert.ok(names.length > 0);
    for (const name of names) {
      const path = join(testModels ?? '', name);
      const header = headerOf(readFileSync(path));
      const info = await readGgufFileInfo(path);
      assert.equal(header.version, info.version);
      const padded = Math.ceil(header.endOffset / header.alignment) * header.alignment;
      assert.equal(padded, statSync(path).size);
      assert.deepEqual(
        header.tensors.map((tensor) => [tensor.name, [...tensor.dimensions], tensor.offset]),
        (info.fullTensorInfo ?? []).map((tensor) => [
          tensor.name,
          tensor.dimensions.map(Number),
          Number(tensor.fileOffset),
        ]),
      );
      const answer = describeModel(header, { fileBytes: statSync(path).size, fileName: name });
      assert.ok(answer.ok);
      const { shape } = answer;
      const { tokens } = info.metadata.tokenizer.ggml;
      assert.equal(shape.architecture, info.metadata.general.architecture);
      assert.equal(shape.layers, info.architectureMetadata.block_count);
      assert.equal(shape.width, info.architectureMetadata.embedding_length);
      assert.equal(shape.contextTokensMax, info.architectureMetadata.context_length);
      assert.equal(shape.headsKv, info.architectureMetadata.attention?.head_count_kv);
      assert.equal(shape.vocabulary, tokens.length);
      assert.equal(shape.startTokenText, tokens[info.metadata.tokenizer.ggml.bos_token_id ?? -1]);
      assert.equal(shape.endTokenText, tokens[info.metadata.tokenizer.ggml.eos_token_id ?? -1]);
    }
  });
});
