// The gateway's ports without a cluster, for its tests: engines that answer with numbered words,
// and break exactly where a test wants it. What they say depends only on how many tokens of the
// answer exist already, so an undisturbed answer and a replayed one can be compared.
import type { CompletionEvent, CompletionRequest, JobEnergy, Timings } from '@salvage/contract';
import { SalvageError } from '@salvage/kit';
import type { JobRecord } from '../ledger/types.ts';
import type { ModelCard } from '../models/card.ts';
import type { GatewayPorts, ReadyEngine } from './ports.ts';

/** How one call of an engine goes wrong; an empty plan goes well. */
export interface Plan {
  /** Tokens of this call before it breaks; without it the answer is whole. */
  breakAfter?: number;
  how?: 'error' | 'silent' | 'close' | 'throw' | 'cancelled';
  code?: string;
  /** Awaited before the first token. */
  gate?: Promise<void>;
  /** Breaks before the prompt event too. */
  noPrompt?: boolean;
}

export interface FakeCluster extends GatewayPorts {
  /** The plans of the next calls, first one first; calls beyond them go well. */
  plans: Plan[];
  calls: CompletionRequest[];
  jobs: JobRecord[];
  phases: string[];
  reports: { engineId: string; nodeId: string; problem: string }[];
  /** Answers under way now, and the most there ever were. */
  open: number;
  openMax: number;
  aborted: number;
  energy: JobEnergy | null;
  engine: ReadyEngine;
  /** Replaces the engine that is handed out; null: none is ready. */
  ready: boolean;
  onAcquire: (signal: AbortSignal) => Promise<void>;
}

export const answerWords = 48;
const contextTokens = 4096;

export const fakeEnergy: JobEnergy = {
  microjoules: 2_000_000,
  method: 'counter',
  scope: 'package',
  quality: 'measured',
  relativeError: 0.1,
  source: 'rapl',
};

export function fakeCard(modelId: string, chatTemplate: string | null): ModelCard {
  return {
    modelId,
    name: modelId,
    sha256: '0'.repeat(64),
    bytes: 1_000_000,
    path: `/models/${modelId}.gguf`,
    architecture: 'llama',
    quant: 'Q8_0',
    parameters: 260_000,
    layers: 5,
    width: 64,
    heads: 8,
    headsKv: 4,
    headSizeKey: 8,
    headSizeValue: 8,
    vocabulary: 512,
    experts: 0,
    expertsActive: 0,
    bytesPerToken: 1_000_000,
    contextTokensMax: contextTokens,
    chatTemplate,
    startTokenText: '<s>',
    endTokenText: '</s>',
    licence: 'MIT',
    source: 'test',
    notice: 'a demo: it only tells stories',
    addedAt: 1_700_000_000_000,
  };
}

export const fakeTemplate =
  "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' and loop.first %}" +
  "{{ raise_exception('the first turn is the user’s') }}{% endif %}[{{ m.role }}] " +
  '{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}';

export function fakeCluster(): FakeCluster {
  const models = new Map([
    ['words', fakeCard('words', fakeTemplate)],
    ['plain:q8_0', fakeCard('plain:q8_0', null)],
  ]);
  const cluster: FakeCluster = {
    plans: [],
    calls: [],
    jobs: [],
    phases: [],
    reports: [],
    open: 0,
    openMax: 0,
    aborted: 0,
    energy: fakeEnergy,
    ready: true,
    onAcquire: async () => undefined,
    engine: {
      nodeId: 'node-a',
      engineId: 'engine-a',
      contextTokens,
      parallel: 2,
      decodeTokensPerSecond: 10,
      promptTokensPerSecond: 100,
      complete: (request, signal) => complete(cluster, request, signal),
    },
    models: { list: () => [...models.values()], get: (id) => models.get(id) ?? null },
    engines: {
      acquire: async (_modelId, signal) => {
        await cluster.onAcquire(signal);
        if (!cluster.ready) throw new SalvageError('SLV_NO_PLACE', 'no node can run it');
        return cluster.engine;
      },
      current: () => (cluster.ready ? cluster.engine : null),
      report: (engineId, nodeId, problem) => cluster.reports.push({ engineId, nodeId, problem }),
    },
    authenticate: (key, fromLoopback) => {
      if (key === 'good-key') return { name: 'anna' };
      if (key === 'other-key') return { name: 'ben' };
      return key === null && fromLoopback ? { name: 'local' } : null;
    },
    recordJob: (job) => cluster.jobs.push(job),
    onJobPhase: (job) => cluster.phases.push(job.phase),
  };
  return cluster;
}

async function* complete(
  cluster: FakeCluster,
  request: CompletionRequest,
  signal: AbortSignal,
): AsyncGenerator<CompletionEvent> {
  const plan = cluster.plans.shift() ?? {};
  cluster.calls.push(request);
  cluster.open += 1;
  cluster.openMax = Math.max(cluster.openMax, cluster.open);
  try {
    yield* answerOf(cluster, request, plan, signal);
  } finally {
    cluster.open -= 1;
    if (signal.aborted) cluster.aborted += 1;
  }
}

async function* answerOf(
  cluster: FakeCluster,
  request: CompletionRequest,
  plan: Plan,
  signal: AbortSignal,
): AsyncGenerator<CompletionEvent> {
  const { prompt } = request;
  const sent = prompt.kind === 'tokens' ? prompt.sentCount : 0;
  const tokens = prompt.kind === 'tokens' ? prompt.tokens : tokensOf(prompt.text);
  if (plan.noPrompt === true) return yield* broken(cluster, plan, { sent, made: 0 }, signal);
  if (tokens.length > contextTokens) {
    const message = `the prompt has ${tokens.length} tokens, the context ${contextTokens}`;
    return yield { event: 'error', code: 'SLV_PROMPT_TOO_LONG', message };
  }
  yield { event: 'prompt', tokens };
  await plan.gate;
  const whole = wholeAnswer(request);
  let made = 0;
  for (const text of whole.texts.slice(sent)) {
    // Other work of the process gets its turn, as between tokens of a real engine.
    await new Promise((resolve) => setImmediate(resolve));
    if (signal.aborted) return;
    if (made === plan.breakAfter) return yield* broken(cluster, plan, { sent, made }, signal);
    if (made === request.outputTokensMax) {
      return yield ended(cluster, 'length', tokens.length, made);
    }
    yield { event: 'tokens', tokens: [1000 + sent + made], text };
    made += 1;
  }
  if (made === plan.breakAfter) return yield* broken(cluster, plan, { sent, made }, signal);
  const length = made === request.outputTokensMax && whole.reason === 'stop';
  yield ended(cluster, length ? 'length' : whole.reason, tokens.length, made);
}

async function* broken(
  cluster: FakeCluster,
  plan: Plan,
  at: { sent: number; made: number },
  signal: AbortSignal,
): AsyncGenerator<CompletionEvent> {
  if (plan.how === 'close') return;
  if (plan.how === 'throw') throw new Error('socket hang up');
  if (plan.how === 'cancelled') return yield ended(cluster, 'cancelled', 3 + at.sent, at.made);
  if (plan.how !== 'silent') {
    const code = plan.code ?? 'SLV_ENGINE_EXITED';
    return yield { event: 'error', code, message: 'the engine died' };
  }
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

function ended(
  cluster: FakeCluster,
  reason: 'stop' | 'length' | 'stop-text' | 'cancelled',
  promptTokens: number,
  outputTokens: number,
): CompletionEvent {
  const timings: Timings = {
    promptTokens,
    cachedTokens: 0,
    promptMilliseconds: 10,
    outputTokens,
    outputMilliseconds: 100 * outputTokens,
    cpuSeconds: 0.5,
  };
  return { event: 'end', reason, timings, energy: cluster.energy };
}

/** The undisturbed answer, token by token; a stop text is searched in the whole of it. */
function wholeAnswer(request: CompletionRequest): {
  texts: string[];
  reason: 'stop' | 'stop-text';
} {
  const texts =
    request.jsonSchema === null
      ? Array.from({ length: answerWords }, (_, index) => ` w${index}`)
      : (JSON.stringify(sampleOf(request.jsonSchema)).match(/.{1,3}/gs) ?? []);
  const text = texts.join('');
  const ends = request.stop.map((stop) => text.indexOf(stop)).filter((index) => index >= 0);
  if (ends.length === 0) return { texts, reason: 'stop' };
  let left = Math.min(...ends);
  const cut: string[] = [];
  for (const piece of texts) {
    if (left <= 0) break;
    cut.push(piece.slice(0, left));
    left -= piece.length;
  }
  return { texts: cut, reason: 'stop-text' };
}

function tokensOf(text: string): number[] {
  return text.split(/\s+/).map((word) => word.length);
}

/** Some value that a simple schema accepts. */
function sampleOf(schema: Record<string, unknown>): unknown {
  const choices = schema['enum'];
  if (Array.isArray(choices)) return choices[0];
  if (schema['type'] === 'boolean') return true;
  if (schema['type'] === 'integer' || schema['type'] === 'number') return 7;
  if (schema['type'] === 'string') return 'ü text';
  const properties = (schema['properties'] ?? {}) as Record<string, Record<string, unknown>>;
  return Object.fromEntries(Object.entries(properties).map(([name, of]) => [name, sampleOf(of)]));
}
