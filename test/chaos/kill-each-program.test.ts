// kill -9 of each program in turn, at a random moment after the first token of a long answer:
// nothing else dies for good, the client gets an answer, a proper error or (where the killed
// program held its socket) a reset within 30 s, the next request works, and no engine is orphaned.
import { strict as assert } from 'node:assert';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ensureRandomModel } from '../../scripts/random-models.ts';
import { clusterProcesses, isAlive } from '../lib/processes.ts';
import { type RunningCluster, startCluster } from '../lib/running-cluster.ts';
import { until } from '../lib/wait.ts';

const rounds = Number(process.env['SALVAGE_CHAOS_ROUNDS'] ?? 2);
const cacheOfTests = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'salvage');
/** An answer this long leaves room for a kill at any of its first four seconds. */
const answerSeconds = 9;
/** Bounds of such an answer, from a crowded machine to a fast one; the context holds 4096. */
const tokensBounds = { min: 200, max: 3_500 };

interface Outcome {
  kind: 'answer' | 'error' | 'reset';
  text: string;
  tokens: number;
  seconds: number;
  detail: string;
}

/** Streams one long answer and calls `onToken` at each piece. */
async function streamAnswer(
  cluster: RunningCluster,
  model: string,
  tokensMax: number,
  onToken: (count: number) => void,
): Promise<Outcome> {
  const startedAt = Date.now();
  const done = (kind: Outcome['kind'], text: string, tokens: number, detail: string): Outcome => ({
    kind,
    text,
    tokens,
    seconds: (Date.now() - startedAt) / 1000,
    detail,
  });
  let text = '';
  let tokens = 0;
  try {
    const response = await fetch(`${cluster.gatewayUrl}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model,
        prompt: 'Once upon a time',
        max_tokens: tokensMax,
        temperature: 0,
        stream: true,
      }),
    });
    if (!response.ok || response.body === null) {
      return done('error', text, tokens, `${response.status} ${await response.text()}`);
    }
    const decoder = new TextDecoder();
    let rest = '';
    for await (const bytes of response.body) {
      rest += decoder.decode(bytes as Uint8Array, { stream: true });
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines.filter((one) => one.startsWith('data: {'))) {
        const chunk = JSON.parse(line.slice(6));
        if (chunk.error !== undefined) return done('error', text, tokens, chunk.error.message);
        text += chunk.choices?.[0]?.text ?? '';
        if (chunk.salvage !== undefined) tokens = chunk.salvage.timings?.output_tokens ?? 0;
        onToken(text.length);
      }
    }
    return done('answer', text, tokens, '');
  } catch (error) {
    return done('reset', text, tokens, (error as Error).message);
  }
}

describe('kill -9', () => {
  let cluster: RunningCluster;
  let model = '';
  let undisturbed: Outcome;
  let tokensMax = tokensBounds.min;
  before(async () => {
    const slow = await ensureRandomModel('slow', cacheOfTests);
    cluster = await startCluster({ args: ['--model', slow, '--raw', '--tokens-max', '8'] });
    model = (await cluster.operator.models())[0]?.modelId ?? '';
    const first = await streamAnswer(cluster, model, tokensMax, () => undefined);
    assert.equal(first.kind, 'answer', first.detail);
    const wanted = Math.ceil((tokensMax / first.seconds) * answerSeconds);
    tokensMax = Math.min(tokensBounds.max, Math.max(tokensBounds.min, wanted));
    undisturbed = await streamAnswer(cluster, model, tokensMax, () => undefined);
    assert.equal(undisturbed.kind, 'answer', undisturbed.detail);
  });
  after(() => cluster?.stop());

  for (const victim of ['engine', 'agent', 'planner', 'broker'] as const) {
    it(`of the ${victim}, ${rounds} times`, async (t) => {
      for (let round = 0; round < rounds; round += 1) {
        const before = clusterProcesses(cluster.state);
        const pid = {
          engine: before.engines[0] ?? null,
          agent: before.agents[0] ?? null,
          planner: before.planner,
          broker: before.broker,
        }[victim];
        assert.ok(pid !== null, `${victim} runs`);
        let killAt: number | null = null;
        let killed: number | null = null;
        const outcome = await streamAnswer(cluster, model, tokensMax, () => {
          // Any moment of the next four seconds after the first token.
          killAt ??= Date.now() + Math.random() * 4_000;
          if (killed !== null || Date.now() < killAt) return;
          killed = Date.now();
          process.kill(pid, 'SIGKILL');
        });
        assert.ok(killed !== null, 'the answer was long enough to be disturbed');
        const after = (Date.now() - killed) / 1000;
        t.diagnostic(
          `${victim}: ${outcome.kind} ${after.toFixed(1)} s after the kill ${outcome.detail}`,
        );
        if (outcome.kind !== 'answer') assert.ok(after < 30, `${after} s`);
        if (outcome.kind === 'reset') assert.equal(victim, 'planner', outcome.detail);
        if (outcome.kind === 'error') assert.ok(outcome.detail.length > 10, 'says why');
        if (outcome.kind === 'answer') assert.equal(outcome.text, undisturbed.text);

        // The orphan check before the next request: an engine whose agent died must go by itself.
        if (victim === 'agent' || victim === 'engine') {
          const orphan = before.engines.filter((engine) => engine !== pid || victim === 'agent');
          await until('no orphan engine', 10, () => !orphan.some(isAlive) || victim === 'engine');
        }
        await until('all programs to run again', 60, async () => {
          const now = clusterProcesses(cluster.state);
          return now.broker !== null && now.planner !== null && now.agents.length === 1;
        });
        const next = await until('the next request to work', 60, async () => {
          const answer = await streamAnswer(cluster, model, tokensMax, () => undefined);
          return answer.kind === 'answer' ? answer : null;
        });
        assert.equal(next.text, undisturbed.text);
        await until('one engine', 15, () => clusterProcesses(cluster.state).engines.length === 1);
      }
    });
  }
});
