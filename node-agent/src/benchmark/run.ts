// One benchmark: a random-weight model in memory, the real engine in its child process, a few short
// answers. Each step is begun only while its like still fits into the time, so that the whole runs
// over by one step at most. What it prints is measured; what there was no time for is left out.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Benchmark, Facts } from '@salvage/contract';
import { asFailure, type Clock, type Log, SalvageError } from '@salvage/kit';
import { tensorBytes } from '@salvage/kit/gguf-write';
import {
  type ModelShape,
  shapeOfBytes,
  weightsBytes,
  writeRandomGguf,
} from '@salvage/kit/random-gguf';
import type { Engine, EngineKind, EngineSpec } from '../engine/engine.ts';
import type { CpuTicks, Vitals } from '../facts/vitals.ts';
import { readDiskSpeed } from './disk-speed.ts';
import { findMemoryPlace, makeFolder } from './memory-folder.ts';
import {
  batchSteps,
  bestThreads,
  budgetMilliseconds,
  type Depth,
  freeCores,
  planModel,
  quietShareMax,
  type ThreadPoint,
  threadSteps,
  throttledBetween,
} from './plan.ts';
import { decodeSpeed, promptOf, promptSpeed, type SpeedBounds } from './speeds.ts';

export interface BenchmarkWorld {
  kind: EngineKind;
  release: string;
  facts: Facts;
  readVitals(): Vitals;
  readTicks(): CpuTicks | null;
  /** True refuses to measure while other programs use the machine. */
  wantsQuiet: boolean;
  /** A model on this node's disk to read from, null when there is none yet. */
  diskFile: string | null;
  clock: Clock;
  log: Log;
}

const sequencesMax = 8;
/** Room for a prompt and an answer in each sequence. */
const contextTokens = 512;
const promptTokensMax = 256;
const decodeMilliseconds: Record<Depth, number> = { quick: 500, full: 1_500 };
/** What a full benchmark keeps for batches and disk when it tries thread counts. */
const reserveMilliseconds: Record<Depth, number> = { quick: 0, full: 25_000 };
/** A step may take this many times as long as the longest before it. */
const stepMargin = 1.3;
/** Long enough for twenty ticks of each core. */
const lookMilliseconds = 200;
const disk = { bytesMax: 256 * 1024 * 1024, millisecondsMax: 1_500 };

/**
 * Measures. Rejects with SLV_UNSUPPORTED where no memory file system has room, with the engine's
 * failure, or with SLV_QUEUE_FULL when `signal` says that work came.
 */
export async function runBenchmark(
  depth: Depth,
  world: BenchmarkWorld,
  signal: AbortSignal,
): Promise<Benchmark> {
  const { clock, facts } = world;
  const begin = clock.monotonicMilliseconds();
  const spent = (): number => clock.monotonicMilliseconds() - begin;
  const before = world.readVitals();
  const busyShare = await busyShareNow(world, signal);
  if (depth === 'full' && world.wantsQuiet && (busyShare ?? 0) > quietShareMax) {
    throw new SalvageError('SLV_QUEUE_FULL', 'other programs use this machine', {
      hint: 'it is measured when they are done',
    });
  }
  const coresFree = freeCores(facts.coresPhysical, busyShare);
  const place = await findMemoryPlace();
  const plan =
    place === null
      ? null
      : planModel({
          depth,
          cacheLastLevelBytes: facts.cacheLastLevelBytes,
          memoryAvailableBytes: before.memoryAvailableBytes,
          roomBytes: place.roomBytes,
        });
  if (place === null || plan === null) {
    throw new SalvageError('SLV_UNSUPPORTED', 'no memory file system has room for a benchmark', {
      hint: 'mount a tmpfs on /dev/shm; a card is never used for this',
    });
  }

  const folder = await makeFolder(place);
  try {
    const shape = shapeOfBytes(plan.bytesMax);
    const modelPath = join(folder, 'benchmark.gguf');
    await writeRandomGguf(modelPath, shape, 1);
    const { vocabulary } = shape;
    const session = { depth, world, modelPath, vocabulary, coresFree, signal, spent };
    const speeds = await measureThreads(session);
    const best = bestThreads(speeds.threads);
    if (best === null) throw new SalvageError('SLV_ENGINE_EXITED', 'the engine made no tokens');
    const more = depth === 'full' ? await measureBatches(session, best) : null;
    const inTime = spent() + disk.millisecondsMax < budgetMilliseconds[depth];
    const file = depth === 'full' && inTime ? world.diskFile : null;
    return {
      kind: depth,
      measuredAt: clock.unixMilliseconds(),
      modelBytes: bytesPerToken(shape),
      modelQuant: shape.quant,
      modelExceedsCache: plan.exceedsCache,
      engineRelease: world.release,
      threadsBest: best.threads,
      decodeTokensPerSecond: best.tokensPerSecond,
      promptTokensPerSecond: more?.promptTokensPerSecond ?? speeds.promptTokensPerSecond,
      threads: [...speeds.threads].sort((a, b) => a.threads - b.threads),
      batchCurve:
        more !== null && more.curve.length > 0
          ? more.curve
          : [{ batch: 1, tokensPerSecond: best.tokensPerSecond }],
      diskBytesPerSecond: file === null ? null : await readDiskSpeed(file, disk, clock, signal),
      throttled: throttledBetween(before, world.readVitals()),
      seconds: spent() / 1000,
    };
  } catch (error) {
    if (!signal.aborted) throw asFailure(error, 'SLV_ENGINE_START', 'the benchmark failed');
    throw new SalvageError('SLV_QUEUE_FULL', 'the benchmark gave way to work', {
      hint: 'ask again when the node is idle',
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Share of all cores that others use right now, null where the kernel does not say. */
async function busyShareNow(
  { readTicks, clock }: BenchmarkWorld,
  signal: AbortSignal,
): Promise<number | null> {
  const from = readTicks();
  await clock.sleep(lookMilliseconds, signal);
  const to = readTicks();
  if (from === null || to === null || to.total <= from.total) return null;
  return (to.busy - from.busy) / (to.total - from.total);
}

/** All weights but the input embeddings, of which one token reads one row. */
function bytesPerToken(shape: ModelShape): number {
  return weightsBytes(shape) - tensorBytes(shape.quant, [shape.width, shape.vocabulary]);
}

interface Session {
  depth: Depth;
  world: BenchmarkWorld;
  modelPath: string;
  vocabulary: number;
  coresFree: number;
  signal: AbortSignal;
  spent(): number;
}

/** Decode speed by thread count, and prompt speed with all cores. */
async function measureThreads(
  session: Session,
): Promise<{ threads: ThreadPoint[]; promptTokensPerSecond: number }> {
  const { depth, world, spent } = session;
  const threads: ThreadPoint[] = [];
  let promptTokensPerSecond = 0;
  let longest = 0;
  const { coresPhysical } = world.facts;
  for (const count of threadSteps(depth, coresPhysical, session.coresFree)) {
    const left = budgetMilliseconds[depth] - reserveMilliseconds[depth] - spent();
    if (threads.length > 0 && longest * stepMargin > left) break;
    const begin = spent();
    await withEngine(session, { threads: count, parallel: 1 }, async (engine) => {
      const bounds = boundsOf(session, decodeMilliseconds[depth]);
      const speed = await decodeSpeed(engine, [promptFor(session, count, 8)], bounds);
      if (speed === null) return;
      threads.push({ threads: count, tokensPerSecond: speed });
      if (threads.length === 1) promptTokensPerSecond = await readPrompt(session, engine, speed);
    });
    longest = Math.max(longest, spent() - begin);
  }
  return { threads, promptTokensPerSecond };
}

/** As long a prompt as is read in half a second at most, if reading is no slower than writing. */
async function readPrompt(session: Session, engine: Engine, decode: number): Promise<number> {
  const tokens = Math.round(Math.min(promptTokensMax, Math.max(8, decode / 2)));
  const bounds = boundsOf(session, 5_000);
  const speed = await promptSpeed(engine, promptFor(session, 1_000, tokens), bounds);
  if (speed !== null) return speed;
  throw new SalvageError('SLV_ENGINE_STUCK', `the engine did not read ${tokens} tokens in 5 s`);
}

/**
 * Batches and prompt speed with the best thread count, in one engine of eight sequences. Null when
 * the threads took half of the time: this machine is too slow for a curve.
 */
async function measureBatches(
  session: Session,
  best: ThreadPoint,
): Promise<{ curve: Benchmark['batchCurve']; promptTokensPerSecond: number } | null> {
  const { depth, spent } = session;
  if (spent() > budgetMilliseconds[depth] / 2) return null;
  const curve: Benchmark['batchCurve'] = [];
  let promptTokensPerSecond = 0;
  const size = { threads: best.threads, parallel: sequencesMax };
  await withEngine(session, size, async (engine) => {
    promptTokensPerSecond = await readPrompt(session, engine, best.tokensPerSecond);
    const bounds = boundsOf(session, decodeMilliseconds[depth]);
    let longest = 0;
    for (const batch of batchSteps) {
      if (longest * stepMargin > budgetMilliseconds[depth] - disk.millisecondsMax - spent()) return;
      const begin = spent();
      const salts = Array.from({ length: batch }, (_, index) => 2_000 + batch * 100 + index);
      const prompts = salts.map((salt) => promptFor(session, salt, 8));
      const speed = await decodeSpeed(engine, prompts, bounds);
      if (speed !== null) curve.push({ batch, tokensPerSecond: speed });
      longest = Math.max(longest, spent() - begin);
    }
  });
  return { curve, promptTokensPerSecond };
}

/** Starts a child, warms it with two tokens, and ends it whatever happens. */
async function withEngine(
  { world, modelPath, vocabulary, signal }: Session,
  size: Pick<EngineSpec, 'threads' | 'parallel'>,
  use: (engine: Engine) => Promise<void>,
): Promise<void> {
  signal.throwIfAborted();
  const engine = world.kind.create({
    engineId: 'benchmark',
    engine: world.kind.name,
    modelId: 'benchmark',
    modelSha256: '0'.repeat(64),
    modelPath,
    contextTokens,
    ...size,
  });
  const stop = (): void => void engine.stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await engine.start(() => undefined);
    const warm = { millisecondsMax: 10_000, outputTokensMax: 2, signal, clock: world.clock };
    await decodeSpeed(engine, [promptOf(9_999, 4, vocabulary)], warm);
    await use(engine);
  } finally {
    signal.removeEventListener('abort', stop);
    await engine.stop();
  }
}

function boundsOf({ signal, world }: Session, millisecondsMax: number): SpeedBounds {
  const outputTokensMax = contextTokens - 16;
  return { millisecondsMax, outputTokensMax, signal, clock: world.clock };
}

function promptFor(session: Session, salt: number, tokens: number): number[] {
  return promptOf(salt, tokens, session.vocabulary);
}
