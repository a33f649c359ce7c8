// salvage agent: one program alone, in the foreground; its own --help lists its settings.
import { join } from 'node:path';
import type { Command } from '../command.ts';
import { runProgram } from './run-program.ts';

export const command: Command = {
  command: 'agent [args..]',
  describe: 'run the agent of a node alone',
  builder: (yargs) => yargs.strict(false).help(false),
  handler: () => runProgram(join('node-agent', 'src', 'main.ts'), 'agent'),
};
