// Makes a model of random weights for tests and measurements; usage below.
import { parseArgs } from 'node:util';
import { describeFailure, SalvageError } from '@salvage/kit';
import {
  type ModelShape,
  shapeOfBytes,
  shapes,
  weightsBytes,
  writeRandomGguf,
} from '@salvage/kit/random-gguf';

const usage = `usage: node --import tsx scripts/make-random-gguf.ts --out FILE [SHAPE] [--seed N]

Writes a llama model of random weights (GGUF). It loads and runs like any other; what it says
means nothing. SHAPE is one of:
  --shape slow            about 157 MB (the default)
  --shape big             TinyLlama's shape, about 620 MB
  --bytes N               a shape whose weights have about N bytes
and any part of it can be changed:
  --layers N  --width N  --heads N  --heads-kv N  --feed-forward N  --vocabulary N
  --context-tokens N  --quant Q4_0|Q8_0|F16`;

const whole = { type: 'string' } as const;
const options = {
  out: { type: 'string' },
  shape: { type: 'string' },
  bytes: whole,
  seed: whole,
  layers: whole,
  width: whole,
  heads: whole,
  'heads-kv': whole,
  'feed-forward': whole,
  vocabulary: whole,
  'context-tokens': whole,
  quant: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

type Given = ReturnType<typeof parseArgs<{ options: typeof options }>>['values'];

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new SalvageError('SLV_REQUEST', `--${name} ${text} is not a whole number`);
}

function shapeFrom(given: Given): ModelShape {
  const bytes = wholeNumber('bytes', given.bytes);
  const name = given.shape ?? 'slow';
  if (name !== 'slow' && name !== 'big')
    throw new SalvageError('SLV_REQUEST', `--shape ${name} is neither slow nor big`);
  const base: ModelShape = bytes === undefined ? shapes[name] : shapeOfBytes(bytes);
  return {
    architecture: 'llama',
    layers: wholeNumber('layers', given.layers) ?? base.layers,
    width: wholeNumber('width', given.width) ?? base.width,
    heads: wholeNumber('heads', given.heads) ?? base.heads,
    headsKv: wholeNumber('heads-kv', given['heads-kv']) ?? base.headsKv,
    feedForward: wholeNumber('feed-forward', given['feed-forward']) ?? base.feedForward,
    vocabulary: wholeNumber('vocabulary', given.vocabulary) ?? base.vocabulary,
    contextTokens: wholeNumber('context-tokens', given['context-tokens']) ?? base.contextTokens,
    quant: (given.quant as ModelShape['quant'] | undefined) ?? base.quant,
  };
}

async function make(given: Given): Promise<void> {
  const { out } = given;
  if (out === undefined) throw new SalvageError('SLV_REQUEST', '--out FILE is missing');
  const shape = shapeFrom(given);
  const seed = wholeNumber('seed', given.seed) ?? 1;
  let shown = -1;
  await writeRandomGguf(out, shape, seed, ({ writtenBytes, totalBytes }) => {
    const percent = Math.floor((10 * writtenBytes) / totalBytes) * 10;
    if (percent > shown && process.stderr.isTTY) process.stderr.write(`\r${percent} %`);
    shown = percent;
  });
  if (process.stderr.isTTY) process.stderr.write('\r');
  console.log(`${out}: ${(weightsBytes(shape) / 1e6).toFixed(1)} MB of random weights`);
}

try {
  const { values } = parseArgs({ options });
  if (values.help === true) console.log(usage);
  else await make(values);
} catch (error) {
  const unknownOption = error instanceof TypeError;
  console.error(unknownOption ? `${error.message}\n\n${usage}` : describeFailure(error));
  process.exitCode = unknownOption ? 2 : 1;
}
