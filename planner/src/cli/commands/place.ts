// salvage place MODEL
import {
  type Command,
  type GlobalArgs,
  jsonOption,
  operatorOf,
  Refused,
  showJson,
} from '../command.ts';
import type { Terminal } from '../terminal.ts';
import { placeText } from '../views/models.ts';

type PlaceArgs = GlobalArgs & {
  model: string;
  explain: boolean;
  context?: number;
  json: boolean;
};

export function placeCommand(terminal: Terminal): Command<PlaceArgs> {
  return {
    command: 'place <model>',
    describe: 'say where a model would run, and why there; moves nothing',
    builder: (yargs) =>
      yargs
        .positional('model', { type: 'string', describe: 'id of a model, also of the catalogue' })
        .option('explain', {
          type: 'boolean',
          default: false,
          describe: 'the winner, the runners-up and every refusal',
        })
        .option('context', { type: 'number', requiresArg: true, describe: 'tokens of context' })
        .option('json', jsonOption)
        .check((argv) => {
          const context = argv['context'];
          if (context === undefined || (Number.isInteger(context) && Number(context) >= 64)) {
            return true;
          }
          throw new Error('--context is a whole number of tokens, 64 or more');
        }, false)
        .example('$0 place qwen3-0.6b:q8_0 --explain', '')
        .example('$0 place qwen3-0.6b:q8_0 --context 8192', 'with a longer memory'),
    handler: async (argv) => {
      const operator = await operatorOf(argv);
      const view = await operator.place({
        modelId: argv.model,
        ...(argv.context === undefined ? {} : { contextTokens: argv.context }),
      });
      if (argv.json) showJson(terminal, view);
      else terminal.line(placeText(view, { explain: argv.explain, look: terminal }));
      if (!view.answer.ok) throw new Refused('no node can run it');
    },
  };
}
