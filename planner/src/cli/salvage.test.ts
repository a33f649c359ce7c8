// The program as people start it: its own process, any folder, Node alone.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openStubDoor, type StubDoor } from './testing/stub-door.ts';

const program = fileURLToPath(new URL('./salvage.mjs', import.meta.url));
let door: StubDoor;
let folder: string;
before(async () => {
  door = await openStubDoor();
  folder = mkdtempSync(join(tmpdir(), 'salvage-cli-'));
  // Somebody else's settings must not reach our sources.
  writeFileSync(
    join(folder, 'tsconfig.json'),
    '{ "compilerOptions": { "paths": { "*": ["x"] } } }',
  );
});
after(async () => {
  await door.close();
  rmSync(folder, { recursive: true });
});

function salvage(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const environment = { PATH: process.env['PATH'], HOME: folder };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [program, ...args],
      { cwd: folder, env: environment },
      (error, out, err) => resolve({ code: Number(error?.code ?? 0), out, err }),
    );
  });
}

describe('salvage', () => {
  it('runs from any folder and finds its planner by --state', async () => {
    const { code, out, err } = await salvage('status', '--state', door.state);
    assert.equal(err, '');
    assert.equal(code, 0);
    assert.match(out, /attic-x230/);
    assert.ok(!out.includes(String.fromCharCode(27)), 'no colours in a pipe');
  });

  it('says in plain words that no planner runs', async () => {
    const { code, out, err } = await salvage('status');
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, /^no planner runs here: npm start\n {2}-> /);
  });

  it('prints its version, and exits with 2 when used wrongly', async () => {
    assert.match((await salvage('--version')).out, /^\d+\.\d+\.\d+\n$/);
    assert.equal((await salvage('stauts')).code, 2);
  });

  it('prints a completion script, and completes', async () => {
    const script = await salvage('completion');
    assert.match(script.out, /begin-salvage-completions/);
    const { out } = await salvage('--get-yargs-completions', 'salvage', 'nodes', '');
    for (const name of ['list', 'rename', 'drain', 'remove', 'logs']) {
      assert.match(out, new RegExp(`^${name}\\b`, 'm'));
    }
  });
});
