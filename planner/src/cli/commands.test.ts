import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runCli } from './main.ts';
import { assertGolden } from './testing/golden.ts';
import { openStubDoor, type StubDoor } from './testing/stub-door.ts';
import { createTestTerminal, type TestTerminalOptions } from './testing/test-terminal.ts';

const made: string[] = [];
/** A new folder that is gone after the tests. */
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'salvage-commands-'));
  made.push(folder);
  return folder;
}

// Golden texts hold local times.
process.env['TZ'] = 'UTC';

let door: StubDoor;
before(async () => {
  door = await openStubDoor();
});
after(async () => {
  await door.close();
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

interface Ran {
  code: number;
  out: string;
  err: string;
}

async function run(args: string[], options: TestTerminalOptions = {}): Promise<Ran> {
  const terminal = createTestTerminal(options);
  const code = await runCli([...args, '--state', door.state], terminal);
  return { code, out: terminal.out(), err: terminal.err() };
}

/** Runs a command and compares exit code, stdout and stderr with a golden file. */
async function golden(name: string, args: string[], options?: TestTerminalOptions): Promise<void> {
  const { code, out, err } = await run(args, options);
  const asked = `$ salvage ${args.join(' ')}\n`;
  assertGolden(name, `${asked}${out}${err === '' ? '' : `--- stderr\n${err}`}--- exit ${code}\n`);
  for (const line of out.split('\n')) assert.ok(line.length <= 80, `too wide: ${line}`);
}

const lastHeard = (): unknown => door.heard.at(-1)?.body;

describe('commands', () => {
  it('status', () => golden('status', ['status']));
  it('nodes list', () => golden('nodes-list', ['nodes', 'list']));
  it('models list', () => golden('models-list', ['models', 'list']));
  it('models list --catalogue', () => golden('catalogue', ['models', 'list', '--catalogue']));
  it('token list', () => golden('token-list', ['token', 'list']));
  it('energy report', () => golden('energy-report', ['energy', 'report']));
  it('place', () => golden('place', ['place', 'qwen3-0.6b:q8_0', '--explain']));
  it('place, refused', () => golden('place-refused', ['place', 'qwen3-14b:q4_k_m']));
  it('doctor', async () => {
    const { code, out } = await run(['doctor', '--cache', door.state]);
    assert.equal(code, 0);
    assertGolden('doctor', out.replaceAll(door.state, '/folder').replace(/Node .*/, 'Node N'));
  });
  it('help', () => golden('help', ['--help']));

  it('prints what the door said with --json', async () => {
    for (const args of [
      ['status'],
      ['nodes', 'list'],
      ['models', 'list'],
      ['models', 'list', '--catalogue'],
      ['token', 'list'],
      ['energy', 'report'],
      ['place', 'qwen3-0.6b:q8_0'],
      ['doctor'],
    ]) {
      const { out } = await run([...args, '--json']);
      assert.doesNotThrow(() => JSON.parse(out), args.join(' '));
    }
  });

  it('changes nodes, named by id or by name', async () => {
    assert.match((await run(['nodes', 'drain', 'attic laptop'])).out, /attic-x230 is drained/);
    assert.deepEqual(lastHeard(), { drained: true });
    await run(['nodes', 'drain', 'attic-x230', '--undo']);
    assert.deepEqual(lastHeard(), { drained: false });
    await run(['nodes', 'rename', 'attic-x230', 'cellar']);
    assert.deepEqual(lastHeard(), { name: 'cellar' });
    const unknown = await run(['nodes', 'drain', 'nobody']);
    assert.equal(unknown.code, 1);
    assert.match(unknown.err, /there is no node nobody\n {2}-> .*SLV_NODE_UNKNOWN/);
    assert.equal((await run(['nodes', 'logs', 'attic-x230'])).out, 'first line\nsecond line\n');
  });

  it('asks before it removes, and does nothing on no or on nobody', async () => {
    const removed = (): number => door.heard.filter(({ method }) => method === 'DELETE').length;
    const before = removed();
    assert.equal((await run(['nodes', 'remove', 'pi-shelf'], { answer: false })).code, 1);
    const nobody = await run(['nodes', 'remove', 'pi-shelf']);
    assert.match(nobody.err, /nobody is here to say yes\n.*--yes/);
    assert.equal(removed(), before);
    assert.equal((await run(['nodes', 'remove', 'pi-shelf'], { answer: true })).code, 0);
    assert.equal((await run(['nodes', 'remove', 'pi-shelf', '--yes'])).code, 0);
    assert.equal(removed(), before + 2);
  });

  it('shows a model before a byte is fetched', async () => {
    const source = 'https://example.org/new.gguf';
    const fetched = (): boolean =>
      door.heard.some(({ method, path }) => `${method} ${path}` === 'POST /models');
    door.heard.length = 0;
    await golden('models-add-nobody', ['models', 'add', source]);
    assert.equal((await run(['models', 'add', source], { answer: false })).code, 1);
    assert.equal(fetched(), false);
    await golden('models-add', ['models', 'add', source, '--as', 'mine'], { answer: true });
    assert.deepEqual(lastHeard(), { source, modelId: 'mine' });
    const cut = await run(['models', 'add', 'https://example.org/cut.gguf', '--yes']);
    assert.equal(cut.code, 1);
    assert.match(cut.err, /broke after 10 of 100 bytes\n {2}-> run the same command: it resumes/);
  });

  it('names a file for the planner from the root', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'own.gguf'), '');
    await run(['models', 'add', 'own.gguf', '--yes'], { folder });
    assert.deepEqual(lastHeard(), { source: join(folder, 'own.gguf') });
  });

  it('streams an answer, with its cost on stderr', async () => {
    const { code, out, err } = await run(['ask', 'What', 'is', 'a battery?']);
    assert.deepEqual([code, out], [0, 'A small cell.\n']);
    assert.match(
      err,
      /^3 tokens in 0 ms, 12 tokens\/s, 6.2 CPU s, 14.2 J \(8.5 to 19.9\) E wall, on/,
    );
    assert.deepEqual(lastHeard(), {
      ...{ model: 'qwen3-0.6b:q8_0', max_tokens: 512, stream: true },
      stream_options: { include_usage: true },
      messages: [{ role: 'user', content: 'What is a battery?' }],
    });
  });

  it('continues a text, reads stdin, prints JSON', async () => {
    const raw = await run(['ask', '--model', 'tales', '--tokens-max', '5'], { input: 'Once\n' });
    assert.equal(raw.out, 'A small cell.\n');
    assert.match(raw.err, /no chat template.*\n.*\n.*only tells stories/);
    const { prompt, max_tokens } = lastHeard() as Record<string, unknown>;
    assert.deepEqual([prompt, max_tokens], ['Once', 5]);
    const json = await run(['ask', 'Why?', '--stdin', '--json'], { input: 'because' });
    assert.equal(JSON.parse(json.out).salvage.node, 'attic-x230');
    const [message] = (lastHeard() as { messages: { content: string }[] }).messages;
    assert.equal(message?.content, 'Why?\n\nbecause');
    assert.equal((await run(['ask', 'x', '--model', 'none'])).code, 1);
    assert.equal((await run(['ask'])).code, 2);
  });

  it('makes tokens: the line alone on stdout', async () => {
    const node = await run(['token', 'create']);
    assert.match(node.out, /^curl -fsS .* \| sudo sh\n$/);
    assert.match(node.err, /good once, until 2026-11-25 09:40/);
    const wish = { for: 'node', name: '', expiresSeconds: 3600, local: false };
    assert.deepEqual(lastHeard(), wish);
    const client = await run(['token', 'create', '--for', 'client', '--name', 'kitchen']);
    assert.equal(client.out, 'client-key\n');
    assert.deepEqual(lastHeard(), {
      ...wish,
      for: 'client',
      name: 'kitchen',
      expiresSeconds: null,
    });
    const closed = await run(['token', 'create', '--name', 'door closed']);
    assert.equal(closed.code, 1);
    assert.match(closed.err, /join door is closed/);
    assert.equal(door.heard.at(-1)?.method, 'DELETE', 'a token without a door is not left behind');
    await run(['token', 'create', '--expires', '30m']);
    assert.deepEqual(lastHeard(), { ...wish, expiresSeconds: 1800 });
  });

  it('prepares another architecture', async () => {
    const { out, err } = await run(['join', 'prepare', '--arch', 'arm64']);
    assert.equal(out, 'arm64 machines can join now (61 MB prepared)\n');
    assert.match(err, /fetching Node/);
  });

  it('exits with 2 when used wrongly, and says how it is used', async () => {
    for (const args of [
      [],
      ['statsu'],
      ['nodes'],
      ['nodes', 'drain'],
      ['status', '--jsno'],
      ['token', 'create', '--expires', 'soon'],
      ['token', 'create', '--for', 'cat'],
      ['energy', 'report', '--since', 'yesterday'],
      ['nodes', 'logs', 'attic-x230', '--lines', '900'],
      ['join', 'prepare'],
      ['place', 'm', '--context', 'many'],
    ]) {
      const { code, err } = await run(args);
      assert.equal(code, 2, `${args.join(' ')}: ${err}`);
      assert.match(err, /--help/);
      assert.doesNotMatch(err, /\n\s+at /);
    }
  });

  it('shows stack traces only when asked for', async () => {
    const plain = await run(['models', 'rm', 'gone']);
    assert.doesNotMatch(plain.err, /\n\s+at /);
    const debug = await run(['models', 'rm', 'gone'], { environment: { SALVAGE_DEBUG: '1' } });
    assert.match(debug.err, /\n\s+at /);
  });

  it('has help with an example for each command', async () => {
    const { out } = await run(['--help']);
    const names = [...out.matchAll(/^ {2}salvage (\w+)/gm)].map((match) => match[1] ?? '');
    const wanted = 'up broker planner agent status nodes models ask place token join energy doctor';
    assert.deepEqual(names.slice(0, 15), [...wanted.split(' '), 'reset', 'completion']);
    const subcommands = [
      ...['status', 'ask', 'place', 'doctor', 'reset', 'nodes list', 'nodes rename'],
      ...['nodes drain', 'nodes remove', 'nodes logs', 'models add', 'models list', 'models rm'],
      ...['token create', 'token list', 'token revoke', 'join prepare', 'energy report'],
    ];
    for (const name of subcommands) {
      const help = await run([...name.split(' '), '--help']);
      assert.match(help.out, /Examples:\n {2}\S/, name);
      assert.equal(help.code, 0);
    }
  });
});

describe('salvage reset', () => {
  function newState(): string {
    const state = join(newFolder(), 'salvage');
    for (const name of ['keys', 'tls', 'run']) mkdirSync(join(state, name), { recursive: true });
    for (const name of ['nodes.json', 'models.json']) writeFileSync(join(state, name), '{}');
    return state;
  }
  async function reset(state: string, args: string[], options?: TestTerminalOptions): Promise<Ran> {
    const terminal = createTestTerminal(options);
    const cache = join(state, '..', 'cache');
    mkdirSync(join(cache, 'models'), { recursive: true });
    const code = await runCli(['reset', '--state', state, '--cache', cache, ...args], terminal);
    return { code, out: terminal.out(), err: terminal.err() };
  }

  it('deletes the state and keeps the models', async () => {
    const state = newState();
    assert.equal((await reset(state, [], { answer: false })).code, 1);
    assert.ok(existsSync(join(state, 'keys')));
    assert.equal((await reset(state, ['--yes'])).code, 0);
    assert.deepEqual(readdirSync(state), ['models.json']);
    assert.ok(existsSync(join(state, '..', 'cache', 'models')));
    assert.equal((await reset(state, ['--models', '--yes'])).code, 1);
  });

  it('deletes the models as well when told so', async () => {
    const state = newState();
    assert.equal((await reset(state, ['--models', '--yes'])).code, 0);
    assert.deepEqual(readdirSync(state), []);
    assert.deepEqual(readdirSync(join(state, '..', 'cache')), []);
  });

  it('refuses while a planner runs', async () => {
    const state = newState();
    const run = { gatewayUrl: 'http://127.0.0.1:1', pid: process.pid };
    writeFileSync(join(state, 'run', 'planner.json'), JSON.stringify(run));
    const { code, err } = await reset(state, ['--yes']);
    assert.equal(code, 1);
    assert.match(err, /the planner is running/);
    assert.ok(existsSync(join(state, 'nodes.json')));
  });

  it('refuses folders that are not its own', async () => {
    const foreign = newFolder();
    writeFileSync(join(foreign, 'thesis.txt'), 'years of work');
    const around = newState();
    for (const [state, folder] of [
      [foreign, '/'],
      [around, join(around, 'keys')],
    ] as const) {
      const { code, err } = await reset(state, ['--yes'], { folder });
      assert.equal(code, 1);
      assert.match(err, /does not look like a folder of salvage/);
    }
    assert.ok(existsSync(join(foreign, 'thesis.txt')));
    assert.ok(existsSync(join(around, 'nodes.json')));
  });
});
