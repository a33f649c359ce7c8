// What a benchmark measures and how large its model is. Pure: every choice here is a function of
// facts and of the time that is left, so that a slow board stops early instead of running over.
import type { Benchmark, Facts } from '@salvage/contract';

export type Depth = Benchmark['kind'];

/** The time that one whole benchmark may take. */
export const budgetMilliseconds: Record<Depth, number> = { quick: 3_000, full: 60_000 };

/** A quick model is small enough to be written and read within its three seconds. */
const quickModelBytesMax = 16 * 1024 * 1024;
/** Below this an engine measures its own overhead and nothing else. */
const modelBytesMin = 1024 * 1024;
/** Where the kernel does not say how large the cache is: larger than those of most old machines. */
const cacheBytesAssumed = 8 * 1024 * 1024;

export interface ModelPlan {
  bytesMax: number;
  /** True when a model of that size leaves the last-level cache for certain. */
  exceedsCache: boolean;
}

/**
 * Four times the last-level cache where a tenth of the free memory allows it, else that tenth.
 * Null when not even the smallest model has room (`roomBytes`: free in the memory file system).
 */
export function planModel(given: {
  depth: Depth;
  cacheLastLevelBytes: number | null;
  memoryAvailableBytes: number;
  roomBytes: number;
}): ModelPlan | null {
  const wanted = 4 * (given.cacheLastLevelBytes ?? cacheBytesAssumed);
  const allowed = Math.min(given.memoryAvailableBytes / 10, given.roomBytes / 2);
  const bytesMax = Math.floor(
    Math.min(wanted, allowed, given.depth === 'quick' ? quickModelBytesMax : Infinity),
  );
  if (bytesMax < modelBytesMin) return null;
  return { bytesMax, exceedsCache: given.cacheLastLevelBytes !== null && bytesMax >= wanted };
}

/**
 * Cores that nobody else uses, at least one. The engine's threads wait for one another at each
 * layer, so one core shared with another program slows them all down many times over.
 */
export function freeCores(coresPhysical: number, busyShare: number | null): number {
  return Math.max(1, Math.round(coresPhysical * (1 - (busyShare ?? 0))));
}

/** Above this share of all cores, what a full benchmark measures is somebody else's work. */
export const quietShareMax = 0.25;

/** Thread counts to try, the likeliest best one first; a quick benchmark gets to few of them. */
export function threadSteps(depth: Depth, coresPhysical: number, coresFree: number): number[] {
  const cores = Math.max(1, coresPhysical);
  const free = Math.min(cores, coresFree);
  const half = Math.max(1, Math.round(cores / 2));
  const steps =
    depth === 'quick'
      ? [free, half]
      : [free, cores, half, 1, Math.max(1, cores - 1), Math.ceil(cores / 4)];
  return [...new Set(steps)];
}

export interface ThreadPoint {
  threads: number;
  tokensPerSecond: number;
}

/** Speeds this close to the fastest count as equal: fewer threads draw fewer watts. */
const equalShare = 0.03;

/** The fewest threads that are as good as the fastest; null without a point. */
export function bestThreads(points: readonly ThreadPoint[]): ThreadPoint | null {
  const fastest = Math.max(...points.map((point) => point.tokensPerSecond));
  const good = points.filter((point) => point.tokensPerSecond >= fastest * (1 - equalShare));
  return good.sort((a, b) => a.threads - b.threads)[0] ?? null;
}

/** Sequences at once, in the order they are tried. */
export const batchSteps = [1, 2, 4, 8] as const;

/** Slowed by heat meanwhile? Null where neither counter nor firmware says. */
export function throttledBetween(
  before: { throttleCount: number | null; throttledNow: boolean | null },
  after: { throttleCount: number | null; throttledNow: boolean | null },
): boolean | null {
  if (before.throttleCount !== null && after.throttleCount !== null) {
    return after.throttleCount > before.throttleCount;
  }
  if (before.throttledNow === null && after.throttledNow === null) return null;
  return before.throttledNow === true || after.throttledNow === true;
}

export interface SavedBenchmark {
  cpuName: Facts['cpuName'];
  benchmark: Benchmark;
}

/** The saved benchmark if it is of this machine and this engine; a disk may have moved house. */
export function stillValid(
  saved: SavedBenchmark | null,
  cpuName: Facts['cpuName'],
  engineRelease: string,
): Benchmark | null {
  if (saved === null || saved.cpuName !== cpuName) return null;
  return saved.benchmark.engineRelease === engineRelease ? saved.benchmark : null;
}

/**
 * Which benchmark is due. The quick one comes before the first engine; the full one when no job
 * came for a while. `attemptsLeft` counts failures, not benchmarks that gave way to work.
 */
export function dueBenchmark(given: {
  have: Benchmark | null;
  /** Since when there was neither job nor change, in milliseconds; null while there is. */
  idleMilliseconds: number | null;
  idleMillisecondsMin: number;
  attemptsLeft: Record<Depth, number>;
}): Depth | null {
  const { have, attemptsLeft, idleMilliseconds } = given;
  if (have === null && attemptsLeft.quick > 0) return 'quick';
  if (have?.kind === 'full' || attemptsLeft.full <= 0) return null;
  return idleMilliseconds !== null && idleMilliseconds >= given.idleMillisecondsMin ? 'full' : null;
}
