// npm test: the stages that need neither root nor much time; all of them with CI=true, --all, or
// named (npm test -- chaos). Says what it left out, with the command for it.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { checkMachine, installPackages, tree } from './install.mjs';
import { stages } from './test-stages.mjs';

const named = process.argv.slice(2).filter((name) => !name.startsWith('-'));
const all = process.env.CI === 'true' || process.argv.includes('--all') || named.length > 0;
const inCi = process.env.CI === 'true';
const stamps = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'salvage', 'passed');
const isRoot = process.getuid?.() === 0;
const say = (text) => process.stdout.write(`${text}\n`);

checkMachine();
installPackages({ withTools: true });

const files = filesBelow('.').filter((path) => path.endsWith('.test.ts'));
const leftOut = [];
let failed = false;
for (const stage of stages) {
  if (named.length > 0 && !named.includes(stage.name)) continue;
  if (stage.leftOut !== undefined && !all) {
    leftOut.push(
      `  ${stage.name.padEnd(8)} ${stage.about} (${stage.leftOut}): npm run test:all, or npm test -- ${stage.name}`,
    );
    continue;
  }
  if (stage.needsRoot && !isRoot) {
    leftOut.push(`  ${stage.name.padEnd(8)} ${stage.about}: sudo npm test -- ${stage.name}`);
    failed ||= inCi;
    continue;
  }
  runStage(stage);
}
if (process.env.SALVAGE_TEST_MODELS === undefined) {
  say('left out: tests of the known answer and of quantised real models; name a folder with');
  say('  stories260K-f32.gguf and stories260K-q8_0.gguf: SALVAGE_TEST_MODELS=FOLDER npm test');
}
if (leftOut.length > 0) say(`left out:\n${leftOut.join('\n')}`);
process.exitCode = failed ? 1 : 0;

function runStage(stage) {
  const own = files.filter((path) => stage.tests.test(path) && !(stage.not?.test(path) ?? false));
  if (own.length === 0) return;
  const key = stage.reads === undefined ? null : keyOf(stage.reads);
  const stamp = join(stamps, `${stage.name}-${key}`);
  if (inCi && key !== null && existsSync(stamp)) {
    say(`stage ${stage.name}: passed before, key ${key}`);
    return;
  }
  const startedAt = Date.now();
  const parallel = stage.name === 'unit' ? 2 : 1;
  const { status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--test', `--test-concurrency=${parallel}`, '--test-reporter=spec', ...own],
    {
      cwd: tree,
      stdio: 'inherit',
      env: { ...process.env, ...(all ? { SALVAGE_TEST_ALL: '1' } : {}) },
    },
  );
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(0);
  say(`stage ${stage.name}: ${status === 0 ? 'passed' : 'FAILED'} in ${seconds} s`);
  if (status !== 0) failed = true;
  else if (key !== null && all) {
    mkdirSync(stamps, { recursive: true });
    writeFileSync(stamp, '');
  }
}

/** Hash of every file in these files and folders, and of the Node that runs them. */
function keyOf(paths) {
  const hash = createHash('sha256').update(process.version);
  for (const path of paths.flatMap((one) => filesBelow(one)).sort()) {
    hash.update(path).update(readFileSync(join(tree, path)));
  }
  return hash.digest('hex').slice(0, 16);
}

function filesBelow(path) {
  if (statSync(join(tree, path)).isFile()) return [path];
  return readdirSync(join(tree, path), { withFileTypes: true }).flatMap((entry) => {
    if (/^(node_modules|\.git|dist)$/.test(entry.name)) return [];
    const below = path === '.' ? entry.name : `${path}/${entry.name}`;
    return entry.isDirectory() ? filesBelow(below) : [below];
  });
}
