// salvage planner: one program alone, in the foreground; its own --help lists its settings.
import { join } from 'node:path';
import type { Command } from '../command.ts';
import { runProgram } from './run-program.ts';

export const command: Command = {
  command: 'planner [args..]',
  describe: 'run the planner and its gateway alone',
  builder: (yargs) => yargs.strict(false).help(false),
  handler: () => runProgram(join('planner', 'src', 'main.ts'), 'planner'),
};
