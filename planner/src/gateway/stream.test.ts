import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SalvageError } from '@salvage/kit';
import type { GatewayLimits } from './limits.ts';
import { eventually, type FakeGateway, readStream, serveFake } from './serve-fake.ts';

const plain = { model: 'words', prompt: 'one two three' };
const streamed = { ...plain, stream: true };

/** A promise that the test resolves. */
function latch(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

async function withGateway(
  limits: Partial<GatewayLimits>,
  act: (gateway: FakeGateway) => Promise<void>,
): Promise<void> {
  const gateway = await serveFake({ limits });
  try {
    await act(gateway);
  } finally {
    await gateway.stop();
  }
}

describe('a stream that waits for an engine', () => {
  const quick = { headersMillisecondsMax: 10, keepAliveMilliseconds: 10 };

  it('is kept alive by comments while the model is placed', async () => {
    await withGateway(quick, async ({ cluster, post }) => {
      const { opened, open } = latch();
      cluster.ready = false;
      cluster.onAcquire = async () => {
        await opened;
        cluster.ready = true;
      };
      const response = await post('/v1/completions', streamed);
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('x-salvage-expected-seconds'), null);
      const reader = response.body!.getReader();
      const decoder = new TextDecoder();
      let text = '';
      while (text.split(': keep-alive').length < 4) {
        text += decoder.decode((await reader.read()).value);
      }
      assert.equal(text.replaceAll(': keep-alive\n\n', ''), '');
      open();
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        text += decoder.decode(next.value, { stream: true });
      }
      const { text: answer, done } = await readStream(new Response(text));
      assert.match(answer, /^ w0 w1 .* w47$/);
      assert(done);
      assert.deepEqual(cluster.phases, ['queued', 'placing', 'running', 'done']);
    });
  });

  it('tells in the stream what fails after its headers, as a status what fails before', async () => {
    await withGateway(quick, async ({ cluster, post }) => {
      const { opened, open } = latch();
      cluster.ready = false;
      cluster.onAcquire = () => opened;
      const response = await post('/v1/completions', streamed);
      open();
      const { payloads, done } = await readStream(response);
      assert.match(JSON.stringify(payloads), /"code":"SLV_NO_PLACE"/);
      assert(!done);
      for (const body of [plain, streamed]) {
        const refused = await post('/v1/completions', body);
        assert.equal(refused.status, 503);
        assert(Number(refused.headers.get('retry-after')) >= 1);
        assert.equal(refused.headers.get('x-should-retry'), 'false');
      }
      assert.deepEqual(
        cluster.jobs.map((job) => job.phase),
        ['failed', 'failed', 'failed'],
      );
    });
  });

  it('is a 504 when loading takes too long, or the job', async () => {
    await withGateway({ jobMillisecondsMax: 30 }, async ({ cluster, post }) => {
      cluster.onAcquire = () => Promise.reject(new SalvageError('SLV_TIMEOUT', 'still loading'));
      assert.equal((await post('/v1/completions', plain)).status, 504);
      cluster.onAcquire = () => latch().opened;
      assert.equal((await post('/v1/completions', plain)).status, 504);
      assert.match(cluster.jobs[1]?.problem ?? '', /took too long/);
    });
  });
});

describe('a client that leaves', () => {
  it('ends its job at once, wherever that is', async () => {
    await withGateway({ headersMillisecondsMax: 10 }, async ({ cluster, post }) => {
      const stages: [string, () => void, object][] = [
        ['placing', () => (cluster.onAcquire = () => latch().opened), plain],
        ['placing, streamed', () => (cluster.onAcquire = () => latch().opened), streamed],
        ['silent', () => cluster.plans.push({ breakAfter: 3, how: 'silent' }), plain],
        ['silent, streamed', () => cluster.plans.push({ breakAfter: 3, how: 'silent' }), streamed],
      ];
      for (const [name, arrange, body] of stages) {
        const before = cluster.phases.length;
        cluster.onAcquire = async () => undefined;
        arrange();
        const leaving = new AbortController();
        const answer = post('/v1/completions', body, { signal: leaving.signal });
        const read = answer.then((response) => response.text());
        await eventually(() => cluster.phases.length >= before + 1, `${name} begins`);
        if (name.startsWith('silent')) await eventually(() => cluster.open === 1, name);
        leaving.abort();
        await assert.rejects(read, { name: 'AbortError' });
        await eventually(() => cluster.jobs.length > 0, `${name} is recorded`);
        assert.equal(cluster.jobs.pop()?.phase, 'cancelled', name);
        await eventually(() => cluster.open === 0, `${name} closes the engine's answer`);
      }
      assert.equal(cluster.aborted, 2);
      assert.equal(cluster.reports.length, 0);
      assert.equal((await post('/v1/completions', { ...plain, max_tokens: 1 })).status, 200);
    });
  });

  it('is given up when it takes nothing of its stream', async () => {
    await withGateway({ stallMillisecondsMax: 30 }, async ({ cluster, post }) => {
      const long = { ...streamed, prompt: 'x' };
      const endless = 2_000_000;
      cluster.engine.complete = async function* (_request, signal) {
        yield { event: 'prompt', tokens: [1] };
        for (let count = 0; count < endless && !signal.aborted; count += 1) {
          yield { event: 'tokens', tokens: [count], text: 'x'.repeat(100_000) };
        }
      };
      const response = await post('/v1/completions', long);
      await eventually(() => cluster.jobs.length === 1, 'the job ends');
      assert.equal(cluster.jobs[0]?.phase, 'cancelled');
      await response.body?.cancel();
    });
  });
});

describe('the line before the engine', () => {
  it('runs as many at once as the engine takes, and refuses what is too much', async () => {
    const limits = { waitingMax: 3, waitingPerClientMax: 2 };
    await withGateway(limits, async ({ cluster, post }) => {
      const { opened, open } = latch();
      cluster.plans.push({ gate: opened }, { gate: opened });
      const running = [post('/v1/completions', plain), post('/v1/completions', plain)];
      await eventually(() => cluster.open === 2, 'two run');
      const waiting = [post('/v1/completions', plain), post('/v1/completions', plain)];
      await eventually(() => cluster.phases.filter((p) => p === 'queued').length === 4, 'two wait');
      const refused = await post('/v1/completions', plain);
      assert.equal(refused.status, 503);
      assert(Number(refused.headers.get('retry-after')) >= 1);
      assert.match(await refused.text(), /SLV_QUEUE_FULL/);
      const headers = { authorization: 'Bearer other-key' };
      const other = post('/v1/completions', plain, { headers });
      await eventually(
        () => cluster.phases.filter((p) => p === 'queued').length === 5,
        'ben waits',
      );
      const total = await post('/v1/completions', plain, { headers });
      assert.match(await total.text(), /the queue is full/);
      open();
      for (const each of [...running, ...waiting, other]) assert.equal((await each).status, 200);
      assert.equal(cluster.openMax, 2);
    });
  });

  it('quotes, and refuses a deadline that cannot be met before any work', async () => {
    await withGateway({}, async ({ cluster, post }) => {
      const deadline = (seconds: string) => ({
        headers: { 'x-salvage-deadline-seconds': seconds },
      });
      // 10 tokens a second are predicted: 40 tokens and a short prompt are about 4 s.
      const body = { ...plain, max_tokens: 40 };
      const met = await post('/v1/completions', body, deadline('60'));
      assert.equal(met.status, 200);
      const quoted = Number(met.headers.get('x-salvage-expected-seconds'));
      assert(quoted >= 4 && quoted < 5, `${quoted} s`);
      const late = await post('/v1/completions', body, deadline('2'));
      assert.equal(late.status, 503);
      assert(Number(late.headers.get('retry-after')) >= 1);
      assert.match(await late.text(), /SLV_DEADLINE/);
      assert.equal((await post('/v1/completions', body, deadline('soon'))).status, 400);
      assert.equal(cluster.calls.length, 1);
    });
  });
});
