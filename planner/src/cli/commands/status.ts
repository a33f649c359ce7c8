// salvage status
import { type Command, type GlobalArgs, jsonOption, operatorOf, showJson } from '../command.ts';
import type { Terminal } from '../terminal.ts';
import { statusText } from '../views/status.ts';

const dayMilliseconds = 24 * 3600_000;

export function statusCommand(terminal: Terminal): Command<GlobalArgs & { json: boolean }> {
  return {
    command: 'status',
    describe: 'show nodes, placements, jobs, warnings and the energy of a day',
    builder: (yargs) =>
      yargs
        .option('json', jsonOption)
        .example('$0 status', 'the cluster at a glance')
        .example('$0 status --json', 'the same for programs'),
    handler: async (argv) => {
      const operator = await operatorOf(argv);
      const now = terminal.now();
      const status = await operator.status();
      // A broken ledger must not hide the rest.
      const energy = await operator
        .energy({ since: now - dayMilliseconds, until: now })
        .catch(() => null);
      if (argv.json) return showJson(terminal, { ...status, energyOfLastDay: energy });
      terminal.line(statusText(status, { energy, now, look: terminal }));
    },
  };
}
