// salvage ask: one question through the gateway's OpenAI door, the answer as it comes, and what it
// cost on stderr.
import { failures, SalvageError } from '@salvage/kit';
import type { SalvageBlock } from '../../gateway/salvage-block.ts';
import type { ModelView, StatusView } from '../../operator/api.ts';
import type { OperatorClient } from '../../operator/client.ts';
import { openChat, type Reply } from '../chat.ts';
import { type Command, type GlobalArgs, jsonOption, operatorOf, UsageError } from '../command.ts';
import type { Terminal } from '../terminal.ts';
import { costLine } from '../views/cost.ts';

type AskArgs = GlobalArgs & {
  question?: string[];
  model?: string;
  tokensMax: number;
  raw: boolean;
  stdin: boolean;
  json: boolean;
};

const tokensMaxDefault = 512;

export function askCommand(terminal: Terminal): Command<AskArgs> {
  return {
    command: 'ask [question..]',
    describe: 'ask one question; the answer comes as it is made',
    builder: (yargs) =>
      yargs
        .positional('question', {
          array: true,
          type: 'string',
          describe: 'without one, stdin is the question',
        })
        .option('model', {
          type: 'string',
          requiresArg: true,
          describe: 'id of a model',
          defaultDescription: 'one that is ready, else the first',
        })
        .option('tokens-max', {
          type: 'number',
          requiresArg: true,
          default: tokensMaxDefault,
          describe: 'longest answer',
        })
        .option('raw', {
          type: 'boolean',
          default: false,
          describe: 'continue the text instead of answering it (no chat template)',
        })
        .option('stdin', {
          type: 'boolean',
          default: false,
          describe: 'put the text on stdin below the question',
        })
        .option('json', { ...jsonOption, describe: 'print the whole answer as JSON, at the end' })
        .check((argv) => {
          const tokens = argv['tokensMax'];
          if (Number.isInteger(tokens) && Number(tokens) >= 1) return true;
          throw new Error('--tokens-max is a whole number, 1 or more');
        }, false)
        .example('$0 ask "What is a capacitor?"', '')
        .example('$0 ask --raw --model tales "Once upon a time"', '')
        .example('git diff | $0 ask --stdin "What changes here?"', 'text on stdin goes below'),
    handler: async (argv) => {
      const question = await questionOf(argv, terminal);
      const operator = await operatorOf(argv);
      const model = await modelFor(argv.model, operator);
      const isRaw = argv.raw || !model.hasChatTemplate;
      const request = { model: model.modelId, question, isRaw, tokensMax: argv.tokensMax };
      const chat = await openChat({ state: argv.state, gatewayUrl: operator.gatewayUrl });
      if (argv.json) {
        const answer = await chat.whole(request);
        return terminal.line(JSON.stringify(answer, null, 2));
      }
      if (isRaw && !argv.raw) terminal.note(`${model.modelId} has no chat template: it goes on`);
      const startedAt = terminal.now();
      const cost = await stream(chat.streamed(request), terminal);
      if (cost !== null) terminal.note(costLine(cost, terminal.now() - startedAt));
      if (model.notice !== null) terminal.note(model.notice);
    },
  };
}

async function stream(
  replies: AsyncIterable<Reply>,
  terminal: Terminal,
): Promise<SalvageBlock | null> {
  let cost: SalvageBlock | null = null;
  let last = '\n';
  for await (const reply of replies) {
    cost = reply.cost ?? cost;
    if (reply.text === '') continue;
    terminal.write(reply.text);
    last = reply.text;
  }
  if (!last.endsWith('\n')) terminal.write('\n');
  return cost;
}

async function questionOf(argv: AskArgs, terminal: Terminal): Promise<string> {
  const words = (argv.question ?? []).join(' ');
  // Reading stdin unasked would wait for ever where it is open and silent, under cron or ssh.
  const input = words === '' || argv.stdin ? await terminal.readInput() : null;
  const text = [words, (input ?? '').trimEnd()].filter((part) => part !== '').join('\n\n');
  if (text === '') throw new UsageError('ask what? salvage ask "What is a capacitor?"');
  return text;
}

async function modelFor(wanted: string | undefined, operator: OperatorClient): Promise<ModelView> {
  const models = await operator.models();
  const id = wanted ?? readyModel(await operator.status()) ?? models[0]?.modelId;
  const model = models.find((candidate) => candidate.modelId === id);
  if (model !== undefined) return model;
  const [problem, hint] =
    id === undefined
      ? ['there is no model yet', 'salvage models list --catalogue shows some']
      : [`there is no model ${id}`, failures.SLV_MODEL_UNKNOWN];
  throw new SalvageError('SLV_MODEL_UNKNOWN', problem, { hint });
}

function readyModel(status: StatusView): string | undefined {
  return status.placements.find((placement) => placement.ready)?.modelId;
}
