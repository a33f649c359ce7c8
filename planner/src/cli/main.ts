// The command line as a function: arguments and a terminal in, an exit code out. 0: done, 1: it
// failed or the answer is no, 2: used wrongly. People see what happened and what to do next; stack
// traces only with SALVAGE_DEBUG=1.
import { homedir } from 'node:os';
import { describeFailure } from '@salvage/kit';
import yargs, { type Argv } from 'yargs';
import { version } from '../version.ts';
import { foldersFor, Refused, UsageError } from './command.ts';
import { commandsFor } from './commands.ts';
import { createTerminal, type Terminal } from './terminal.ts';

export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const cli = await buildCli(args, terminal);
    let shown = '';
    await cli.parseAsync(args, {}, (_error, _argv, output) => {
      shown = output;
    });
    if (shown !== '') terminal.line(shown);
    return 0;
  } catch (error) {
    return tell(error, terminal);
  }
}

async function buildCli(args: readonly string[], terminal: Terminal): Promise<Argv> {
  const folders = foldersFor(terminal);
  const cli = yargs([])
    .scriptName('salvage')
    .locale('en')
    .usage('$0 COMMAND\n\nA drawer of old machines as one private language-model service.')
    .option('state', {
      type: 'string',
      requiresArg: true,
      default: folders.state,
      defaultDescription: '$SALVAGE_STATE or ~/.local/state/salvage',
      describe: 'folder of keys, settings and the ledger',
      group: 'Everywhere:',
    })
    .option('cache', {
      type: 'string',
      requiresArg: true,
      default: folders.cache,
      defaultDescription: '$SALVAGE_CACHE or ~/.cache/salvage',
      describe: 'folder of models, engines and packs',
      group: 'Everywhere:',
    });
  for (const command of await commandsFor(args, terminal)) cli.command(command);
  return cli
    .completion('completion', 'print a completion script for bash or zsh')
    .demandCommand(1, 'say what to do: salvage --help')
    .strict()
    .recommendCommands()
    .version(version)
    .help()
    .group(['help', 'version'], 'Everywhere:')
    .wrap(terminal.width)
    .parserConfiguration({ 'strip-aliased': true, 'camel-case-expansion': true })
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message, error) => {
      // With a message yargs (or a check of ours) found the arguments wrong; without, a command threw.
      throw message ? new UsageError(message) : error;
    })
    .example('npm start', 'start everything on this machine')
    .example('$0 status', 'nodes, placements, jobs and energy')
    .example('$0 ask "What is a capacitor?"', 'one question, the answer as it comes')
    .epilogue('Errors exit with 1, wrong usage with 2. SALVAGE_DEBUG=1 shows stack traces.');
}

function tell(error: unknown, terminal: Terminal): number {
  if (error instanceof Refused) {
    terminal.note(error.message);
    return 1;
  }
  const isUsage = error instanceof UsageError || (error as Error).name === 'YError';
  if (isUsage) {
    terminal.note(`${(error as Error).message}\n  -> salvage --help shows how it is used`);
    return 2;
  }
  terminal.note(describeFailure(error));
  if (terminal.environment['SALVAGE_DEBUG'] === '1' && error instanceof Error) {
    terminal.note(error.stack ?? '');
  }
  return 1;
}

/** The process around it. */
export async function main(args: readonly string[]): Promise<void> {
  // `salvage status | head` closes our stdout early: that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
  const { stdin, stdout, stderr, env } = process;
  const terminal = createTerminal({
    ...{ stdin, stdout, stderr },
    environment: env,
    home: homedir(),
    folder: process.cwd(),
    now: () => Date.now(),
  });
  const code = await runCli(args, terminal);
  // A program that ran in the foreground (planner, agent …) has set its own exit code.
  if (code !== 0) process.exitCode = code;
}
