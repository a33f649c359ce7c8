// A clock that a test turns by hand. Sleepers wake in order of time; between two of them
// everything that is ready to run is let run.
import type { Clock } from './clock.ts';

export interface HandClock extends Clock {
  /** Turns the clock on, waking everybody whose time comes. */
  advance(milliseconds: number): Promise<void>;
  /** Lets run what is ready, without time passing. */
  settle(): Promise<void>;
}

export function createHandClock(): HandClock {
  let now = 0;
  let sleepers: { at: number; wake: () => void }[] = [];
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 3; round += 1) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  };
  return {
    unixMilliseconds: () => 1_700_000_000_000 + now,
    monotonicMilliseconds: () => now,
    sleep: (milliseconds, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve();
        const wake = (): void => {
          sleepers = sleepers.filter((sleeper) => sleeper.wake !== wake);
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        sleepers.push({ at: now + milliseconds, wake });
        signal?.addEventListener('abort', wake, { once: true });
      }),
    settle,
    advance: async (milliseconds) => {
      const until = now + milliseconds;
      for (;;) {
        await settle();
        const next = sleepers.reduce(
          (least, { at }) => Math.min(least, at),
          Number.POSITIVE_INFINITY,
        );
        if (next > until) break;
        now = Math.max(now, next);
        for (const sleeper of sleepers.filter(({ at }) => at <= now)) sleeper.wake();
      }
      now = until;
      await settle();
    },
  };
}
