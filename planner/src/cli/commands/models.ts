// salvage models add, list, rm

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ModelOffer } from '../../operator/api.ts';
import type { OperatorClient } from '../../operator/client.ts';
import {
  type Command,
  type GlobalArgs,
  groupOf,
  jsonOption,
  mustConfirm,
  operatorOf,
  showJson,
} from '../command.ts';
import { bytesText } from '../format.ts';
import { createProgress } from '../progress.ts';
import type { Terminal } from '../terminal.ts';
import {
  catalogueText,
  modelsText,
  offerText,
  type Prediction,
  predictRoughly,
} from '../views/models.ts';

type AddArgs = GlobalArgs & { source: string; as?: string; yes: boolean };
type ListArgs = GlobalArgs & { catalogue: boolean; json: boolean };

export function modelsCommand(terminal: Terminal): Command {
  return groupOf({
    command: 'models',
    describe: 'list models, fetch one, remove one',
    commands: [addCommand(terminal), listCommand(terminal), removeCommand(terminal)],
    examples: [
      ['$0 models list --catalogue', 'models that suit old machines, with predicted speed'],
      ['$0 models add hf:Qwen/Qwen3-0.6B-GGUF:Q8_0', 'look at it, then fetch it'],
      ['$0 models add ./my-model.gguf', 'take in a file'],
    ],
  });
}

function addCommand(terminal: Terminal): Command<AddArgs> {
  return {
    command: 'add <source>',
    describe: 'show what a model needs, then fetch it (resumes where it stopped)',
    builder: (yargs) =>
      yargs
        .positional('source', { type: 'string', describe: 'FILE, URL or hf:OWNER/REPO[:QUANT]' })
        .option('as', { type: 'string', requiresArg: true, describe: 'id that requests use' })
        .option('yes', { type: 'boolean', default: false, describe: 'fetch it without asking' })
        .example('$0 models add hf:Qwen/Qwen3-0.6B-GGUF:Q8_0', '')
        .example('$0 models add https://example.org/m.gguf --as m --yes', ''),
    handler: async (argv) => {
      const operator = await operatorOf(argv);
      const source = sourceOf(argv.source, terminal.folder);
      const offer = await operator.inspectModel(source);
      const { prediction, refusedBecause } = await predict(operator, offer);
      terminal.note(offerText(offer, prediction, refusedBecause));
      if (!offer.installed) {
        const question = `fetch ${bytesText(offer.card.bytes)}?`;
        await mustConfirm(terminal, { yes: argv.yes, question });
      }
      const progress = createProgress(terminal);
      try {
        const request = argv.as === undefined ? { source } : { source, modelId: argv.as };
        for await (const event of operator.addModel(request)) {
          if (event.event === 'progress') {
            progress.update(event.step, event.doneBytes, event.totalBytes);
            continue;
          }
          progress.stop();
          terminal.line(
            `${event.model.modelId} is there: salvage ask --model ${event.model.modelId}`,
          );
        }
      } finally {
        progress.stop();
      }
    },
  };
}

/** The planner has another working folder: a file is named from the root. */
function sourceOf(text: string, folder: string): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(text)) return text;
  const path = resolve(folder, text);
  return existsSync(path) ? path : text;
}

/** The planner's prediction where the catalogue has one for this source, else a rough look. */
async function predict(
  operator: OperatorClient,
  offer: ModelOffer,
): Promise<{ prediction: Prediction | null; refusedBecause: string | null }> {
  const entry = (await operator.catalogue()).find((one) => one.source === offer.source);
  if (entry !== undefined) {
    const { bestNode, tokensPerSecond, refusedBecause } = entry;
    const isPossible = bestNode !== null && tokensPerSecond !== null;
    return {
      prediction: isPossible ? { nodeId: bestNode, tokensPerSecond } : null,
      refusedBecause,
    };
  }
  const { nodes } = await operator.status();
  return { prediction: predictRoughly(offer, nodes), refusedBecause: null };
}

function listCommand(terminal: Terminal): Command<ListArgs> {
  return {
    command: ['list', 'ls'],
    describe: 'list the models of the store, or those of the catalogue',
    builder: (yargs) =>
      yargs
        .option('catalogue', {
          type: 'boolean',
          default: false,
          describe: 'models that can be fetched, with their speed here',
        })
        .option('json', jsonOption)
        .example('$0 models list', '')
        .example('$0 models list --catalogue', 'what could run here, and how fast'),
    handler: async (argv) => {
      const operator = await operatorOf(argv);
      if (argv.catalogue) {
        const entries = await operator.catalogue();
        if (argv.json) return showJson(terminal, entries);
        return terminal.line(catalogueText(entries, terminal));
      }
      const models = await operator.models();
      if (argv.json) return showJson(terminal, models);
      terminal.line(modelsText(models, terminal));
    },
  };
}

function removeCommand(terminal: Terminal): Command<GlobalArgs & { model: string }> {
  return {
    command: ['rm <model>', 'remove <model>'],
    describe: 'remove a model from the store',
    builder: (yargs) =>
      yargs
        .positional('model', { type: 'string', describe: 'id of a model' })
        .example('$0 models rm qwen3-0.6b:q8_0', ''),
    handler: async (argv) => {
      await (await operatorOf(argv)).removeModel(argv.model);
      terminal.line(`${argv.model} is removed`);
    },
  };
}
