// pino in the shape of kit's log: one JSON line per event on stderr, `{"level":…,"at":…,"event":…}`.
import type { Log, LogFields, LogLevel } from '@salvage/kit';
import { destination, pino } from 'pino';

/** A log on stderr. Written synchronously: the last line before a crash is the one that counts. */
export function createPinoLog(level: LogLevel): Log {
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'event',
      timestamp: () => `,"at":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ dest: 2, sync: true }),
  );
  const at =
    (name: LogLevel) =>
    (event: string, fields: LogFields = {}): void =>
      logger[name](fields, event);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
