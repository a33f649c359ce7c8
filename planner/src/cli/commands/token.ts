// salvage token create, list, revoke

import { SalvageError } from '@salvage/kit';
import type { TokenView } from '../../operator/api.ts';
import {
  type Command,
  type GlobalArgs,
  groupOf,
  jsonOption,
  operatorOf,
  showJson,
} from '../command.ts';
import { parseSpan, timeText, unknown } from '../format.ts';
import { formatTable } from '../table-format.ts';
import type { Terminal } from '../terminal.ts';

type CreateArgs = GlobalArgs & {
  for: 'node' | 'client';
  expires?: string;
  name: string;
  json: boolean;
};

/** A join token is for the next hour; a client's key lasts until it is revoked. */
const nodeExpires = '1h';

export function tokenCommand(terminal: Terminal): Command {
  return groupOf({
    command: 'token',
    describe: 'let a machine join, or a client ask',
    commands: [createCommand(terminal), listCommand(terminal), revokeCommand(terminal)],
    examples: [
      ['$0 token create', 'the line that a second machine runs to join'],
      ['$0 token create --for client --name kitchen', 'a key for a program'],
      ['$0 token revoke abc123', ''],
    ],
  });
}

function createCommand(terminal: Terminal): Command<CreateArgs> {
  return {
    command: 'create',
    describe: 'make a join token (for a node) or a key (for a client)',
    builder: (yargs) =>
      yargs
        .option('for', { choices: ['node', 'client'], default: 'node', describe: 'who gets it' })
        .option('expires', {
          type: 'string',
          requiresArg: true,
          describe: 'a span like 30m, 1h or 7d',
          defaultDescription: `${nodeExpires} for nodes, never for clients`,
        })
        .option('name', { type: 'string', requiresArg: true, default: '', describe: 'whose it is' })
        .option('json', jsonOption)
        .check((argv) => {
          if (argv['expires'] === undefined || parseSpan(String(argv['expires'])) !== null) {
            return true;
          }
          throw new Error('--expires is a span like 30m, 1h or 7d');
        }, false)
        .example('$0 token create --expires 30m', '')
        .example('$0 token create --for client --name kitchen', ''),
    handler: async (argv) => {
      const span = argv.expires ?? (argv.for === 'node' ? nodeExpires : undefined);
      const seconds = span === undefined ? null : Math.round(parseSpan(span) ?? 0);
      const operator = await operatorOf(argv);
      const created = await operator.createToken({
        for: argv.for,
        name: argv.name,
        expiresSeconds: seconds === null ? null : Math.max(1, seconds),
        local: false,
      });
      if (argv.json) return showJson(terminal, created);
      const until =
        created.record.expiresAt === null
          ? 'until it is revoked'
          : `until ${timeText(created.record.expiresAt)}`;
      if (argv.for === 'client') {
        terminal.note(`key ${created.record.tokenId}, good ${until}; it is shown only now:`);
        return terminal.line(created.token);
      }
      if (created.joinLine === null) {
        await operator.revokeToken(created.record.tokenId);
        throw new SalvageError('SLV_TOKEN', 'the join door is closed to the network', {
          hint: 'start the planner without --local, then make a new token',
        });
      }
      terminal.note(`run this on the machine that joins; good once, ${until}:`);
      terminal.line(created.joinLine);
    },
  };
}

function listCommand(terminal: Terminal): Command<GlobalArgs & { json: boolean }> {
  return {
    command: ['list', 'ls'],
    describe: 'list tokens and keys; their texts are not kept',
    builder: (yargs) => yargs.option('json', jsonOption).example('$0 token list', ''),
    handler: async (argv) => {
      const tokens = await (await operatorOf(argv)).tokens();
      if (argv.json) return showJson(terminal, tokens);
      terminal.line(tokensText(tokens, terminal));
    },
  };
}

function tokensText(tokens: readonly TokenView[], terminal: Terminal): string {
  if (tokens.length === 0) return 'no tokens: salvage token create makes one';
  return formatTable({
    width: terminal.width,
    bold: terminal.bold,
    columns: [
      { head: 'ID' },
      { head: 'FOR' },
      { head: 'NAME', wraps: true },
      { head: 'MADE' },
      { head: 'EXPIRES' },
      { head: 'USED' },
    ],
    rows: tokens.map((token) => [
      token.tokenId,
      token.for,
      token.name === '' ? unknown : token.name,
      timeText(token.createdAt),
      token.expiresAt === null ? 'never' : timeText(token.expiresAt),
      token.usedAt === null ? 'no' : timeText(token.usedAt),
    ]),
  });
}

function revokeCommand(terminal: Terminal): Command<GlobalArgs & { id: string }> {
  return {
    command: 'revoke <id>',
    describe: 'make a token or key worthless',
    builder: (yargs) =>
      yargs
        .positional('id', { type: 'string', describe: 'id as salvage token list shows it' })
        .example('$0 token revoke abc123', ''),
    handler: async (argv) => {
      await (await operatorOf(argv)).revokeToken(argv.id);
      terminal.line(`${argv.id} is revoked`);
    },
  };
}
