// The house stays easy to see: small files with a head comment, names that say something, and
// nothing that speaks of how or where it was written.
import { strict as assert } from 'node:assert';
import { basename } from 'node:path';
import { describe, it } from 'node:test';
import { filesOfTree, textOf } from './tree.ts';

const code = filesOfTree(/\.(ts|mjs|py)$/);
const prose = filesOfTree(/\.(md|json|sh)$|^\.ci\/run$/).filter(
  (path) => path !== 'package-lock.json',
);

describe('files', () => {
  it('have at most 400 lines', () => {
    const long = code.filter((path) => textOf(path).split('\n').length > 401);
    assert.deepEqual(long, []);
  });

  it('begin by saying what they are for', () => {
    const mute = code
      .filter((path) => !/\.test\.ts$|\/index\.ts$/.test(path))
      .filter((path) => !/^(#!.*\n)?(\/\/|\/\*\*|#|""")/.test(textOf(path)));
    assert.deepEqual(mute, []);
  });

  it('have names that explain themselves', () => {
    const vague = /^(utils?|helpers?|common|misc|shared-stuff|manager|service|handlers?|types2)\b/;
    assert.deepEqual(
      code.filter((path) => vague.test(basename(path))),
      [],
    );
  });
});

describe('words', () => {
  // Written in pieces, so that this file does not contain what it forbids.
  const forbidden = [
    new RegExp(['/wo', 'rk/'].join('')),
    new RegExp(['\\bissue ', '#?\\d'].join(''), 'i'),
    new RegExp(['\\bas an ', 'AI\\b'].join('')),
    new RegExp(['\\bthis ', 'session\\b'].join(''), 'i'),
    new RegExp(['TO', 'DO\\b'].join('')),
    new RegExp(['FIX', 'ME\\b'].join('')),
  ];
  it('are about the project alone', () => {
    const found = [...code, ...prose].flatMap((path) =>
      forbidden
        .filter((pattern) => pattern.test(textOf(path)))
        .map((pattern) => `${path}: ${pattern}`),
    );
    assert.deepEqual(found, []);
  });

  it('use one dash', () => {
    const dashed = [...code, ...prose].filter((path) => textOf(path).includes('\u2014'));
    assert.deepEqual(dashed, []);
  });
});
