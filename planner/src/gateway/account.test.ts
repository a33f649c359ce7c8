import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Part, sumEnergy, sumTimings } from './account.ts';
import { renderChat } from './chat-template.ts';
import { fakeCard, fakeEnergy, fakeTemplate } from './fake-ports.ts';
import { nextRequest } from './replay.ts';
import { energyHeader, salvageBlock } from './salvage-block.ts';

const timings = {
  promptTokens: 10,
  cachedTokens: 2,
  promptMilliseconds: 100,
  outputTokens: 5,
  outputMilliseconds: 500,
  cpuSeconds: 1.5,
};
const part: Part = { nodeId: 'node-a', timings, energy: fakeEnergy };
const end = {
  jobId: 'job-aaaaaaaa',
  nodeId: 'node-a',
  reason: 'stop' as const,
  promptTokens: 10,
  outputTokens: 5,
  timings,
  energy: fakeEnergy,
  energyNullBecause: null,
  replays: 0,
  notice: null,
};

describe('the account of an answer', () => {
  it('sums parts that were metered alike, with the worst quality and a weighted error', () => {
    const other: Part = {
      nodeId: 'node-b',
      timings,
      energy: { ...fakeEnergy, microjoules: 6e6, quality: 'estimated', relativeError: 0.3 },
    };
    const { energy } = sumEnergy([part, other]);
    assert.deepEqual([energy?.microjoules, energy?.quality], [8e6, 'estimated']);
    assert(Math.abs((energy?.relativeError ?? 0) - 0.25) < 1e-9);
    assert.deepEqual(sumTimings([part, other])?.cpuSeconds, 3);
  });

  it('has no joules, and says why, when a part has none or scopes differ', () => {
    const silent: Part = { nodeId: 'node-b', timings: null, energy: null };
    assert.match(sumEnergy([silent, part]).nullBecause ?? '', /a part .* node-b gave no account/);
    assert.equal(sumEnergy([silent, part]).energy, null);
    const unmetered = { ...part, energy: { ...fakeEnergy, microjoules: null } };
    assert.match(sumEnergy([unmetered]).nullBecause ?? '', /no meter is read .* no device profile/);
    const wall: Part = { ...part, energy: { ...fakeEnergy, scope: 'wall' } };
    assert.match(sumEnergy([part, wall]).nullBecause ?? '', /never added/);
    assert.equal(sumTimings([silent]), null);
    assert.equal(sumTimings([silent, part])?.cpuSeconds, null);
  });

  it('shows an estimate with its interval and mark', () => {
    const energy = { ...fakeEnergy, quality: 'estimated' as const, relativeError: 0.5 };
    const block = salvageBlock({ ...end, energy });
    assert.deepEqual(
      [
        block.energy?.joules,
        block.energy?.joules_low,
        block.energy?.joules_high,
        block.energy?.mark,
      ],
      [2, 1, 3, 'E'],
    );
    assert.equal(block.timings?.tokens_per_second, 10);
    assert.match(energyHeader(block) ?? '', /^joules=2;low=1;high=3;method=counter;.*mark=E$/);
    const none = salvageBlock({ ...end, energy: { ...energy, microjoules: null } });
    assert.deepEqual([none.energy, energyHeader(none)], [null, null]);
  });
});

describe('a replayed request', () => {
  const settings = {
    outputTokensMax: 3,
    temperature: 0,
    topP: 1,
    topK: 40,
    minP: 0,
    seed: null,
    stop: [],
    jsonSchema: null,
    ignoreEnd: false,
  };
  const prompt = { text: 'a', special: true };

  it('goes on with prompt and answer as ids and as many tokens less', () => {
    const transcript = { promptTokens: [1, 2], sentTokens: [3, 4] };
    const next = nextRequest('job-aaaaaaaa', prompt, settings, transcript);
    assert.deepEqual(next?.prompt, { kind: 'tokens', tokens: [1, 2, 3, 4], sentCount: 2 });
    assert.equal(next?.outputTokensMax, 1);
    transcript.sentTokens.push(5);
    assert.equal(nextRequest('job-aaaaaaaa', prompt, settings, transcript), null);
  });
});

describe('a chat’s text', () => {
  it('comes from the model’s own template, with the assistant’s turn opened', () => {
    const text = renderChat(fakeCard('words', fakeTemplate), [
      { role: 'system', content: 'Be short.' },
      { role: 'user', content: 'Hello' },
    ]);
    assert.equal(text, '<s>[system] Be short.\n[user] Hello\n[assistant] ');
  });

  it('tells the date, and leaves alone what it does not know', () => {
    const card = fakeCard('dated', "{{ strftime_now('%Y-%m-%d %Q') }}");
    assert.match(renderChat(card, []), /^\d{4}-\d\d-\d\d %Q$/);
  });

  it('is a refusal where there is no template, or where it refuses', () => {
    const user = { role: 'user' as const, content: 'Hello' };
    const assistant = { role: 'assistant' as const, content: 'Hello' };
    const refused = (card: ReturnType<typeof fakeCard>, pattern: RegExp): void =>
      assert.throws(
        () => renderChat(card, [assistant, user]),
        (error: Error & { code?: string }) =>
          error.code === 'SLV_TEMPLATE' && pattern.test(error.message),
      );
    refused(fakeCard('plain', null), /no chat template/);
    refused(fakeCard('strict', fakeTemplate), /the first turn is the user’s/);
    refused(fakeCard('broken', '{% for %}'), /chat template of broken/);
  });
});
