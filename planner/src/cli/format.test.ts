import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  bytesText,
  durationText,
  figureText,
  joulesText,
  numberText,
  parseSince,
  parseSpan,
  shareText,
  wattsText,
} from './format.ts';

function check<Given>(text: (given: Given) => string, rows: [Given, string][]): void {
  for (const [given, want] of rows) assert.equal(text(given), want);
}

describe('format', () => {
  it('writes numbers with three digits that matter', () => {
    check(numberText, [
      [0, '0'],
      [0.0004, '<0.001'],
      [0.2749, '0.275'],
      [4.5, '4.5'],
      [13.46, '13.5'],
      [252.4, '252'],
      [1234567, '1,234,567'],
    ]);
  });

  it('writes bytes in decimal units', () => {
    check(bytesText, [
      [null, '-'],
      [0, '0 B'],
      [999, '999 B'],
      [1_180_000, '1.18 MB'],
      [999_700, '1 MB'],
      [8_201_000_000, '8.2 GB'],
    ]);
  });

  it('writes durations in the two units that matter', () => {
    check(durationText, [
      [null, '-'],
      [0, '0 ms'],
      [850, '850 ms'],
      [3_240, '3.2 s'],
      [59_960, '1 min'],
      [125_000, '2 min 5 s'],
      [11_520_000, '3 h 12 min'],
      [86_399_000, '1 d'],
      [187_200_000, '2 d 4 h'],
    ]);
  });

  it('shows the interval and the mark of estimates', () => {
    const watts = { value: 4.4, low: 2.64, high: 6.16 };
    assert.equal(wattsText(watts, true), '4.4 W (2.64 to 6.16) E');
    assert.equal(wattsText(null, true), '-');
    assert.equal(joulesText({ value: 12, low: 12, high: 12 }, false), '12 J');
    assert.equal(figureText({ ...watts, isEstimated: true }, ''), '4.4 (2.64 to 6.16) E');
  });

  it('does not round nearly all to all', () => {
    check(shareText, [
      [null, '-'],
      [0, '0 %'],
      [0.001, '<1 %'],
      [0.955, '96 %'],
      [0.9999, '>99 %'],
      [1, '100 %'],
    ]);
  });

  it('reads spans and dates, and nothing else', () => {
    assert.equal(parseSpan('90s'), 90);
    assert.equal(parseSpan('1.5h'), 5_400);
    assert.equal(parseSpan('7d'), 604_800);
    assert.equal(parseSpan('7'), null);
    assert.equal(parseSince('24h', 86_400_000), 0);
    assert.equal(parseSince('2026-11-01', 0), new Date(2026, 10, 1).getTime());
    assert.equal(parseSince('2026-11-01T00:00Z', 0), Date.UTC(2026, 10, 1));
    assert.equal(parseSince('yesterday', 0), null);
    assert.equal(parseSince('2026-13-45', 0), null);
  });

  it('never shows something as nothing', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-12, max: 1e15, noNaN: true }), (value) => {
        assert.notEqual(numberText(value), '0');
        assert.doesNotMatch(numberText(value), /e/);
      }),
    );
  });
});
