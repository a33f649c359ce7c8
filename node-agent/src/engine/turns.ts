// Turns at one engine: as many answers at once as it has sequences, a short queue behind them,
// and a plain no to whoever comes after.

export interface Turns {
  /** `now` and `later` hold a place until `leave`; `later` resolves when its turn has come. */
  take(): { kind: 'now'; turn: Turn } | { kind: 'later'; turn: Turn } | { kind: 'full' };
  readonly running: number;
  readonly waiting: number;
}

export interface Turn {
  /** Resolves when it is this one's turn. */
  readonly come: Promise<void>;
  /** Gives the place back, running or waiting; the second time it does nothing. */
  leave(): void;
}

export function createTurns(limits: { runningMax: number; waitingMax: number }): Turns {
  const running = new Set<Turn>();
  const waiting: { turn: Turn; begin: () => void }[] = [];

  const advance = (): void => {
    while (running.size < limits.runningMax) {
      const next = waiting.shift();
      if (next === undefined) return;
      running.add(next.turn);
      next.begin();
    }
  };

  return {
    take: () => {
      const free = running.size < limits.runningMax;
      if (!free && waiting.length >= limits.waitingMax) return { kind: 'full' };
      let begin: () => void = () => undefined;
      const come = new Promise<void>((resolve) => {
        begin = resolve;
      });
      const turn: Turn = {
        come,
        leave: () => {
          const place = waiting.findIndex((one) => one.turn === turn);
          if (place >= 0) waiting.splice(place, 1);
          if (running.delete(turn)) advance();
        },
      };
      waiting.push({ turn, begin });
      advance();
      return { kind: free ? 'now' : 'later', turn };
    },
    get running() {
      return running.size;
    },
    get waiting() {
      return waiting.length;
    },
  };
}
