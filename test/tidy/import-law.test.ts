// The arrows between the rooms run one way (ARCHITECTURE.md, "The import law").
import { strict as assert } from 'node:assert';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { filesOfTree, root, textOf } from './tree.ts';

interface Import {
  file: string;
  /** Path from the root for relative imports, the package's name for others. */
  target: string;
  typeOnly: boolean;
}

const pattern =
  /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g;

function importsOf(file: string): Import[] {
  return [...textOf(file).matchAll(pattern)].map((match) => {
    const name = match[2] ?? match[3] ?? '';
    const target = name.startsWith('.') ? join(dirname(file), name) : name;
    return { file, target, typeOnly: match[1] !== undefined };
  });
}

const sources = filesOfTree(/^(broker|node-agent|planner|images)\/.*\.ts$/);
const isTest = (file: string): boolean => /\.test\.ts$|\/(test|testing|fake)\//.test(file);
const imports = sources.filter((file) => !isTest(file)).flatMap(importsOf);

function offenders(where: RegExp, what: (one: Import) => boolean, but?: RegExp): string[] {
  return imports
    .filter((one) => where.test(one.file) && !(but?.test(one.file) ?? false) && what(one))
    .map((one) => `${one.file} imports ${one.target}`);
}

const is = (...names: string[]) => {
  return (one: Import): boolean =>
    names.some((name) => one.target === name || one.target.startsWith(`${name}/`));
};

/** Rooms of the planner that are pure: no clock, no chance, no world. */
const pureRooms =
  /^planner\/src\/(placement|cost\/(?!profiles)|cluster|gguf|gateway\/dialects|jobs\/(?!.*store)|ledger\/(attribution|report|figure))/;

describe('the import law', () => {
  it('sees the tree', () => assert.ok(imports.length > 100, `${imports.length} imports`));

  it('lets the three programs meet over the wire only', () => {
    const broker = offenders(
      /^broker\/src/,
      is('node-agent/src', 'planner', '@salvage/planner', '@salvage/node-agent'),
    );
    const agent = offenders(
      /^node-agent\/src/,
      is('broker/src', 'planner', '@salvage/planner', '@salvage/broker'),
    );
    const planner = offenders(
      /^planner/,
      is('broker/src', 'node-agent/src', '@salvage/broker', '@salvage/node-agent'),
    );
    assert.deepEqual([...broker, ...agent, ...planner], []);
  });

  it('keeps the contract on valibot alone', () => {
    const allowed = (target: string): boolean =>
      target === 'valibot' || target === 'node:assert' || target.startsWith('broker/contract/');
    assert.deepEqual(
      offenders(/^broker\/contract\/src/, (one) => !allowed(one.target)),
      [],
    );
  });

  it('lets the kit take types of the contract at most, and no package', () => {
    const bad = (one: Import): boolean =>
      !one.target.startsWith('node:') &&
      !one.target.startsWith('node-agent/kit/') &&
      !(one.target === '@salvage/contract' && one.typeOnly);
    assert.deepEqual(offenders(/^node-agent\/kit\/src/, bad), []);
  });

  it('keeps the pure rooms pure', () => {
    const impure = (one: Import): boolean =>
      !one.typeOnly && one.target.startsWith('node:') && one.target !== 'node:assert';
    assert.deepEqual(offenders(pureRooms, impure), []);
    const callers = sources
      .filter((file) => pureRooms.test(file) && !isTest(file))
      .filter((file) =>
        /\b(Date\.now|Math\.random|performance\.now|setTimeout|process\.)/.test(textOf(file)),
      );
    assert.deepEqual(callers, []);
  });

  it('gives each heavy library one room', () => {
    assert.deepEqual(offenders(/./, is('yargs'), /^planner\/src\/cli\//), []);
    const stores = /^(planner\/src\/(ledger|jobs)\/|broker\/src\/credential)/;
    assert.deepEqual(offenders(/./, is('better-sqlite3'), stores), []);
    const binding = /^node-agent\/src\/engine\/binding\//;
    const engine = (one: Import): boolean => is('node-llama-cpp')(one) && !one.typeOnly;
    assert.deepEqual(offenders(/./, engine, binding), []);
    assert.deepEqual(offenders(/./, is('pino'), /^(planner|broker)\/src\/log\.ts$/), []);
  });

  it('declares in each package what it imports', () => {
    const missing = imports.flatMap((one) => {
      if (/^(node:|broker\/|node-agent\/|planner\/|images\/)/.test(one.target)) return [];
      const folder =
        /^(broker\/contract|node-agent\/kit|broker|node-agent|planner|images)\//.exec(
          one.file,
        )?.[1] ?? '';
      const { dependencies } = JSON.parse(textOf(join(folder, 'package.json'))) as {
        dependencies: Record<string, string>;
      };
      const name = one.target
        .split('/')
        .slice(0, one.target.startsWith('@') ? 2 : 1)
        .join('/');
      return name in dependencies ? [] : [`${one.file} imports ${name}`];
    });
    assert.deepEqual(missing, [], root);
  });
});
