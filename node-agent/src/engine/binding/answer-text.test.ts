import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createAnswerText } from './answer-text.ts';
import { bytesOfToken, type TokenEntry } from './token-bytes.ts';

const plain: TokenEntry = {
  text: '',
  control: false,
  unknown: false,
  userDefined: false,
  byte: false,
};

/** Every byte is a token: the worst that a vocabulary can do to a code point. */
function byBytes(stopTexts: string[]) {
  return createAnswerText({ bytesOf: (token) => Uint8Array.of(token), stopTexts });
}

describe('answer text', () => {
  it('never splits a code point and goes on at every cut', () => {
    const texts = fc.string({ unit: 'grapheme', maxLength: 12 });
    fc.assert(
      fc.property(texts, fc.nat(), (text, place) => {
        const tokens = [...new TextEncoder().encode(text)];
        const cut = place % (tokens.length + 1);
        const first = byBytes(['zz']);
        const sent = tokens.slice(0, cut).map((token) => first.push(token).text);
        // A second engine is told what was sent, as ids, and goes on.
        const second = byBytes(['zz']);
        const again = tokens.slice(0, cut).map((token) => second.push(token).text);
        assert.deepEqual(again, sent);
        const rest = tokens.slice(cut).map((token) => second.push(token));
        if (rest.some(({ stopped }) => stopped)) return;
        const whole = [...sent, ...rest.map((part) => part.text), second.flush()].join('');
        assert.equal(whole, text.includes('zz') ? text.slice(0, text.indexOf('zz')) : text);
      }),
    );
  });

  it('keeps a byte order mark and marks broken bytes', () => {
    const text = byBytes([]);
    const shown = [0xef, 0xbb, 0xbf, 0xff, 0x41].map((token) => text.push(token).text).join('');
    assert.equal(shown, '\ufeff\ufffdA');
  });

  it('drops half a code point at the end', () => {
    const text = byBytes([]);
    assert.equal(text.push(0x41).text + text.push(0xe2).text + text.flush(), 'A');
  });
});

describe('token bytes', () => {
  const check = (type: 'spm' | 'bpe', entry: Partial<TokenEntry>, want: number[] | string) => {
    const bytes = bytesOfToken(type, false, { ...plain, ...entry });
    const wanted = typeof want === 'string' ? [...new TextEncoder().encode(want)] : want;
    assert.deepEqual([...(bytes ?? [])], wanted);
  };

  it('spells each kind of token as llama.cpp does', () => {
    check('spm', { text: '\u2581there' }, ' there');
    check('spm', { text: '<0xE2>', byte: true }, [0xe2]);
    check('spm', { text: '</s>', control: true }, '');
    check('bpe', { text: '\u0120there' }, ' there');
    check('bpe', { text: '\u010a' }, '\n');
    check('bpe', { text: '\u00e2\u0124\u00ac' }, '€');
    check('bpe', { text: '\u0120,' }, ' ,');
    check('bpe', { text: '<tool>', userDefined: true }, '<tool>');
  });

  it('leaves other vocabularies to the library', () => {
    assert.equal(bytesOfToken('rwkv', false, plain), null);
  });
});
