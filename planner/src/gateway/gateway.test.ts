import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import { after, before, beforeEach, describe, it } from 'node:test';
import { openaiScenarios } from '../../../test/lib/openai-scenarios.ts';
import { type FakeGateway, serveFake } from './serve-fake.ts';
import { serveGateway } from './server.ts';

let gateway: FakeGateway;
before(async () => {
  gateway = await serveFake();
});
beforeEach(() => {
  gateway.cluster.calls.length = 0;
  gateway.cluster.jobs.length = 0;
});
after(() => gateway.stop());

describe('the official client', () => {
  for (const scenario of openaiScenarios) {
    it(scenario.name, async () => {
      await scenario.run({
        baseUrl: `${gateway.url}/v1`,
        apiKey: 'good-key',
        model: 'words',
        chatModel: 'words',
      });
    });
  }
});

interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string };
}

/** Status and error of a POST of `body`. */
async function refusal(path: string, body: unknown, init: RequestInit = {}) {
  const response = await gateway.post(path, body, init);
  return { status: response.status, ...((await response.json()) as ErrorBody).error };
}

describe('translation', () => {
  const chat = { model: 'words', messages: [{ role: 'user', content: 'Hi' }] };

  it('renders chats with special tokens recognised, texts without', async () => {
    await gateway.post('/v1/chat/completions', { ...chat, max_tokens: 2, seed: -1, stop: ' w9' });
    await gateway.post('/v1/completions', { model: 'words', prompt: 'a\ud800b', max_tokens: 2 });
    const [first, second] = gateway.cluster.calls;
    assert.deepEqual(first?.prompt, {
      kind: 'text',
      text: '<s>[user] Hi\n[assistant] ',
      special: true,
    });
    assert.deepEqual([first?.seed, first?.stop], [2 ** 32 - 1, [' w9']]);
    assert.deepEqual(second?.prompt, { kind: 'text', text: 'a\ufffdb', special: false });
  });

  it('takes JSON formats, and ignores unknown parameters, saying which known ones it ignores', async () => {
    const response = await gateway.post('/v1/chat/completions', {
      ...chat,
      response_format: { type: 'json_object' },
      frequency_penalty: 0.5,
      presence_penalty: 0,
      tools: [],
      tool_choice: 'none',
      logprobs: false,
      n: 1,
      user: 'anna',
      __proto__: { stream: true },
    });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('x-salvage-ignored'), 'frequency_penalty');
    assert.deepEqual(gateway.cluster.calls[0]?.jsonSchema, {
      type: 'object',
      additionalProperties: true,
    });
  });

  it('refuses by name what no engine here can do', async () => {
    const image = [{ type: 'image_url', image_url: { url: 'data:' } }];
    const cases: [object, string][] = [
      [{ tool_choice: 'auto' }, 'tool_choice'],
      [{ logprobs: true }, 'logprobs'],
      [{ audio: { voice: 'x' } }, 'audio'],
      [{ modalities: ['text', 'audio'] }, 'modalities'],
      [{ n: 2 }, 'n'],
      [{ n: 0 }, 'n'],
      [{ messages: [{ role: 'user', content: image }] }, 'messages[0].content[0]'],
      [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].role'],
      [{ messages: [{ role: 'assistant', tool_calls: [{}] }] }, 'messages[0].tool_calls'],
    ];
    for (const [change, param] of cases) {
      const refused = await refusal('/v1/chat/completions', { ...chat, ...change });
      assert.deepEqual(
        [refused.status, refused.code, refused.param],
        [400, 'SLV_ENGINE_CANNOT', param],
      );
    }
  });

  it('refuses what is wrong, with the parameter', async () => {
    const cases: [object, string][] = [
      [{ messages: [] }, 'messages'],
      [{ messages: [{ role: 'wizard', content: 'x' }] }, 'messages[0].role'],
      [{ messages: [{ role: 'user' }] }, 'messages[0].content'],
      [{ max_tokens: 0 }, 'max_tokens'],
      [{ max_tokens: 1.5 }, 'max_tokens'],
      [{ stop: [''] }, 'stop'],
      [{ top_p: 2 }, 'top_p'],
      [{ response_format: { type: 'json_schema' } }, 'response_format.json_schema'],
      [{ model: 7 }, 'model'],
    ];
    for (const [change, param] of cases) {
      const refused = await refusal('/v1/chat/completions', { ...chat, ...change });
      assert.deepEqual([refused.status, refused.param], [400, param], JSON.stringify(change));
    }
    const ids = await refusal('/v1/completions', { model: 'words', prompt: [1, 2] });
    assert.deepEqual([ids.status, ids.param], [400, 'prompt']);
  });

  it('says that a model without a template only continues texts', async () => {
    const refused = await refusal('/v1/chat/completions', { ...chat, model: 'plain:q8_0' });
    assert.deepEqual([refused.status, refused.code], [400, 'SLV_TEMPLATE']);
    assert.match(refused.message, /v1\/completions/);
    const model = await fetch(`${gateway.url}/v1/models/plain%3Aq8_0`);
    assert.equal(((await model.json()) as { id: string }).id, 'plain:q8_0');
  });

  it('tells names of the object prototype from models', async () => {
    for (const model of ['__proto__', 'constructor', 'toString']) {
      const refused = await refusal('/v1/completions', { model, prompt: 'x' });
      assert.deepEqual([refused.status, refused.code], [404, 'model_not_found']);
    }
  });
});

describe('what an answer says of itself', () => {
  it('is in headers and body when it is not streamed', async () => {
    const response = await gateway.post('/v1/completions', { model: 'words', prompt: 'a' });
    const body = (await response.json()) as { id: string; salvage: Record<string, unknown> };
    const jobId = response.headers.get('x-salvage-job') ?? '';
    assert.match(jobId, /^job-[a-z2-7]{16}$/);
    assert.equal(body.id, `cmpl-${jobId.slice(4)}`);
    assert.equal(response.headers.get('x-salvage-node'), 'node-a');
    assert.match(response.headers.get('x-salvage-energy') ?? '', /^joules=2;low=1.8;high=2.2;/);
    assert.deepEqual(Object.keys(body.salvage).sort(), [
      'cpu_seconds',
      'energy',
      'energy_null_because',
      'job_id',
      'node',
      'notice',
      'replays',
      'timings',
    ]);
    assert.equal(gateway.cluster.jobs[0]?.jobId, jobId);
    assert.deepEqual(gateway.cluster.jobs[0]?.energy?.microjoules, 2_000_000);
  });

  it('has no energy header when it is streamed', async () => {
    const body = { model: 'words', prompt: 'a', stream: true };
    const response = await gateway.post('/v1/completions', body);
    assert.match(await response.text(), /"salvage":\{.*\ndata: \[DONE\]\n\n$/s);
    assert.equal(response.headers.get('x-salvage-energy'), null);
    assert.equal(response.headers.get('x-salvage-node'), 'node-a');
    assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
  });
});

/** GET /v1/models with exactly these headers; resolves with the status. */
async function statusWith(headers: Record<string, string>): Promise<number> {
  const asked = httpRequest({ port: gateway.port, host: '127.0.0.1', path: '/v1/models', headers });
  asked.end();
  const [response] = await once(asked, 'response');
  response.resume();
  return response.statusCode;
}

describe('access', () => {
  it('lets loopback in without a key, under names of this machine only', async () => {
    for (const host of ['localhost', '127.0.0.1:11434', '[::1]:80', 'hub.local', 'HUB.local:1']) {
      assert.equal(await statusWith({ host }), 200, host);
    }
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:80']) {
      assert.equal(await statusWith({ host }), 403, host);
      assert.equal(await statusWith({ host, authorization: 'Bearer good-key' }), 200, host);
    }
    assert.equal(await statusWith({ host: 'localhost', origin: 'http://localhost:3000' }), 200);
    assert.equal(await statusWith({ host: 'localhost', origin: 'https://evil.example' }), 403);
    assert.equal(await statusWith({ host: 'localhost', origin: 'null' }), 403);
  });

  it('asks others, and what a proxy passes on, for a valid key', async () => {
    const bad = await statusWith({ host: 'localhost', authorization: 'Bearer bad' });
    const proxied = await statusWith({ host: 'localhost', 'x-forwarded-for': '10.0.0.9' });
    assert.deepEqual([bad, proxied], [401, 401]);
  });

  it('takes JSON only, at most 4 MB, not nested without end, and sends no CORS headers', async () => {
    const path = '/v1/completions';
    const body = { model: 'words', prompt: 'a', max_tokens: 1 };
    const plain = await refusal(path, body, { headers: { 'content-type': 'text/plain' } });
    assert.equal(plain.status, 415);
    const big = await refusal(path, { ...body, prompt: 'x'.repeat(4 * 1024 * 1024) });
    assert.equal(big.status, 413);
    const raw = (text: string | Uint8Array) => refusal(path, null, { body: text });
    const deep = await raw(`{"a":${'['.repeat(100_000)}`);
    assert.deepEqual([deep.status, /nested/.test(deep.message)], [400, true]);
    assert.match((await raw(new Uint8Array([0x7b, 0xff]))).message, /UTF-8/);
    assert.match((await raw('[]')).message, /not a JSON object/);
    assert.match((await raw('{"prompt": "secret')).message, /^the body is not JSON/);
    const answer = await gateway.post(path, body, { headers: { origin: 'https://evil.example' } });
    assert.equal(answer.headers.get('access-control-allow-origin'), null);
    const preflight = await fetch(`${gateway.url}${path}`, { method: 'OPTIONS' });
    assert.deepEqual(
      [preflight.status, preflight.headers.get('content-type')],
      [404, 'application/json'],
    );
  });

  it('says when its port is taken', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as { port: number };
    const app = { fetch: () => new Response() };
    await assert.rejects(serveGateway(app, { host: '127.0.0.1', port }), {
      code: 'SLV_PORT_TAKEN',
    });
    holder.close();
  });
});
