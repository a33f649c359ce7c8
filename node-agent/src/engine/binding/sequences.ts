// The sequences of one context: each answer takes the idle one whose memory shares the longest
// beginning with its prompt, so that a prefix that comes back is not read again.

/** What this needs of the library's sequence. */
export interface Sequence {
  /** Tokens in memory, in order. */
  readonly contextTokens: readonly number[];
}

export interface SequencePool<Item extends Sequence> {
  /** Resolves when one is idle, in order of arrival; null when `signal` aborts first. */
  acquire(ids: readonly number[], signal: AbortSignal): Promise<Item | null>;
  release(item: Item): void;
}

export function createSequencePool<Item extends Sequence>(items: Item[]): SequencePool<Item> {
  // Idle ones, the longest unused first.
  const idle = [...items];
  const waiting: (() => void)[] = [];

  const take = (ids: readonly number[]): Item | null => {
    let best: Item | null = null;
    let bestLength = -1;
    for (const item of idle) {
      const length = sharedLength(item.contextTokens, ids);
      if (length > bestLength) [best, bestLength] = [item, length];
    }
    if (best !== null) idle.splice(idle.indexOf(best), 1);
    return best;
  };

  return {
    acquire: async (ids, signal) => {
      while (!signal.aborted) {
        const item = take(ids);
        if (item !== null) return item;
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
      return null;
    },
    release: (item) => {
      idle.push(item);
      for (const wake of waiting.splice(0)) wake();
    },
  };
}

export function sharedLength(left: readonly number[], right: readonly number[]): number {
  const most = Math.min(left.length, right.length);
  let length = 0;
  while (length < most && left[length] === right[length]) length += 1;
  return length;
}
