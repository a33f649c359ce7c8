// salvage energy report
import {
  type Command,
  type GlobalArgs,
  groupOf,
  jsonOption,
  operatorOf,
  showJson,
} from '../command.ts';
import { parseSince } from '../format.ts';
import type { Terminal } from '../terminal.ts';
import { reportText } from '../views/energy.ts';

type ReportArgs = GlobalArgs & { since: string; until?: string; json: boolean };

export function energyCommand(terminal: Terminal): Command {
  return groupOf({
    command: 'energy',
    describe: 'what was spent, on what, and how well that is known',
    commands: [reportCommand(terminal)],
    examples: [['$0 energy report --since 7d', 'the last week']],
  });
}

function reportCommand(terminal: Terminal): Command<ReportArgs> {
  return {
    command: 'report',
    describe: 'coverage, joules per token, idle and absolute watt-hours',
    builder: (yargs) =>
      yargs
        .option('since', {
          type: 'string',
          requiresArg: true,
          default: '24h',
          describe: 'a span like 24h or 7d, or a date; the ledger goes back 400 days',
        })
        .option('until', {
          type: 'string',
          requiresArg: true,
          describe: 'a span back from now, or a date',
          defaultDescription: 'now',
        })
        .option('json', jsonOption)
        .check((argv) => {
          for (const name of ['since', 'until']) {
            const text = argv[name];
            if (text === undefined || parseSince(String(text), 0) !== null) continue;
            throw new Error(`--${name} is a span like 24h or 7d, or a date like 2026-11-01`);
          }
          return true;
        }, false)
        .example('$0 energy report', 'the last day')
        .example('$0 energy report --since 2026-11-01 --json', 'since a date, for programs'),
    handler: async (argv) => {
      const now = terminal.now();
      const since = parseSince(argv.since, now) ?? now;
      const until = argv.until === undefined ? now : (parseSince(argv.until, now) ?? now);
      const operator = await operatorOf(argv);
      const report = await operator.energy({
        since: Math.max(0, Math.floor(since)),
        until: Math.max(0, Math.floor(until)),
      });
      if (argv.json) return showJson(terminal, report);
      terminal.line(reportText(report, terminal));
    },
  };
}
