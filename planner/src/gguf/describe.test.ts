import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeModel, type ShapeOfModel } from './describe.ts';
import { parseGgufHeader } from './header.ts';
import { type SampleValue, sampleGguf, sampleModel } from './sample-gguf.ts';

function describeBytes(bytes: Buffer, fileBytes = bytes.length) {
  const answer = parseGgufHeader(bytes);
  assert.ok(answer.ok, JSON.stringify(answer));
  return describeModel(answer.header, { fileBytes, fileName: 'sample-q8_0' });
}

function shapeOf(bytes: Buffer): ShapeOfModel {
  const answer = describeBytes(bytes);
  assert.ok(answer.ok, JSON.stringify(answer));
  return answer.shape;
}

const text = (value: string): SampleValue => ({ type: 'text', value });
const u32 = (value: number): SampleValue => ({ type: 'u32', value });

describe('the shape of a model', () => {
  it('comes from the header', () => {
    const bytes = sampleModel();
    assert.deepEqual(shapeOf(bytes), {
      name: 'Sample 1M Chat',
      bytes: bytes.length,
      architecture: 'llama',
      quant: 'Q8_0',
      parameters: 64 * 128 * 2 + 64 * 64 + 64,
      layers: 1,
      width: 64,
      heads: 4,
      headsKv: 2,
      headSizeKey: 16,
      headSizeValue: 16,
      vocabulary: 128,
      experts: 0,
      expertsActive: 0,
      // Untied: of the embedding one row is read, of everything else all.
      bytesPerToken: 4_352 + 256 + 8_704,
      contextTokensMax: 1_024,
      chatTemplate: '{{ messages }}',
      startTokenText: '<s>',
      endTokenText: '</s>',
      licence: 'apache-2.0',
    });
  });

  it('takes the file’s name where the model has none, and no false label', () => {
    const shape = shapeOf(
      sampleModel({ 'general.name': text('llama'), 'general.file_type': u32(15) }),
    );
    assert.equal(shape.name, 'sample-q8_0');
    assert.equal(shape.quant, 'Q8_0');
  });

  it('counts tied embeddings, and of experts the active share', () => {
    const keys = {
      'general.architecture': text('qwen3moe'),
      'qwen3moe.block_count': u32(2),
      'qwen3moe.embedding_length': u32(32),
      'qwen3moe.context_length': u32(512),
      'qwen3moe.attention.head_count': u32(2),
      'qwen3moe.attention.key_length': u32(24),
      'qwen3moe.attention.head_count_kv': { type: 'u32s', value: [1, 2] } as const,
      'qwen3moe.expert_count': u32(8),
      'qwen3moe.expert_used_count': u32(2),
    };
    const shape = shapeOf(
      sampleGguf(keys, [
        { name: 'token_embd.weight', dimensions: [32, 10], type: 0, bytes: 1_280 },
        { name: 'blk.0.ffn_up_exps.weight', dimensions: [32, 4, 8], type: 0, bytes: 4_096 },
      ]),
    );
    assert.equal(shape.bytesPerToken, 1_280 + 1_024);
    assert.equal(shape.headsKv, 2);
    assert.equal(shape.headSizeKey, 24);
    assert.equal(shape.headSizeValue, 16);
    assert.equal(shape.expertsActive, 2);
    assert.equal(shape.vocabulary, 10);
  });

  it('refuses what is cut short and what writes no text', () => {
    const whole = sampleModel();
    const cut = describeBytes(whole, whole.length - 1);
    assert.ok(!cut.ok && /cut short/.test(cut.problem));
    const projector = describeBytes(sampleModel({ 'general.type': text('mmproj') }));
    assert.ok(!projector.ok && /no model that writes text/.test(projector.problem));
    const bare = describeBytes(sampleGguf({}, []));
    assert.ok(!bare.ok);
  });
});
