// Shared by the tests that run the real binding on the test models.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CompletionEvent, CompletionRequest, Timings } from '@salvage/contract';
import { realClock, silentLog } from '@salvage/kit';
import type { Engine, EngineSpec } from '../engine.ts';
import { createBindingKind } from './kind.ts';

export const modelsFolder = process.env['SALVAGE_TEST_MODELS'];
export const skip =
  modelsFolder === undefined ? 'SALVAGE_TEST_MODELS names no folder of models' : false;
export const testEntry = fileURLToPath(new URL('test-entry.ts', import.meta.url));

export const bindingKind = createBindingKind({
  entry: testEntry,
  argv: ['engine-binding'],
  execArgv: ['--import', 'tsx'],
  clock: realClock,
  log: silentLog,
});

export function testSpec(change: Partial<EngineSpec> = {}): EngineSpec {
  return {
    engineId: 'engine-1',
    engine: 'binding',
    modelId: 'stories260k',
    modelSha256: '0'.repeat(64),
    modelPath: `${modelsFolder}/stories260K-f32.gguf`,
    contextTokens: 128,
    threads: 1,
    parallel: 1,
    ...change,
  };
}

export function testRequest(change: Partial<CompletionRequest> = {}): CompletionRequest {
  return {
    jobId: 'job-00000001',
    prompt: { kind: 'text', text: 'Once upon a time', special: true },
    outputTokensMax: 64,
    temperature: 0,
    topP: 1,
    topK: 0,
    minP: 0,
    seed: null,
    stop: [],
    jsonSchema: null,
    ignoreEnd: false,
    ...change,
  };
}

/** A request that goes on from ids, the last `sentCount` of them already sent. */
export function resumed(
  tokens: number[],
  sentCount: number,
  change: Partial<CompletionRequest>,
): CompletionRequest {
  return testRequest({ prompt: { kind: 'tokens', tokens, sentCount }, ...change });
}

export interface Answer {
  prompt: number[];
  tokens: number[];
  text: string;
  /** The end's reason, or the error's code. */
  reason: string;
  message: string;
  timings: Timings | null;
  events: CompletionEvent[];
}

/** All of an answer; `onEvent` may abort or kill something meanwhile. */
export async function readAnswer(
  events: AsyncIterable<CompletionEvent>,
  onEvent: (event: CompletionEvent) => void = () => undefined,
): Promise<Answer> {
  const answer: Answer = {
    prompt: [],
    tokens: [],
    text: '',
    reason: '',
    message: '',
    timings: null,
    events: [],
  };
  for await (const event of events) {
    onEvent(event);
    answer.events.push(event);
    if (event.event === 'prompt') answer.prompt = event.tokens;
    if (event.event === 'tokens') {
      answer.tokens.push(...event.tokens);
      answer.text += event.text;
    }
    if (event.event === 'end') [answer.reason, answer.timings] = [event.reason, event.timings];
    if (event.event === 'error') [answer.reason, answer.message] = [event.code, event.message];
  }
  return answer;
}

export function ask(engine: Engine, request: CompletionRequest): Promise<Answer> {
  return readAnswer(engine.complete(request, new AbortController().signal));
}

/** Polls until `condition` holds; fails after ten seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ten seconds: ${what}`);
    await realClock.sleep(10);
  }
}

/** True while the process is there and not a zombie that nobody has waited for. */
export function isRunning(pid: number): boolean {
  const stat = statOf(String(pid));
  return stat !== null && stat.state !== 'Z';
}

/** Engines that this process has forked. */
export function enginePids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && statOf(name)?.parent === process.pid)
    .filter((name) => readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('engine-binding'))
    .map(Number);
}

function statOf(pid: string): { state: string; parent: number } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state = '', parent = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return null; // it has ended
  }
}
