// Measures the demo model, sampled at 0.7: stories asked for in words that are in no training text,
// known questions, and odd ones.
// node --import tsx scripts/demo-model/measure.ts [--model FILE] [--questions N]
import { parseArgs } from 'node:util';
import { getLlama, LlamaChatSession } from 'node-llama-cpp';
import { seededChance } from './chance.ts';
import { judge, machinesIn, peopleIn } from './judge.ts';
import { machines } from './story-words.ts';
import { strangeQuestion } from './strange-questions.ts';
import { topics } from './talk.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'planner/models/demo/salvage-demo.gguf' },
    questions: { type: 'string', default: '150' },
  },
});
const chance = seededChance(2024);
const judged = judge();
const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false });
const model = await llama.loadModel({ modelPath: values.model });
const context = await model.createContext({ contextSize: 1024, threads: 1, sequences: 1 });
const session = new LlamaChatSession({ contextSequence: context.getSequence() });
const empty = session.getChatHistory();
const kinds = ['story', 'known question', 'strange question'] as const;
for (const kind of kinds) {
  let sentences = 0;
  let ended = 0;
  let faithful = 0;
  let onePerson = 0;
  const strange: string[] = [];
  const count = Math.ceil(Number(values.questions) / kinds.length);
  for (let index = 0; index < count; index += 1) {
    const machine = chance.pick(machines);
    const question = {
      story: () => `I am tired. Have you got an exciting story about some ${machine} for me?`,
      'known question': () => chance.pick(chance.pick(topics).questions),
      'strange question': () => strangeQuestion(chance),
    }[kind]();
    session.setChatHistory(empty);
    const options = { temperature: 0.7, seed: index + 1, maxTokens: 300 };
    const { responseText, stopReason } = await session.promptWithMeta(question, options);
    const judgement = judged(responseText);
    sentences += judgement.sentences;
    strange.push(...judgement.strange);
    if (stopReason !== 'maxTokens') ended += 1;
    if (machinesIn(responseText).join() === machine) faithful += 1;
    if (peopleIn(responseText).length === 1) onePerson += 1;
  }
  const share = (part: number, all: number): string => `${((100 * part) / all).toFixed(1)} %`;
  console.log(
    `${kind}: ${count} answers, ${share(ended, count)} end by themselves; of ${sentences} sentences ${share(sentences - strange.length, sentences)} are the grammar's${kind === 'story' ? `; ${share(faithful, count)} name the machine asked for and no other; ${share(onePerson, count)} keep one person` : ''}`,
  );
  for (const sentence of strange.slice(0, 8)) console.log(`  not the grammar's: ${sentence}`);
}
await llama.dispose();
