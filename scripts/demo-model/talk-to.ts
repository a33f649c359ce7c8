// Asks the demo model through llama.cpp and prints what it says, as the model card shows it:
// node --import tsx scripts/demo-model/talk-to.ts --model FILE [--temperature T] [--seed N]
import { parseArgs } from 'node:util';
import { getLlama, LlamaChatSession, LlamaCompletion } from 'node-llama-cpp';

const questions = [
  'What is salvage?',
  'Tell me a story about a laptop.',
  'Who are you?',
  'Hello',
  'Once upon a time',
  'Why should I mend things?',
  'What is the capital of France?',
  'Tell me a story about Rosa and a radio.',
];
const openings = ['Once upon a time', 'The old radio', 'Hello, my name is'];

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'planner/models/demo/salvage-demo.gguf' },
    temperature: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
  },
});
const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false });
const model = await llama.loadModel({ modelPath: values.model });
const context = await model.createContext({ contextSize: 1024, threads: 1, sequences: 1 });
const sequence = context.getSequence();
const options = {
  temperature: Number(values.temperature),
  seed: Number(values.seed),
  maxTokens: 400,
};
const session = new LlamaChatSession({ contextSequence: sequence });
const empty = session.getChatHistory();
for (const question of questions) {
  session.setChatHistory(empty);
  const { responseText, stopReason } = await session.promptWithMeta(question, options);
  console.log(`\n> ${question}\n${responseText} [${stopReason}]`);
}
session.dispose({ disposeSequence: false });
const completion = new LlamaCompletion({ contextSequence: sequence });
for (const opening of openings) {
  const { response, metadata } = await completion.generateCompletionWithMeta(opening, options);
  console.log(`\n${opening} ...${response} [${metadata.stopReason}]`);
}
await llama.dispose();
