// Child processes that die with their parent and are started again when they die alone. A forked
// child keeps an IPC channel to its parent; when the parent is gone, by whatever signal, the
// channel closes and the child ends itself (`dieWithParent`). Restarts wait longer each time, up to
// a bound, and the wait is forgotten after a child has lived for a while.
import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import type { Clock } from './clock.ts';

/** Call first thing in a child's main: ends the process when the parent's channel closes. */
export function dieWithParent(exit: () => void = () => process.exit(0)): void {
  if (process.connected) process.on('disconnect', exit);
}

/**
 * Node's own arguments for a child that works: without those that keep an idle parent small at
 * the price of slow JavaScript (`--lite-mode` has no optimising compiler).
 */
export function fullSpeedArguments(execArguments: readonly string[]): string[] {
  return execArguments.filter((one) => !/^--(lite-mode|max-semi-space-size)/.test(one));
}

export interface RestartPolicy {
  waitMillisecondsMin: number;
  waitMillisecondsMax: number;
  /** A child that lived this long starts again without a long wait. */
  calmMilliseconds: number;
}

export const restartPolicy: RestartPolicy = {
  waitMillisecondsMin: 250,
  waitMillisecondsMax: 30_000,
  calmMilliseconds: 60_000,
};

/** Wait before start number `failures + 1`: doubles from the minimum to the maximum. */
export function restartWait(failures: number, policy: RestartPolicy = restartPolicy): number {
  const exponent = Math.min(failures, 16);
  return Math.min(policy.waitMillisecondsMax, policy.waitMillisecondsMin * 2 ** exponent);
}

export interface Supervised {
  readonly child: ChildProcess | null;
  /** SIGTERM, then SIGKILL after `graceMilliseconds`; no further restart. */
  stop(graceMilliseconds?: number): Promise<void>;
}

export interface SuperviseOptions {
  module: string;
  args: string[];
  forkOptions: ForkOptions;
  clock: Clock;
  onStart?(child: ChildProcess): void;
  onExit?(exit: {
    code: number | null;
    signal: string | null;
    restartInMilliseconds: number;
  }): void;
}

/** Forks `module` and keeps it running until `stop`. */
export function supervise(options: SuperviseOptions): Supervised {
  const { clock } = options;
  const stopping = new AbortController();
  let child: ChildProcess | null = null;
  let failures = 0;

  const start = (): void => {
    const startedAt = clock.monotonicMilliseconds();
    const started = fork(options.module, options.args, options.forkOptions);
    child = started;
    started.once('error', () => undefined);
    started.once('exit', (code, signal) => {
      child = null;
      if (stopping.signal.aborted) return;
      const lived = clock.monotonicMilliseconds() - startedAt;
      failures = lived >= restartPolicy.calmMilliseconds ? 0 : failures;
      const restartInMilliseconds = restartWait(failures);
      failures += 1;
      options.onExit?.({ code, signal, restartInMilliseconds });
      void clock.sleep(restartInMilliseconds, stopping.signal).then(() => {
        if (!stopping.signal.aborted) start();
      });
    });
    options.onStart?.(started);
  };
  start();

  return {
    get child() {
      return child;
    },
    stop: async (graceMilliseconds = 5_000) => {
      stopping.abort();
      if (child !== null) await endChild(child, graceMilliseconds, clock);
    },
  };
}

/** SIGTERM, then SIGKILL; resolves when the child is gone. */
export async function endChild(
  child: ChildProcess,
  graceMilliseconds: number,
  clock: Clock,
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new AbortController();
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => {
      gone.abort();
      resolve();
    });
  });
  child.kill('SIGTERM');
  await clock.sleep(graceMilliseconds, gone.signal);
  if (!gone.signal.aborted) child.kill('SIGKILL');
  await exited;
}
