// When to benchmark: the quick one before the first engine, the full one when the node is first
// idle, either when a command asks. Work comes first: a job, or an engine to start, ends it.
import { Benchmark } from '@salvage/contract';
import {
  asFailure,
  type Clock,
  type Log,
  messageOf,
  readTextIfAny,
  SalvageError,
  writeFileWhole,
} from '@salvage/kit';
import * as v from 'valibot';
import { limits } from '../limits.ts';
import type { MeterRoom } from '../meter/meter.ts';
import { type Depth, dueBenchmark, type SavedBenchmark, stillValid } from './plan.ts';
import type { BenchmarkWish, Measure } from './process.ts';

export interface BenchmarkRoom {
  /** The newest result that is of this machine and engine. */
  readonly current: Benchmark | null;
  /** True while no engine may start: the quick one runs, or is about to. */
  readonly blocksStarts: boolean;
  readonly running: Depth | null;
  /** Why there is no benchmark, for people; null while all is well. */
  readonly problem: string | null;
  /** Begins what is due, ends what is in the way. Returns when to look again (monotonic ms). */
  step(view: { jobsRunning: number; settled: boolean }): number;
  /** For a command. Rejects with SLV_QUEUE_FULL while jobs or another benchmark run. */
  request(depth: Depth, jobsRunning: number): Promise<Benchmark>;
  stop(): Promise<void>;
}

/** This machine, and the way to measure it. */
export interface BenchmarkWorld extends Pick<BenchmarkWish, 'release' | 'facts' | 'root'> {
  measure: Measure;
  diskFile(): string | null;
  clock: Clock;
  log: Log;
}

export interface BenchmarkRoomOptions {
  /** Null when no engine can run on this node. */
  world: BenchmarkWorld | null;
  /** Where the result is kept. */
  file: string;
  meter: Pick<MeterRoom, 'overheadStarted' | 'overheadEnded'>;
  onChange(): void;
}

interface Run {
  depth: Depth;
  abort: AbortController;
  result: Promise<Benchmark>;
}

export async function openBenchmarkRoom(options: BenchmarkRoomOptions): Promise<BenchmarkRoom> {
  const { file, meter } = options;
  /** How often a full benchmark still waits for other programs to be done. */
  let patience = limits.benchmarkQuietAttemptsMax;
  const world =
    options.world === null ? null : { ...options.world, wantsQuiet: () => patience > 0 };
  const attempts = world === null ? 0 : limits.benchmarkAttemptsMax;
  const attemptsLeft: Record<Depth, number> = { quick: attempts, full: attempts };
  let current = world === null ? null : await readSaved(file, world);
  let run: Run | null = null;
  let problem = world === null ? 'no engine can run on this node' : null;
  let idleSince: number | null = null;
  let againAt = 0;

  const measure = async (depth: Depth, having: BenchmarkWorld, signal: AbortSignal) => {
    meter.overheadStarted();
    having.log.info('benchmark-start', { depth });
    const late = AbortSignal.timeout(limits.benchmarkMillisecondsMax);
    try {
      const { release, facts, root } = having;
      const wish = { depth, release, facts, root, diskFile: having.diskFile() };
      const benchmark = await having.measure(
        { ...wish, wantsQuiet: patience > 0 },
        AbortSignal.any([signal, late]),
      );
      current = benchmark;
      problem = null;
      having.log.info('benchmark-done', {
        depth,
        seconds: benchmark.seconds,
        threadsBest: benchmark.threadsBest,
        decodeTokensPerSecond: benchmark.decodeTokensPerSecond,
      });
      const saved: SavedBenchmark = { cpuName: having.facts.cpuName, benchmark };
      await writeFileWhole(file, `${JSON.stringify(saved)}\n`).catch((error) =>
        having.log.warn('benchmark-not-saved', { problem: messageOf(error) }),
      );
      return benchmark;
    } catch (error) {
      const failure =
        late.aborted && !signal.aborted
          ? new SalvageError('SLV_ENGINE_STUCK', 'the benchmark did not come to an end')
          : asFailure(error, 'SLV_ENGINE_START', 'the benchmark failed');
      if (failure.code === 'SLV_QUEUE_FULL' && !signal.aborted) {
        patience -= 1;
        againAt = having.clock.monotonicMilliseconds() + limits.benchmarkAgainMilliseconds;
      } else if (!signal.aborted) {
        problem = failure.message;
        attemptsLeft[depth] -= 1;
        if (failure.code === 'SLV_UNSUPPORTED') attemptsLeft.quick = attemptsLeft.full = 0;
        againAt = having.clock.monotonicMilliseconds() + limits.benchmarkAgainMilliseconds;
      }
      having.log.warn('benchmark-ended', { depth, code: failure.code, problem: failure.message });
      throw failure;
    } finally {
      meter.overheadEnded();
      run = null;
      idleSince = null;
      options.onChange();
    }
  };
  const begin = (depth: Depth, having: BenchmarkWorld): Run => {
    const abort = new AbortController();
    const begun: Run = { depth, abort, result: measure(depth, having, abort.signal) };
    begun.result.catch(() => undefined); // logged; only a command waits for it
    run = begun;
    return begun;
  };
  const isFirst = (): boolean =>
    current === null && attemptsLeft.quick === attempts && attempts > 0;

  return {
    get current() {
      return current;
    },
    get blocksStarts() {
      return run?.depth === 'quick' || isFirst();
    },
    get running() {
      return run?.depth ?? null;
    },
    get problem() {
      return problem;
    },
    step: ({ jobsRunning, settled }) => {
      if (world === null) return Infinity;
      const now = world.clock.monotonicMilliseconds();
      const idle = jobsRunning === 0 && settled;
      idleSince = idle ? (idleSince ?? now) : null;
      if (run !== null) {
        if (jobsRunning > 0 || (run.depth === 'full' && !settled)) run.abort.abort();
        return Infinity;
      }
      if (!isFirst() && (!idle || now < againAt)) return idle ? againAt : Infinity;
      const due = dueBenchmark({
        have: current,
        idleMilliseconds: idleSince === null ? null : now - idleSince,
        idleMillisecondsMin: limits.benchmarkIdleMilliseconds,
        attemptsLeft,
      });
      if (due !== null) begin(due, world);
      const waits = due === null && current?.kind !== 'full' && attemptsLeft.full > 0;
      return waits && idleSince !== null ? idleSince + limits.benchmarkIdleMilliseconds : Infinity;
    },
    request: (depth, jobsRunning) => {
      if (world === null) {
        return Promise.reject(
          new SalvageError('SLV_UNSUPPORTED', 'no engine can run on this node'),
        );
      }
      if (run?.depth === depth) return run.result;
      if (run !== null || jobsRunning > 0) {
        const what = run === null ? `${jobsRunning} jobs run` : `a ${run.depth} benchmark runs`;
        return Promise.reject(new SalvageError('SLV_QUEUE_FULL', `${what} on this node`));
      }
      return begin(depth, world).result;
    },
    stop: async () => {
      attemptsLeft.quick = attemptsLeft.full = 0;
      run?.abort.abort();
      await run?.result.catch(() => undefined);
    },
  };
}

const Saved = v.object({ cpuName: v.nullable(v.string()), benchmark: Benchmark });

async function readSaved(file: string, world: BenchmarkWorld): Promise<Benchmark | null> {
  try {
    const text = await readTextIfAny(file);
    const saved = text === null ? null : v.parse(Saved, JSON.parse(text));
    return stillValid(saved, world.facts.cpuName, world.release);
  } catch (error) {
    world.log.warn('benchmark-unreadable', { file, problem: messageOf(error) });
    return null;
  }
}
