// salvage broker: one program alone, in the foreground; its own --help lists its settings.
import { join } from 'node:path';
import type { Command } from '../command.ts';
import { runProgram } from './run-program.ts';

export const command: Command = {
  command: 'broker [args..]',
  describe: 'run the broker alone',
  builder: (yargs) => yargs.strict(false).help(false),
  handler: () => runProgram(join('broker', 'src', 'main.ts'), 'broker'),
};
