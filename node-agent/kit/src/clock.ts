// Time as an argument: programs get a Clock, tests give them one they can turn by hand.

export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump. */
  unixMilliseconds(): number;
  /** Monotonic, milliseconds from an arbitrary start. Never jumps; stops in suspend. */
  monotonicMilliseconds(): number;
  /** Resolves after `milliseconds`, or at once when `signal` aborts; never rejects. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const realClock: Clock = {
  unixMilliseconds: () => Date.now(),
  monotonicMilliseconds: () => performance.now(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      signal?.addEventListener('abort', done, { once: true });
    }),
};
