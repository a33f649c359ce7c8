// What the documents point at exists, and what is generated is fresh.
import { strict as assert } from 'node:assert';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { generatedDocs } from '../../scripts/generated-docs.ts';
import { filesOfTree, root, textOf } from './tree.ts';

describe('documents', () => {
  const documents = filesOfTree(/\.md$/);

  it('link to files that exist', () => {
    const broken = documents.flatMap((path) =>
      [...textOf(path).matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)]
        .map((match) => match[1] ?? '')
        .filter((target) => !/^[a-z]+:/.test(target))
        .filter((target) => !existsSync(join(root, dirname(path), target)))
        .map((target) => `${path} -> ${target}`),
    );
    assert.deepEqual(broken, []);
  });

  it('name test files in ARCHITECTURE.md that exist', () => {
    const named = [...textOf('ARCHITECTURE.md').matchAll(/`([\w./-]+\.test\.ts)`/g)].map(
      (m) => m[1] ?? '',
    );
    assert.ok(named.length >= 10, `${named.length} tests named`);
    assert.deepEqual(
      named.filter((path) => !existsSync(join(root, path))),
      [],
    );
  });

  it('are generated from the tables as they are now', () => {
    for (const { path, text } of generatedDocs()) {
      assert.equal(
        existsSync(join(root, path)) ? textOf(path) : '',
        text,
        `${path}: run npm run docs`,
      );
    }
  });
});
