import { strict as assert } from 'node:assert';
import { stat } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import {
  getLlama,
  type Llama,
  LlamaChatSession,
  type LlamaModel,
  readGgufFileInfo,
} from 'node-llama-cpp';
import { seededChance } from './chance.ts';
import { story } from './grammar.ts';
import { judge } from './judge.ts';
import { strangeQuestion } from './strange-questions.ts';
import { encoderOf, trainVocabulary } from './tokenizer.ts';

const path = fileURLToPath(new URL('../../planner/models/demo/salvage-demo.gguf', import.meta.url));

describe('the demo model', () => {
  let llama: Llama;
  let model: LlamaModel;
  before(async () => {
    llama = await getLlama({ gpu: false, build: 'never', progressLogs: false });
    model = await llama.loadModel({ modelPath: path });
  });
  after(() => llama.dispose());

  it('is small, and has the context that it promises', async () => {
    assert((await stat(path)).size <= 2 * 2 ** 20);
    assert(model.trainContextSize >= 1024);
  });

  it('is cut by llama.cpp into the tokens that it was trained on', async () => {
    const { tokens, scores, token_type } = (await readGgufFileInfo(path)).metadata.tokenizer.ggml;
    assert(scores !== undefined && token_type !== undefined);
    const encode = encoderOf({
      tokens: [...tokens],
      scores: [...scores],
      types: token_type.map(Number),
    });
    const same = (text: string): void => assert.deepEqual(encode(text), [...model.tokenize(text)]);
    const chance = seededChance(99);
    for (let index = 0; index < 100; index += 1) {
      same(story(chance));
      same(strangeQuestion(chance));
    }
    fc.assert(fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), same));
  });

  it('answers in sentences of its grammar and ends by itself', async () => {
    const context = await model.createContext({ contextSize: 1024, threads: 1 });
    const session = new LlamaChatSession({ contextSequence: context.getSequence() });
    const empty = session.getChatHistory();
    const judged = judge();
    for (const temperature of [0, 0.7]) {
      let sentences = 0;
      const strange: string[] = [];
      for (const question of [
        'What is salvage?',
        'Tell me a story about a laptop.',
        'Once upon a time',
        'What is the capital of France?',
        'Good morning!',
      ]) {
        session.setChatHistory(empty);
        const options = { temperature, seed: 1, maxTokens: 400 };
        const { responseText, stopReason } = await session.promptWithMeta(question, options);
        assert.notEqual(stopReason, 'maxTokens', `${question} ${responseText}`);
        const judgement = judged(responseText);
        sentences += judgement.sentences;
        strange.push(...judgement.strange);
      }
      assert(sentences >= 15 && strange.length <= sentences / 10, strange.join('\n'));
    }
    await context.dispose();
  });
});

describe('the vocabulary', () => {
  it('joins what is frequent and spells the rest in bytes', () => {
    const vocabulary = trainVocabulary(['see the sun and the sea', 'see the sun'], 400);
    const encode = encoderOf(vocabulary);
    const cut = (text: string): string[] => encode(text).map((id) => vocabulary.tokens[id] ?? '');
    assert.deepEqual(cut(' the sun'), ['▁the', '▁sun']);
    assert.deepEqual(cut('é\n'), ['<0xC3>', '<0xA9>', '<0x0A>']);
  });
});
