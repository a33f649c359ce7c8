import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { place } from '../placement/place.ts';
import { sampleNode } from '../placement/sample-cluster.ts';
import { cardOfCatalogue, loadCatalogue } from './catalogue.ts';
import { chooseFile } from './hugging-face.ts';
import { freeModelId, isModelId, modelIdOf, quantOfFileName } from './names.ts';

describe('names of models', () => {
  it('become ids that people can type', () => {
    const cases = [
      ['Qwen3 0.6B', 'Q8_0', 'qwen3-0.6b:q8_0'],
      ['Qwen3-0.6B-Q8_0', 'Q8_0', 'qwen3-0.6b:q8_0'],
      ['stories260K-f32', 'F32', 'stories260k:f32'],
      ['Llama 3.2 1B Instruct', 'Q4_K_M', 'llama-3.2-1b-instruct:q4_k_m'],
      ['…', 'unknown', 'model:unknown'],
    ] as const;
    for (const [name, quant, id] of cases) assert.equal(modelIdOf(name, quant), id);
    fc.assert(
      fc.property(fc.string(), fc.string(), (name, quant) => isModelId(modelIdOf(name, quant))),
    );
    const taken = new Set(['a:q8_0', 'a-2:q8_0']);
    assert.equal(
      freeModelId('a:q8_0', (id) => taken.has(id)),
      'a-3:q8_0',
    );
  });

  it('tell their quantisation, and not a shorter one', () => {
    const cases = [
      ['model-Q4_K_M.gguf', 'Q4_K_M'],
      ['dir/qwen2.5-0.5b-instruct-q8_0.gguf', 'Q8_0'],
      ['tinyllama.Q4_K_S.gguf', 'Q4_K_S'],
      ['Model-UD-Q4_K_XL.gguf', 'Q4_K_XL'],
      ['model-Q4_0_4_4.gguf', null],
      ['model.gguf', null],
    ] as const;
    for (const [name, quant] of cases) assert.equal(quantOfFileName(name), quant);
  });

  it('choose one file of a repository by what is usual, or by name', () => {
    const tree = ['m-Q8_0.gguf', 'm-UD-Q4_K_XL.gguf', 'm-Q4_0.gguf', 'README.md'].map((path) => ({
      type: 'file',
      path,
    }));
    const choose = (choice: string | null): string =>
      chooseFile(tree, { owner: 'o', repository: 'r', choice }).path;
    assert.equal(choose(null), 'm-Q4_0.gguf');
    assert.equal(choose('UD-Q4_K_XL'), 'm-UD-Q4_K_XL.gguf');
    assert.equal(choose('m-Q8_0.gguf'), 'm-Q8_0.gguf');
    const parts = [{ type: 'file', path: 'm-Q8_0-00001-of-00002.gguf' }];
    assert.throws(
      () => chooseFile(parts, { owner: 'o', repository: 'r', choice: null }),
      /only in parts/,
    );
  });
});

describe('the catalogue', () => {
  it('has about ten models that can be placed before they are fetched', async () => {
    const entries = await loadCatalogue();
    assert.ok(entries.length >= 9 && entries.length <= 13);
    assert.equal(new Set(entries.map(({ modelId }) => modelId)).size, entries.length);
    const node = sampleNode('laptop', { memoryTotalBytes: 8e9, bytesPerSecond: 15e9 });
    for (const entry of entries) {
      const bits = (entry.bytes * 8) / entry.parameters;
      assert.ok(bits > 4 && bits < 9.5, `${entry.modelId}: ${bits} bits a weight`);
      const answer = place({
        model: cardOfCatalogue(entry),
        contextTokens: 4_096,
        speedFloorTokensPerSecond: 1,
        nodes: [node],
        profiles: new Map(),
        memoryTakenBytes: new Map(),
        ready: new Set(),
        failed: new Map(),
      });
      assert.ok(answer.ok, entry.modelId);
    }
  });
});
