// Waiting for the cluster to change: those who wait are woken together, after each step of the
// control loop. Nobody polls, and nobody waits without a bound.
import type { Clock } from '@salvage/kit';

export interface Changes {
  /** Wakes everybody who waits. */
  notify(): void;
  /** Resolves at the next change, after `milliseconds`, or when `signal` aborts. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>;
}

export function createChanges(clock: Clock): Changes {
  const waiting = new Set<AbortController>();
  return {
    notify: () => {
      for (const one of waiting) one.abort();
      waiting.clear();
    },
    wait: async (milliseconds, signal) => {
      if (signal.aborted) return;
      const woken = new AbortController();
      const leave = (): void => woken.abort();
      signal.addEventListener('abort', leave, { once: true });
      waiting.add(woken);
      await clock.sleep(milliseconds, woken.signal);
      waiting.delete(woken);
      signal.removeEventListener('abort', leave);
    },
  };
}
