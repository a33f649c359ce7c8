import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createStopFilter, findStop } from './stop-texts.ts';

function run(pieces: string[], stopTexts: string[]): { text: string; stopped: boolean } {
  const filter = createStopFilter(stopTexts);
  let text = '';
  for (const piece of pieces) {
    const shown = filter.push(piece);
    text += shown.text;
    if (shown.stopped) return { text, stopped: true };
  }
  return { text: text + filter.flush(), stopped: false };
}

describe('stop texts', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 });
  const stops = fc.array(
    fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 }),
    { maxLength: 4 },
  );

  it('cuts the same answer however its text arrives', () => {
    fc.assert(
      fc.property(letters, stops, fc.array(fc.nat(30)), (whole, stopTexts, cuts) => {
        const places = [
          ...new Set([0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length]),
        ];
        places.sort((left, right) => left - right);
        const pieces = places.slice(1).map((end, index) => whole.slice(places[index], end));
        assert.deepEqual(run(pieces, stopTexts), run([...whole], stopTexts));
        const start = findStop(whole, stopTexts);
        assert.deepEqual(run(pieces, stopTexts), {
          text: start === null ? whole : whole.slice(0, start),
          stopped: start !== null,
        });
      }),
    );
  });

  it('never shows the beginning of a stop text', () => {
    const filter = createStopFilter(['User:', '\n\n']);
    assert.deepEqual(filter.push('Hi\nUs'), { text: 'Hi\n', stopped: false });
    assert.deepEqual(filter.push('e'), { text: '', stopped: false });
    assert.deepEqual(filter.push('d\n'), { text: 'Used', stopped: false });
    assert.deepEqual(filter.push('\nmore'), { text: '', stopped: true });
  });

  it('lets the one win that completes first', () => {
    assert.equal(findStop('xabc', ['abc', 'b']), 2);
    assert.equal(findStop('xabc', ['abc', 'c']), 1);
  });
});
