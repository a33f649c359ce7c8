// The benchmark in a process of its own: it handles megabytes of numbers and eight answers at once,
// and what the agent's own heap has once grown to, a small machine never gets back. One message
// down (what to measure), one up (the result, or why there is none).
import { fork } from 'node:child_process';
import type { Benchmark, Facts } from '@salvage/contract';
import {
  asFailure,
  createLog,
  dieWithParent,
  fullSpeedArguments,
  realClock,
  SalvageError,
} from '@salvage/kit';
import { createBindingKind } from '../engine/binding/kind.ts';
import { readCpuTicks, readVitals } from '../facts/vitals.ts';
import type { Depth } from './plan.ts';
import { runBenchmark } from './run.ts';

export interface BenchmarkWish {
  depth: Depth;
  /** True refuses to measure while other programs use the machine. */
  wantsQuiet: boolean;
  release: string;
  facts: Facts;
  /** A model on this node's disk to read from, null when there is none yet. */
  diskFile: string | null;
  /** Where /proc and /sys are. */
  root: string;
}

/** Runs one benchmark. Rejects as `runBenchmark` does; aborting `signal` ends it. */
export type Measure = (wish: BenchmarkWish, signal: AbortSignal) => Promise<Benchmark>;

type Up = { benchmark: Benchmark } | { code: SalvageError['code']; message: string; hint: string };

/** `entry` is the agent's own file, which knows the command `benchmark`. */
export function measureInProcess(entry: string): Measure {
  return (wish, signal) =>
    new Promise((resolve, reject) => {
      const child = fork(entry, ['benchmark'], {
        execArgv: fullSpeedArguments(process.execArgv),
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      // Not SIGKILL: the child ends its engine first, and both end with us whatever happens.
      const end = (): void => void child.kill('SIGTERM');
      signal.addEventListener('abort', end, { once: true });
      child.on('message', (up: Up) => {
        if ('benchmark' in up) resolve(up.benchmark);
        else reject(new SalvageError(up.code, up.message, { hint: up.hint }));
      });
      child.once('error', reject);
      child.once('exit', (code, killedBy) => {
        signal.removeEventListener('abort', end);
        const how = killedBy ?? `exit code ${code}`;
        reject(new SalvageError('SLV_ENGINE_EXITED', `the benchmark ended early (${how})`));
      });
      child.send(wish);
    });
}

/** The child's side: `main.ts` calls it for the command `benchmark`. */
export function benchmarkMain(entry: string): void {
  const stopping = new AbortController();
  dieWithParent();
  process.once('SIGTERM', () => stopping.abort());
  process.once('message', (wish: BenchmarkWish) => {
    const clock = realClock;
    const write = (line: string): void => void process.stderr.write(`${line}\n`);
    const log = createLog({ level: 'warn', now: () => clock.unixMilliseconds(), write });
    const world = {
      kind: createBindingKind({ entry, argv: ['engine-binding'], clock, log }),
      release: wish.release,
      facts: wish.facts,
      readVitals: () => readVitals(wish.root),
      readTicks: () => readCpuTicks(wish.root),
      wantsQuiet: wish.wantsQuiet,
      diskFile: wish.diskFile,
      clock,
      log,
    };
    const answer = (up: Up): void => void process.send?.(up, undefined, {}, () => process.exit(0));
    runBenchmark(wish.depth, world, stopping.signal).then(
      (benchmark) => answer({ benchmark }),
      (error) => {
        const { code, message, hint } = asFailure(
          error,
          'SLV_ENGINE_START',
          'the benchmark failed',
        );
        answer({ code, message, hint });
      },
    );
  });
}
