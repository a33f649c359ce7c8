// salvage nodes list, rename, drain, remove, logs
import {
  type Command,
  type GlobalArgs,
  groupOf,
  jsonOption,
  mustConfirm,
  nodeIdOf,
  operatorOf,
  showJson,
} from '../command.ts';
import { nodesTable } from '../tables.ts';
import type { Terminal } from '../terminal.ts';

type NodeArgs = GlobalArgs & { node: string };

const nodeArgument = { type: 'string', describe: 'id or name of a node' } as const;

export function nodesCommand(terminal: Terminal): Command {
  return groupOf({
    command: 'nodes',
    describe: 'list nodes; rename, drain or remove one; read its log',
    commands: [
      listCommand(terminal),
      renameCommand(terminal),
      drainCommand(terminal),
      removeCommand(terminal),
      logsCommand(terminal),
    ],
    examples: [
      ['$0 nodes list', 'all nodes of the cluster'],
      ['$0 nodes drain attic-x230', 'give it no work until --undo'],
      ['$0 nodes logs attic-x230 --lines 100', 'the last lines of its agent'],
    ],
  });
}

function listCommand(terminal: Terminal): Command<GlobalArgs & { json: boolean }> {
  return {
    command: ['list', 'ls'],
    describe: 'list the nodes',
    builder: (yargs) => yargs.option('json', jsonOption).example('$0 nodes list --json', ''),
    handler: async (argv) => {
      const { nodes } = await (await operatorOf(argv)).status();
      if (argv.json) return showJson(terminal, nodes);
      terminal.line(nodesTable(nodes, terminal));
    },
  };
}

function renameCommand(terminal: Terminal): Command<NodeArgs & { name: string }> {
  return {
    command: 'rename <node> <name>',
    describe: 'give a node another name; its id stays',
    builder: (yargs) =>
      yargs
        .positional('node', nodeArgument)
        .positional('name', { type: 'string', describe: 'the new name' })
        .example('$0 nodes rename node-3 "attic laptop"', ''),
    handler: async (argv) => {
      const operator = await operatorOf(argv);
      const nodeId = nodeIdOf(await operator.status(), argv.node);
      const node = await operator.changeNode(nodeId, { name: argv.name });
      terminal.line(`${node.nodeId} is called ${node.name}`);
    },
  };
}

function drainCommand(terminal: Terminal): Command<NodeArgs & { undo: boolean }> {
  return {
    command: 'drain <node>',
    describe: 'take work away from a node, and keep it away',
    builder: (yargs) =>
      yargs
        .positional('node', nodeArgument)
        .option('undo', { type: 'boolean', default: false, describe: 'let it work again' })
        .example('$0 nodes drain attic-x230', 'before it is opened, moved or switched off')
        .example('$0 nodes drain attic-x230 --undo', 'when it is back'),
    handler: async (argv) => {
      const operator = await operatorOf(argv);
      const nodeId = nodeIdOf(await operator.status(), argv.node);
      await operator.changeNode(nodeId, { drained: !argv.undo });
      terminal.line(argv.undo ? `${nodeId} takes work again` : `${nodeId} is drained`);
    },
  };
}

function removeCommand(terminal: Terminal): Command<NodeArgs & { yes: boolean }> {
  return {
    command: ['remove <node>', 'rm <node>'],
    describe: 'forget a node: its credentials are worthless at once',
    builder: (yargs) =>
      yargs
        .positional('node', nodeArgument)
        .option('yes', { type: 'boolean', default: false, describe: 'do not ask' })
        .example('$0 nodes remove attic-x230 --yes', ''),
    handler: async (argv) => {
      const operator = await operatorOf(argv);
      const nodeId = nodeIdOf(await operator.status(), argv.node);
      await mustConfirm(terminal, {
        yes: argv.yes,
        question: `forget ${nodeId}? It can only come back with a new join token.`,
      });
      await operator.removeNode(nodeId);
      terminal.line(`${nodeId} is removed; on it: sudo salvage-agent uninstall`);
    },
  };
}

function logsCommand(terminal: Terminal): Command<NodeArgs & { lines: number }> {
  return {
    command: 'logs <node>',
    describe: 'show the last lines of an agent and its engines',
    builder: (yargs) =>
      yargs
        .positional('node', nodeArgument)
        .option('lines', { type: 'number', default: 50, describe: 'at most 200' })
        .check((argv) => {
          const lines = Number(argv['lines']);
          if (Number.isInteger(lines) && lines >= 1 && lines <= 200) return true;
          throw new Error('--lines is a whole number from 1 to 200');
        }, false)
        .example('$0 nodes logs attic-x230 --lines 20', ''),
    handler: async (argv) => {
      const operator = await operatorOf(argv);
      const nodeId = nodeIdOf(await operator.status(), argv.node);
      for (const line of await operator.nodeLogs(nodeId, argv.lines)) terminal.line(line);
    },
  };
}
