// salvage reset: back to before the first start. Deletes only what lies in folders that are
// salvage's own, and nothing while one of its programs runs.
import { lstat, readdir, readFile, rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { messageOf, SalvageError } from '@salvage/kit';
import { isAlive } from '../../operator/client.ts';
import { type Command, type GlobalArgs, mustConfirm, runFolder } from '../command.ts';
import type { Terminal } from '../terminal.ts';

type ResetArgs = GlobalArgs & { models: boolean; yes: boolean };

/** The list of models lies beside the keys, and stays as long as the models do. */
const modelNames = ['models.json', 'models'];
/** A state folder has at least one of these; anything else is somebody's own folder. */
const stateMarks = ['keys', 'nodes.json', 'tokens.json', 'tls', 'ledger.sqlite', 'run'];
const cacheMarks = ['models', 'packs', 'engines', 'agent'];

export function resetCommand(terminal: Terminal): Command<ResetArgs> {
  return {
    command: 'reset',
    describe: 'forget everything: nodes, keys, tokens, the ledger; keeps the models',
    builder: (yargs) =>
      yargs
        .option('models', {
          type: 'boolean',
          default: false,
          describe: 'delete models and everything else in the cache as well',
        })
        .option('yes', { type: 'boolean', default: false, describe: 'do not ask' })
        .example('$0 reset', 'asks first')
        .example('$0 reset --models --yes', 'leaves nothing'),
    handler: async (argv) => {
      await mustNotRun(argv.state);
      const paths = await pathsToDelete(argv, terminal);
      if (paths.length === 0) return terminal.line('there is nothing to delete');
      terminal.note(paths.map((path) => `  ${path}`).join('\n'));
      await mustConfirm(terminal, {
        yes: argv.yes,
        question: 'delete all this? Nodes must join again, and the ledger is lost.',
      });
      for (const path of paths) await rm(path, { recursive: true, force: true });
      terminal.line(argv.models ? 'everything is deleted' : 'everything but the models is deleted');
    },
  };
}

async function mustNotRun(state: string): Promise<void> {
  for (const name of await namesIn(runFolder(state))) {
    if (!name.endsWith('.json')) continue;
    const pid = pidOf(await readFile(join(runFolder(state), name), 'utf8').catch(() => ''));
    if (pid === null || !isAlive(pid) || !(await isNode(pid))) continue;
    const program = name.slice(0, -'.json'.length);
    throw new SalvageError('SLV_STATE', `the ${program} is running (process ${pid})`, {
      hint: 'stop it first, with Ctrl-C where it runs, then run this again',
    });
  }
}

function pidOf(text: string): number | null {
  try {
    const { pid } = JSON.parse(text) as { pid?: unknown };
    return typeof pid === 'number' && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

/** After a crash and a restart of the machine the number may be somebody else's (proc(5)). */
async function isNode(pid: number): Promise<boolean> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes('node');
  } catch {
    return true;
  }
}

async function pathsToDelete(argv: ResetArgs, terminal: Terminal): Promise<string[]> {
  const state = resolve(terminal.folder, argv.state);
  const paths = (await ownNames(state, stateMarks, terminal))
    .filter((name) => argv.models || !modelNames.includes(name))
    .map((name) => join(state, name));
  if (!argv.models) return paths;
  const cache = resolve(terminal.folder, argv.cache);
  const more = await ownNames(cache, cacheMarks, terminal);
  return [...new Set([...paths, ...more.map((name) => join(cache, name))])];
}

/** Names in a folder of salvage's own; throws SLV_STATE when it looks like somebody else's. */
async function ownNames(
  folder: string,
  marks: readonly string[],
  terminal: Terminal,
): Promise<string[]> {
  const names = await namesIn(folder);
  if (names.length === 0) return [];
  const holds = (inner: string): boolean => !relative(folder, inner).startsWith('..');
  const isForeign =
    !names.some((name) => marks.includes(name)) ||
    names.includes('.git') ||
    holds(terminal.home) ||
    holds(terminal.folder);
  if (isForeign) {
    throw new SalvageError('SLV_STATE', `${folder} does not look like a folder of salvage`, {
      hint: 'nothing was deleted; name the right one with --state or --cache, from outside of it',
    });
  }
  return names.sort();
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    if (!(await lstat(folder)).isDirectory()) return [];
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new SalvageError('SLV_STATE', `cannot read ${folder}: ${messageOf(error)}`);
  }
}
