import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createCpuShare } from './cpu-share.ts';
import { createLastLines } from './last-lines.ts';
import { type PromptTokenizer, promptIds } from './prompt-ids.ts';
import { createSequencePool } from './sequences.ts';

describe('prompt ids', () => {
  const tokenizer: PromptTokenizer = {
    tokenize: (text, special) => (special && text.startsWith('<s>') ? [1, 7] : [7, 8]),
    startToken: 1,
    vocabularySize: 10,
  };

  it('puts the start token in front once', () => {
    const text = (words: string, special: boolean) =>
      promptIds({ kind: 'text', text: words, special }, tokenizer, 10);
    assert.deepEqual(text('a b', false), [1, 7, 8]);
    assert.deepEqual(text('<s>a', true), [1, 7]);
    assert.deepEqual(text('<s>a', false), [1, 7, 8]);
    assert.deepEqual(text('', false), [1]);
    assert.deepEqual(
      promptIds(
        { kind: 'text', text: 'a', special: false },
        { ...tokenizer, startToken: null },
        10,
      ),
      [7, 8],
    );
  });

  it('takes ids as they are and refuses what would harm', () => {
    const tokens = (ids: number[], sentCount = 0, context = 10) =>
      promptIds({ kind: 'tokens', tokens: ids, sentCount }, tokenizer, context);
    assert.deepEqual(tokens([7, 8]), [7, 8]);
    assert.throws(() => tokens([10]), { code: 'SLV_REQUEST' });
    assert.throws(() => tokens([]), { code: 'SLV_REQUEST' });
    assert.throws(() => tokens([3, 4], 2), { code: 'SLV_REQUEST' });
    assert.throws(() => tokens([3, 4, 5], 0, 3), { code: 'SLV_PROMPT_TOO_LONG', message: /3.*3/ });
  });
});

describe('sequences', () => {
  it('gives the one that remembers most, and the longest unused among equals', async () => {
    const sequences = [
      { contextTokens: [1, 2, 3] },
      { contextTokens: [1, 9] },
      { contextTokens: [] },
    ];
    const pool = createSequencePool(sequences);
    const { signal } = new AbortController();
    assert.equal(await pool.acquire([1, 9, 9], signal), sequences[1]);
    assert.equal(await pool.acquire([5], signal), sequences[0]);
    assert.equal(await pool.acquire([5], signal), sequences[2]);
    const waiting = pool.acquire([1, 9], signal);
    const leaving = new AbortController();
    const gone = pool.acquire([1, 9], leaving.signal);
    leaving.abort();
    assert.equal(await gone, null);
    pool.release(sequences[1] ?? { contextTokens: [] });
    assert.equal(await waiting, sequences[1]);
  });
});

describe('CPU share', () => {
  it('adds up to what the process used while anybody was at work', () => {
    const steps = fc.array(fc.record({ key: fc.nat(3), used: fc.nat(50) }), { maxLength: 40 });
    fc.assert(
      fc.property(steps, (moves) => {
        let clock = 0;
        let busy = 0;
        let shared = 0;
        const inside = new Set<number>();
        const share = createCpuShare(() => clock);
        for (const { key, used } of moves) {
          clock += used;
          if (inside.size > 0) busy += used;
          if (inside.delete(key)) shared += share.leave(key);
          else {
            inside.add(key);
            share.enter(key);
          }
        }
        for (const key of inside) shared += share.leave(key);
        assert.ok(Math.abs(shared - busy) < 1e-6, `${shared} of ${busy}`);
      }),
    );
  });
});

describe('last lines', () => {
  it('keeps whole lines, the last ones, cut to length', () => {
    const told: string[] = [];
    const lines = createLastLines((line) => told.push(line));
    lines.add(Buffer.from('a\n\nb'));
    lines.add(Buffer.from('c\n'));
    assert.deepEqual(told, ['a', 'bc']);
    for (let index = 0; index < 100; index += 1) lines.add(Buffer.from(`${'x'.repeat(999)}\n`));
    lines.add(Buffer.from('end'));
    assert.ok(lines.text().length < 20 * 401 + 10);
    assert.ok(lines.text().endsWith('\nend'));
  });
});
