// All commands, in the order of `salvage --help`. Those that run programs (up, broker, planner,
// agent) bring those programs with them, so their files are loaded only when one of them is asked
// for; the list knows them by their line of help.
import type { CommandModule } from 'yargs';
import { askCommand } from './commands/ask.ts';
import { doctorCommand } from './commands/doctor.ts';
import { energyCommand } from './commands/energy.ts';
import { joinCommand } from './commands/join.ts';
import { modelsCommand } from './commands/models.ts';
import { nodesCommand } from './commands/nodes.ts';
import { placeCommand } from './commands/place.ts';
import { resetCommand } from './commands/reset.ts';
import { statusCommand } from './commands/status.ts';
import { tokenCommand } from './commands/token.ts';
import type { Terminal } from './terminal.ts';

// biome-ignore lint/suspicious/noExplicitAny: a list of commands has as many argument types
type Listed = CommandModule<any, any>;

interface Program {
  name: string;
  describe: string;
  /** Its command has arguments of its own, which this list does not name. */
  load(): Promise<{ command: object }>;
}

const programs: readonly Program[] = [
  {
    name: 'up',
    describe: 'run broker, planner and an agent on this machine',
    load: () => import('./run/up.ts'),
  },
  { name: 'broker', describe: 'run the broker alone', load: () => import('./run/broker.ts') },
  {
    name: 'planner',
    describe: 'run the planner and its gateway alone',
    load: () => import('./run/planner.ts'),
  },
  {
    name: 'agent',
    describe: 'run the agent of a node alone',
    load: () => import('./run/agent.ts'),
  },
];

/** The programs' files are loaded only when the arguments hold their name. */
export async function commandsFor(args: readonly string[], terminal: Terminal): Promise<Listed[]> {
  const asked = programs.map((program) =>
    args.includes(program.name)
      ? program.load().then(({ command }) => command as Listed)
      : stubOf(program),
  );
  return [
    ...(await Promise.all(asked)),
    statusCommand(terminal),
    nodesCommand(terminal),
    modelsCommand(terminal),
    askCommand(terminal),
    placeCommand(terminal),
    tokenCommand(terminal),
    joinCommand(terminal),
    energyCommand(terminal),
    doctorCommand(terminal),
    resetCommand(terminal),
  ];
}

function stubOf(program: Program): Listed {
  return { command: program.name, describe: program.describe, handler: () => undefined };
}
