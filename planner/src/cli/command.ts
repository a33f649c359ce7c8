// What the commands share: their argument types, the one error of misuse, the door to the planner,
// and the two ways a result is shown (JSON or text).
import { join } from 'node:path';
import { type Folders, foldersOf, SalvageError } from '@salvage/kit';
import type { Argv, CommandModule } from 'yargs';
import type { StatusView } from '../operator/api.ts';
import { type OperatorClient, openOperator } from '../operator/client.ts';
import type { Terminal } from './terminal.ts';

/** Arguments that every command has. */
export interface GlobalArgs {
  state: string;
  cache: string;
}

/**
 * A command with its arguments: those of its builder and the global ones, which yargs' own type
 * would have each builder declare again.
 */
// biome-ignore lint/suspicious/noExplicitAny: a list of commands has as many argument types
export interface Command<Args = any> extends Omit<CommandModule, 'builder' | 'handler'> {
  // biome-ignore lint/suspicious/noExplicitAny: what options a builder added shows in `Args`
  builder?(yargs: Argv<any>): Argv<any>;
  handler(argv: Args): void | Promise<void>;
}

/** The command line was used wrongly: exit code 2, and the usage is worth a look. */
export class UsageError extends Error {}

/** A command that did its work and whose answer is "no": exit code 1, nothing more to say. */
export class Refused extends Error {}

export const jsonOption = {
  type: 'boolean',
  default: false,
  describe: 'print JSON instead of text',
} as const;

export function operatorOf(argv: GlobalArgs): Promise<OperatorClient> {
  return openOperator({ state: argv.state });
}

/** `--state` and `--cache`, else the environment, else the XDG folders. */
export function foldersFor(terminal: Terminal): Folders {
  return foldersOf(terminal.environment, terminal.home);
}

export function showJson(terminal: Terminal, value: unknown): void {
  terminal.line(JSON.stringify(value, null, 2));
}

/** A node by its id, or by its name where only one has it. Throws SLV_NODE_UNKNOWN. */
export function nodeIdOf(status: StatusView, text: string): string {
  if (status.nodes.some((node) => node.nodeId === text)) return text;
  const named = status.nodes.filter((node) => node.name === text);
  const [only] = named;
  if (only !== undefined && named.length === 1) return only.nodeId;
  const problem =
    named.length > 1
      ? `${named.length} nodes are called ${text}: say which by its id`
      : `there is no node ${text}`;
  throw new SalvageError('SLV_NODE_UNKNOWN', problem);
}

/** Asks before what cannot be undone. Throws SLV_REQUEST where nobody can answer, Refused on no. */
export async function mustConfirm(
  terminal: Terminal,
  request: { yes: boolean; question: string },
): Promise<void> {
  if (request.yes) return;
  if (!terminal.isInteractive) {
    throw new SalvageError('SLV_REQUEST', 'nobody is here to say yes', {
      hint: 'run it in a terminal, or with --yes',
    });
  }
  if (!(await terminal.confirm(request.question))) throw new Refused('nothing was done');
}

/** Command that only groups others; yargs says what is missing. */
export function groupOf(options: {
  command: string;
  describe: string;
  commands: readonly Command[];
  examples: [string, string][];
}): Command {
  return {
    command: options.command,
    describe: options.describe,
    builder: (yargs) => {
      for (const command of options.commands) yargs.command(command);
      return yargs
        .demandCommand(1, 1, `say what to do: salvage ${options.command} --help`)
        .example(options.examples);
    },
    handler: () => undefined,
  };
}

export function runFolder(state: string): string {
  return join(state, 'run');
}
