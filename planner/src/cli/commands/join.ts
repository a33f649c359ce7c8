// salvage join prepare --arch ARCH
import { type Command, type GlobalArgs, groupOf, operatorOf } from '../command.ts';
import { bytesText } from '../format.ts';
import type { Terminal } from '../terminal.ts';

/** As the contract's `architectures`, which would bring its schemas with it. */
const architectures = ['x64', 'arm64', 'armv7l', 'riscv64'];

export function joinCommand(terminal: Terminal): Command {
  return groupOf({
    command: 'join',
    describe: 'prepare what machines of another kind need to join',
    commands: [prepareCommand(terminal)],
    examples: [['$0 join prepare --arch arm64', 'before a Raspberry Pi joins a PC']],
  });
}

function prepareCommand(terminal: Terminal): Command<GlobalArgs & { arch: string }> {
  return {
    command: 'prepare',
    describe: 'fetch the runtime and the engine for another architecture',
    builder: (yargs) =>
      yargs
        .option('arch', {
          choices: architectures,
          demandOption: true,
          describe: 'what `uname -m` calls x86_64, aarch64, armv7l, riscv64',
        })
        .example('$0 join prepare --arch arm64', 'for 64-bit Raspberry Pis and their like'),
    handler: async (argv) => {
      const operator = await operatorOf(argv);
      for await (const event of operator.prepareJoin(argv.arch)) {
        if (event.event === 'progress') terminal.note(event.text);
        else {
          const size = bytesText(event.bytes);
          terminal.line(`${event.architecture} machines can join now (${size} prepared)`);
        }
      }
    },
  };
}
