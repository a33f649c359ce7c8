// CPU seconds of one process, shared out to the answers at work in it. While several run, each
// gets an equal part of what the process used: an approximation, because one may read a long
// prompt while another makes single tokens. The parts add up to the whole.

export interface CpuShare {
  enter(key: number): void;
  /** Ends the share of `key` and returns its seconds. */
  leave(key: number): number;
}

export function createCpuShare(readCpuSeconds: () => number): CpuShare {
  const seconds = new Map<number, number>();
  let readAt = readCpuSeconds();

  const settle = (): void => {
    const now = readCpuSeconds();
    const part = Math.max(0, now - readAt) / Math.max(1, seconds.size);
    readAt = now;
    for (const [key, used] of seconds) seconds.set(key, used + part);
  };

  return {
    enter: (key) => {
      settle();
      seconds.set(key, 0);
    },
    leave: (key) => {
      settle();
      const used = seconds.get(key) ?? 0;
      seconds.delete(key);
      return used;
    },
  };
}
