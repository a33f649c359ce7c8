// The engine driven directly, with nothing of ours around it: one process, node-llama-cpp, one
// answer for each line on stdin. The other side of the gateway's ratio.
import { createInterface } from 'node:readline';
import { getLlama } from 'node-llama-cpp';

const [, , modelPath = '', threads = '1', contextTokens = '2048'] = process.argv;
const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({
  contextSize: Number(contextTokens),
  threads: Number(threads),
  sequences: 1,
});
const sequence = context.getSequence();
process.stdout.write('{"ready":true}\n');

for await (const line of createInterface({ input: process.stdin })) {
  const { prompt, tokensMax } = JSON.parse(line) as { prompt: string; tokensMax: number };
  await sequence.clearHistory();
  const startedAt = performance.now();
  let firstAt = startedAt;
  let count = 0;
  const tokens = [
    ...(model.tokens.bos === null ? [] : [model.tokens.bos]),
    ...model.tokenize(prompt),
  ];
  for await (const _ of sequence.evaluate(tokens, { temperature: 0, yieldEogToken: true })) {
    if (count === 0) firstAt = performance.now();
    count += 1;
    if (count >= tokensMax) break;
  }
  const endedAt = performance.now();
  const answer = {
    firstMilliseconds: firstAt - startedAt,
    tokensPerSecond: (count - 1) / ((endedAt - firstAt) / 1000),
    count,
  };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
