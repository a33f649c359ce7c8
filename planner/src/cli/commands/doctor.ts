// salvage doctor: first what can be seen without a planner, then what the planner finds.
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { describeFailure, SalvageError } from '@salvage/kit';
import type { Finding } from '../../operator/api.ts';
import {
  type Command,
  type GlobalArgs,
  jsonOption,
  operatorOf,
  Refused,
  showJson,
} from '../command.ts';
import { countText } from '../format.ts';
import { wrapText } from '../table-format.ts';
import type { Terminal } from '../terminal.ts';

export function doctorCommand(terminal: Terminal): Command<GlobalArgs & { json: boolean }> {
  return {
    command: 'doctor',
    describe: 'look for trouble and say what helps',
    builder: (yargs) =>
      yargs.option('json', jsonOption).example('$0 doctor', 'exits with 1 when something is wrong'),
    handler: async (argv) => {
      const findings = [...(await findingsHere(argv)), ...(await findingsOfPlanner(argv))];
      if (argv.json) showJson(terminal, findings);
      else terminal.line(findingsText(findings, terminal.width));
      const errors = findings.filter(({ severity }) => severity === 'error').length;
      if (errors > 0) throw new Refused(`${countText(errors, 'error')} found`);
    },
  };
}

async function findingsHere(argv: GlobalArgs): Promise<Finding[]> {
  const found: Finding[] = [
    {
      severity: 'ok',
      what: 'this program',
      detail: `Node ${process.versions.node} on ${process.platform} ${process.arch}`,
      advice: '',
    },
  ];
  for (const [what, folder] of [
    ['state folder', argv.state],
    ['cache folder', argv.cache],
  ] as const) {
    found.push(await findingOfFolder(what, folder));
  }
  return found;
}

async function findingOfFolder(what: string, folder: string): Promise<Finding> {
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return { severity: 'ok', what, detail: folder, advice: '' };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return { severity: 'info', what, detail: `${folder} is made at the first start`, advice: '' };
    }
    const advice = 'run this as the user that runs the planner';
    return { severity: 'error', what, detail: `${folder} cannot be used`, advice };
  }
}

async function findingsOfPlanner(argv: GlobalArgs): Promise<Finding[]> {
  try {
    const findings = await (await operatorOf(argv)).doctor();
    return [{ severity: 'ok', what: 'planner', detail: 'it answers', advice: '' }, ...findings];
  } catch (error) {
    if (!(error instanceof SalvageError)) throw new Error(describeFailure(error));
    const { message, hint } = error;
    return [{ severity: 'error', what: 'planner', detail: message, advice: hint }];
  }
}

function findingsText(findings: readonly Finding[], width: number): string {
  const indent = ' '.repeat(9);
  return findings
    .map(({ severity, what, detail, advice }) => {
      const text = wrapText(`${what}: ${detail}`, width, severity.padEnd(9), indent);
      if (advice === '') return text;
      return `${text}\n${wrapText(advice, width, `${indent}-> `, `${indent}   `)}`;
    })
    .join('\n');
}
