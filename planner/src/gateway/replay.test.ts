import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { answerWords, fakeCluster, type Plan } from './fake-ports.ts';
import { type FakeGateway, readStream, serveFake } from './serve-fake.ts';

let gateway: FakeGateway;
before(async () => {
  gateway = await serveFake();
});
beforeEach(() => {
  const { plans, calls, jobs, reports, phases } = gateway.cluster;
  for (const list of [plans, calls, jobs, reports, phases]) list.length = 0;
});
after(() => gateway.stop());

const whole = Array.from({ length: answerWords }, (_, index) => ` w${index}`).join('');
const request = { model: 'words', prompt: 'one two three', temperature: 0 };
const jsonRequest = {
  ...request,
  response_format: {
    type: 'json_schema',
    json_schema: { name: 'a', schema: { type: 'object', properties: { a: { type: 'string' } } } },
  },
};

interface Body {
  choices: { text: string; finish_reason: string }[];
  usage: { prompt_tokens: number; completion_tokens: number };
  salvage: {
    replays: number;
    energy: object | null;
    energy_null_because: string | null;
    notice: string;
    cpu_seconds: number | null;
  };
}

async function ask(plans: Plan[], body: object = request): Promise<Response> {
  gateway.cluster.plans.push(...plans);
  return await gateway.post('/v1/completions', body);
}

describe('an answer whose engine breaks', () => {
  it('is the undisturbed one, wherever and however it breaks, streamed or not', async () => {
    const ways = ['error', 'close', 'throw', 'cancelled'] as const;
    for (let count = 0; count <= answerWords; count += 1) {
      const how = ways[count % ways.length] ?? 'error';
      const body = (await (await ask([{ breakAfter: count, how }])).json()) as Body;
      assert.equal(body.choices[0]?.text, whole, `${how} after ${count}`);
      assert.deepEqual(body.usage.completion_tokens, answerWords);
      assert.equal(body.usage.prompt_tokens, 3);
      assert.equal(body.salvage.replays, 1);
      const streamed = await ask([{ breakAfter: count, how }], { ...request, stream: true });
      const read = await readStream(streamed);
      assert.equal(read.text, whole, `${how} after ${count}, streamed`);
      assert(read.done);
    }
    const { calls, reports, jobs } = gateway.cluster;
    assert.equal(reports.length, 2 * (answerWords + 1));
    assert.deepEqual(new Set(jobs.map((job) => job.phase)), new Set(['done']));
    const replayed = calls.filter((call) => call.prompt.kind === 'tokens').at(-1);
    assert(replayed?.prompt.kind === 'tokens');
    assert.equal(replayed.prompt.tokens.length, 3 + replayed.prompt.sentCount);
    assert.equal(replayed.prompt.sentCount, answerWords);
  });

  it('keeps to max_tokens over all its parts, and needs no engine for the last of none', async () => {
    const plans = [{ breakAfter: 4 }, { breakAfter: 3 }];
    const body = (await (await ask(plans, { ...request, max_tokens: 10 })).json()) as Body;
    assert.equal(body.usage.completion_tokens, 10);
    assert.equal(body.choices[0]?.finish_reason, 'length');
    assert.equal(gateway.cluster.calls.at(-1)?.outputTokensMax, 3);
    const full = await ask([{ breakAfter: 10 }], { ...request, max_tokens: 10 });
    assert.equal(((await full.json()) as Body).choices[0]?.finish_reason, 'length');
  });

  it('has joules only if all its parts have them', async () => {
    const lost = (await (await ask([{ breakAfter: 2 }])).json()) as Body;
    assert.equal(lost.salvage.energy, null);
    assert.equal(lost.salvage.cpu_seconds, null);
    assert.match(lost.salvage.energy_null_because ?? '', /gave no account/);
    assert.match(lost.salvage.notice, /only tells stories; an engine was lost/);
    const moved = (await (await ask([{ breakAfter: 2, how: 'cancelled' }])).json()) as Body;
    assert.deepEqual(moved.salvage.energy_null_because, null);
    assert.equal(moved.salvage.cpu_seconds, 1);
    assert.equal((moved.salvage.energy as { joules: number }).joules, 4);
  });

  it('is given up after three replays: a status before the first token, an event after', async () => {
    const dead: Plan = { breakAfter: 0 };
    const response = await ask([dead, dead, dead, dead]);
    assert.equal(response.status, 503);
    assert(Number(response.headers.get('retry-after')) > 0);
    assert.equal(gateway.cluster.calls.length, 4);
    const some: Plan = { breakAfter: 1 };
    const read = await readStream(
      await ask([some, some, some, some], { ...request, stream: true }),
    );
    assert.equal(read.text, ' w0 w1 w2 w3');
    assert(!read.done);
    assert.match(JSON.stringify(read.payloads.at(-1)), /"code":"SLV_ENGINE_EXITED"/);
    assert.deepEqual(
      gateway.cluster.jobs.map((job) => [job.phase, job.replays]),
      [
        ['failed', 3],
        ['failed', 3],
      ],
    );
  });

  it('is taken up when the engine falls silent, before the prompt or within the answer', async () => {
    const watched = await serveFake({ limits: { watchdogMilliseconds: 300 } });
    for (const plan of [{ noPrompt: true }, { breakAfter: 0 }, { breakAfter: 7 }]) {
      watched.cluster.plans.push({ ...plan, how: 'silent' });
      const body = (await (await watched.post('/v1/completions', request)).json()) as Body;
      assert.equal(body.choices[0]?.text, whole);
    }
    // A busy machine may let the watchdog bite once more; the answers are whole all the same.
    assert(watched.cluster.reports.length >= 3);
    assert.match(watched.cluster.reports[0]?.problem ?? '', /said nothing/);
    assert.equal(watched.cluster.open, 0);
    await watched.stop();
  });

  it('is not asked for again when the request is at fault, nor is the engine reported', async () => {
    for (const code of ['SLV_PROMPT_TOO_LONG', 'SLV_ENGINE_CANNOT', 'SLV_REQUEST']) {
      const response = await ask([{ noPrompt: true, code }]);
      assert.equal(response.status, 400);
      assert.equal(((await response.json()) as { error: { code: string } }).error.code, code);
    }
    assert.deepEqual([gateway.cluster.calls.length, gateway.cluster.reports.length], [3, 0]);
  });

  it('ends with SLV_NODE_LOST when nothing else can go on', async () => {
    const cluster = fakeCluster();
    const other = await serveFake({}, cluster);
    cluster.plans.push({ breakAfter: 2 });
    cluster.engines.report = () => {
      cluster.ready = false;
    };
    const response = await other.post('/v1/completions', request);
    assert.equal(response.status, 503);
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    assert.equal(error.code, 'SLV_NODE_LOST');
    assert.match(error.message, /no node can run it/);
    await other.stop();
  });
});

describe('a JSON answer whose engine breaks', () => {
  const json = '{"a":"ü text"}';

  it('begins again while its client has seen nothing', async () => {
    const body = (await (await ask([{ breakAfter: 2 }], jsonRequest)).json()) as Body;
    assert.equal(body.choices[0]?.text, json);
    assert.deepEqual(gateway.cluster.calls[1]?.prompt, {
      kind: 'tokens',
      tokens: [3, 3, 5],
      sentCount: 0,
    });
    const streamed = await ask([{ breakAfter: 0 }], { ...jsonRequest, stream: true });
    assert.equal((await readStream(streamed)).text, json);
  });

  it('ends with an error once its client has seen some', async () => {
    const streamed = await ask([{ breakAfter: 1 }], { ...jsonRequest, stream: true });
    const read = await readStream(streamed);
    assert.equal(read.text, '{"a');
    assert.match(JSON.stringify(read.payloads.at(-1)), /"error":.*cannot go on elsewhere/);
    assert.equal(gateway.cluster.calls.length, 1);
  });
});
