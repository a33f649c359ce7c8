// Tokens per second through the gateway ÷ the engine driven directly, in pairs, one after the
// other, on one model and as many threads: what broker, planner, TLS and HTTP cost.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startCluster } from '../../test/lib/running-cluster.ts';
import { median, type Row } from './rows.ts';

interface Measured {
  firstMilliseconds: number;
  tokensPerSecond: number;
}

/** No two alike, so that no memory of one helps another. */
const promptOf = (salt: number): string => `${salt}. Once there was an old laptop in a drawer`;
const tokensMax = 200;

/** `threads`: of both engines; one leaves a core to everything else on this machine. */
export async function gatewayRatio(
  modelPath: string,
  pairs: number,
  threads: number,
): Promise<Row[]> {
  const cluster = await startCluster({
    args: ['--model', modelPath, '--raw', '--tokens-max', '4'],
    environment: { SALVAGE_THREADS: String(threads) },
  });
  const model = (await cluster.operator.models())[0]?.modelId ?? '';
  const engine = (await cluster.operator.status()).nodes[0]?.engines[0];
  if (engine === undefined) throw new Error('no engine runs');
  const direct = await openDirect(modelPath, engine.threads, engine.contextTokens);
  const speeds: number[] = [];
  const firsts: number[] = [];
  try {
    for (let pair = 0; pair <= pairs; pair += 1) {
      const one = await direct.ask(promptOf(2 * pair));
      const other = await throughGateway(cluster.gatewayUrl, model, promptOf(2 * pair + 1));
      if (pair === 0) continue; // both have read the weights once now
      speeds.push(other.tokensPerSecond / one.tokensPerSecond);
      firsts.push(other.firstMilliseconds - one.firstMilliseconds);
    }
  } finally {
    direct.child.kill();
    await cluster.stop();
  }
  return [
    {
      what: `tokens/s, gateway ÷ engine directly, ${engine.threads} threads`,
      value: median(speeds),
      spread: [Math.min(...speeds), Math.max(...speeds)],
      unit: '',
      aim: '>= 0.97',
    },
    {
      what: 'first token, what the gateway adds',
      value: median(firsts),
      spread: [Math.min(...firsts), Math.max(...firsts)],
      unit: 'ms',
      aim: '',
    },
  ];
}

async function openDirect(
  modelPath: string,
  threads: number,
  contextTokens: number,
): Promise<{ ask(prompt: string): Promise<Measured>; child: ChildProcess }> {
  const module = fileURLToPath(new URL('direct.ts', import.meta.url));
  const args = ['--import', 'tsx', module, modelPath, String(threads), String(contextTokens)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    child,
    ask: async (prompt) => {
      child.stdin.write(`${JSON.stringify({ prompt, tokensMax })}\n`);
      return JSON.parse((await lines.next()).value) as Measured;
    },
  };
}

async function throughGateway(
  gatewayUrl: string,
  model: string,
  prompt: string,
): Promise<Measured> {
  const startedAt = performance.now();
  const response = await fetch(`${gatewayUrl}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, prompt, max_tokens: tokensMax, temperature: 0, stream: true }),
  });
  if (!response.ok || response.body === null) throw new Error(await response.text());
  const decoder = new TextDecoder();
  let firstAt = 0;
  let text = '';
  for await (const bytes of response.body) {
    text += decoder.decode(bytes as Uint8Array, { stream: true });
    if (firstAt === 0 && /"text":"[^"]/.test(text)) firstAt = performance.now();
  }
  const endedAt = performance.now();
  const tokens = Number(/"output_tokens":(\d+)/.exec(text)?.[1] ?? tokensMax);
  return {
    firstMilliseconds: firstAt - startedAt,
    tokensPerSecond: (tokens - 1) / ((endedAt - firstAt) / 1000),
  };
}
