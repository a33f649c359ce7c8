// Answers of the real binding on the 260K model.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Engine } from '../engine.ts';
import {
  ask,
  bindingKind,
  readAnswer,
  resumed,
  skip,
  testRequest,
  testSpec,
} from './test-engine.ts';

const knownAnswer =
  ', there was a little girl named Lily. She loved to play outside in the park. One day, she saw ' +
  "a big, red ball. She wanted to play with it, but it was too high.\nLily's mom said";

describe('binding', { skip }, () => {
  let engine: Engine;
  const progress: number[] = [];
  before(async () => {
    engine = bindingKind.create(testSpec());
    await engine.start((share) => progress.push(share));
  });
  after(() => engine.stop());

  it('says which llama.cpp it carries and how its loading goes', async () => {
    assert.match((await bindingKind.release()) ?? '', /^(v|b)\d/);
    assert.equal(progress.at(-1), 1);
    assert.deepEqual(
      progress,
      progress.toSorted((left, right) => left - right),
    );
    assert.ok((engine.memoryBytes() ?? 0) > 10e6);
    assert.ok((engine.cpuSeconds() ?? 0) > 0);
  });

  it('gives the known answer', async () => {
    const answer = await ask(engine, testRequest());
    assert.equal(answer.text, knownAnswer);
    assert.equal(answer.reason, 'length');
    assert.equal(answer.events[0]?.event, 'prompt');
    assert.deepEqual(answer.prompt, [1, 403, 407, 261, 378]);
    const { timings } = answer;
    assert.equal(timings?.promptTokens, 5);
    assert.equal(timings?.outputTokens, 64);
    assert.equal(answer.tokens.length, 64);
    assert.ok((timings?.outputMilliseconds ?? 0) > 0);
    assert.ok((timings?.cpuSeconds ?? 0) > 0);
  });

  it('goes on from every cut, byte for byte', async () => {
    const whole = await ask(engine, testRequest());
    const pieces = new Map<number, string>();
    let text = '';
    let count = 0;
    for (const event of whole.events) {
      if (event.event !== 'tokens') continue;
      count += event.tokens.length;
      text += event.text;
      pieces.set(count, text);
    }
    for (let cut = 1; cut < whole.tokens.length; cut += 1) {
      const sent = whole.tokens.slice(0, cut);
      const rest = await ask(
        engine,
        resumed([...whole.prompt, ...sent], cut, { outputTokensMax: 64 - cut }),
      );
      assert.deepEqual([...sent, ...rest.tokens], whole.tokens, `ids after ${cut}`);
      assert.ok(whole.text.endsWith(rest.text), `text after ${cut}`);
      const before = pieces.get(cut);
      if (before !== undefined) assert.equal(before + rest.text, whole.text);
    }
  });

  it('ends before a stop text and shows none of it, resumed or not', async () => {
    const request = { stop: ['big, red', 'never'] };
    const stopped = await ask(engine, testRequest(request));
    assert.equal(stopped.reason, 'stop-text');
    assert.equal(stopped.text, knownAnswer.slice(0, knownAnswer.indexOf('big, red')));
    for (const cut of [1, stopped.tokens.length - 2, stopped.tokens.length - 1]) {
      const ids = [...stopped.prompt, ...stopped.tokens.slice(0, cut)];
      const rest = await ask(engine, resumed(ids, cut, request));
      assert.equal(rest.reason, 'stop-text');
      assert.ok(stopped.text.endsWith(rest.text));
    }
    const ids = [...stopped.prompt, ...stopped.tokens];
    const over = await ask(engine, resumed(ids, stopped.tokens.length, request));
    assert.deepEqual([over.reason, over.text], ['stop-text', '']);
  });

  it('keeps an answer to a JSON Schema, and goes on with it', async () => {
    const request = {
      jsonSchema: {
        type: 'object',
        properties: { name: { type: 'string', maxLength: 8 }, age: { type: 'integer' } },
        required: ['name', 'age'],
      },
      outputTokensMax: 100,
    };
    const whole = await ask(engine, testRequest(request));
    assert.equal(whole.reason, 'stop', whole.message);
    const value = JSON.parse(whole.text) as { name: unknown; age: unknown };
    assert.equal(typeof value.name, 'string');
    assert.ok(Number.isInteger(value.age));
    for (let cut = 1; cut <= whole.tokens.length; cut += 1) {
      const ids = [...whole.prompt, ...whole.tokens.slice(0, cut)];
      const rest = await ask(engine, resumed(ids, cut, request));
      assert.equal(rest.reason, 'stop', rest.message);
      assert.ok(whole.text.endsWith(rest.text), `after ${cut}`);
      assert.deepEqual([...whole.tokens.slice(0, cut), ...rest.tokens], whole.tokens);
    }
    const strange = await ask(engine, resumed(whole.prompt, 3, request));
    assert.equal(strange.reason, 'SLV_ENGINE_CANNOT');
    const refused = await ask(
      engine,
      testRequest({ jsonSchema: { pattern: 'a', type: 'string' } }),
    );
    assert.equal(refused.reason, 'SLV_ENGINE_CANNOT');
    assert.match(refused.message, /pattern/);
  });

  it('keeps the state of a common prefix', async () => {
    const text = (end: string) => ({
      prompt: { kind: 'text' as const, text: `Once upon a time there was a ${end}`, special: true },
      outputTokensMax: 4,
    });
    await ask(engine, testRequest(text('big dog')));
    const other = await ask(engine, testRequest(text('small cat')));
    const cached = other.timings?.cachedTokens ?? 0;
    assert.ok(cached >= 8 && cached < other.prompt.length, `${cached} of ${other.prompt.length}`);
    const same = await ask(engine, testRequest(text('small cat')));
    assert.equal(same.timings?.cachedTokens, same.prompt.length - 1);
    assert.deepEqual(same.tokens, other.tokens);
  });

  it('refuses what does not fit, and fills the context to its last token', async () => {
    const tokens = Array.from({ length: 128 }, () => 403);
    const refused = await ask(engine, resumed(tokens, 0, {}));
    assert.equal(refused.reason, 'SLV_PROMPT_TOO_LONG');
    assert.match(refused.message, /128.*128/);
    const full = await ask(
      engine,
      resumed([1, ...tokens.slice(0, 119)], 0, { outputTokensMax: 5_000, ignoreEnd: true }),
    );
    assert.deepEqual([full.reason, full.tokens.length], ['length', 8]);
    const unknown = await ask(engine, resumed([1, 512], 0, {}));
    assert.equal(unknown.reason, 'SLV_REQUEST');
  });

  it('draws by its seed, and ends at the end', async () => {
    const drawn = { temperature: 1.2, topP: 0.95, topK: 40, minP: 0.02, outputTokensMax: 30 };
    const one = await ask(engine, testRequest({ ...drawn, seed: 7 }));
    assert.deepEqual((await ask(engine, testRequest({ ...drawn, seed: 7 }))).tokens, one.tokens);
    const others = [8, null, null].map((seed) => ({ ...drawn, seed }));
    for (const other of others) {
      assert.notDeepEqual((await ask(engine, testRequest(other))).tokens, one.tokens);
    }
    // The 260K model is sure to end after its start token; told not to, it goes on.
    const empty = { kind: 'tokens' as const, tokens: [1, 2], sentCount: 1 };
    const over = await ask(engine, testRequest({ prompt: empty }));
    assert.deepEqual([over.reason, over.tokens], ['stop', []]);
    const on = await ask(engine, testRequest({ prompt: empty, ignoreEnd: true }));
    assert.deepEqual([on.reason, on.tokens.length], ['length', 64]);
  });
});

describe('binding with a long context', { skip }, () => {
  it('is cancelled between tokens, and while it reads', async () => {
    const engine = bindingKind.create(testSpec({ contextTokens: 4_096 }));
    await engine.start(() => undefined);
    const long = testRequest({ outputTokensMax: 4_000, ignoreEnd: true });
    const cancel = new AbortController();
    const answer = await readAnswer(engine.complete(long, cancel.signal), (event) => {
      if (event.event === 'tokens') cancel.abort();
    });
    assert.equal(answer.reason, 'cancelled');
    assert.ok(answer.tokens.length < 3_900, `${answer.tokens.length} tokens`);
    assert.equal(answer.timings?.outputTokens, answer.tokens.length);

    const early = new AbortController();
    early.abort();
    const reading = resumed(
      Array.from({ length: 3_000 }, () => 403),
      0,
      {},
    );
    const none = await readAnswer(engine.complete(reading, early.signal));
    assert.deepEqual([none.reason, none.tokens], ['cancelled', []]);
    assert.equal((await ask(engine, testRequest())).text, knownAnswer);
    await engine.stop();
  });

  it('answers several at once as it answers each alone', async () => {
    const modelPath = testSpec().modelPath.replace('f32', 'q8_0');
    const engine = bindingKind.create(testSpec({ modelPath, parallel: 2 }));
    await engine.start(() => undefined);
    const story = testRequest();
    const other = testRequest({ prompt: { kind: 'text', text: 'Tom had a', special: true } });
    const alone = [await ask(engine, story), await ask(engine, other)];
    const [first, second, third] = await Promise.all(
      [story, other, story].map((request) => ask(engine, request)),
    );
    assert.deepEqual(
      [first?.text, second?.text],
      alone.map(({ text }) => text),
    );
    assert.equal(third?.text, alone[0]?.text);
    await engine.stop();
  });
});
