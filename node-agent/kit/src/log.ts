// One JSON line per event on stderr: `{"at":…,"level":…,"event":…,…fields}`. Broker and planner
// log with pino in the same shape; the agent carries this alone. The last lines are kept in a ring
// so that `salvage nodes logs` can ask for them. Keys and tokens are never logged.

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Record<string, string | number | boolean | null | undefined>;

export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

export interface RingLog extends Log {
  /** The last lines, oldest first, at most `linesMax`. */
  lines(linesMax: number): string[];
}

const order: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };
const ringLinesMax = 500;
const lineCharactersMax = 2_000;

export function createLog(options: {
  level: LogLevel;
  now: () => number;
  write: (line: string) => void;
}): RingLog {
  const ring: string[] = [];
  const at =
    (level: LogLevel) =>
    (event: string, fields: LogFields = {}) => {
      if (order[level] < order[options.level]) return;
      const time = new Date(options.now()).toISOString();
      const line = JSON.stringify({ at: time, level, event, ...fields }).slice(
        0,
        lineCharactersMax,
      );
      ring.push(line);
      if (ring.length > ringLinesMax) ring.shift();
      options.write(line);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    lines: (linesMax) => ring.slice(-linesMax),
  };
}

/** A log that keeps nothing, for tests. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
