// Golden files: what a command printed, compared with what is kept beside it. UPDATE_GOLDEN=1
// writes them anew, so that a change of wording is a diff that somebody reads.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';

export function assertGolden(name: string, text: string): void {
  const file = new URL(`../golden/${name}.txt`, import.meta.url);
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, text);
  let kept: string;
  try {
    kept = readFileSync(file, 'utf8');
  } catch {
    assert.fail(`there is no golden/${name}.txt: run with UPDATE_GOLDEN=1 and read what it wrote`);
  }
  assert.equal(text, kept, `differs from golden/${name}.txt (UPDATE_GOLDEN=1 writes it anew)`);
}
