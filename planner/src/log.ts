// The planner's log: pino, JSON lines on stderr in the shape that kit's own log has.
import type { Log, LogFields, LogLevel } from '@salvage/kit';
import { pino } from 'pino';

export function createPlannerLog(level: LogLevel): Log {
  const out = pino(
    {
      level,
      base: null,
      messageKey: 'event',
      timestamp: () => `,"at":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
  const at =
    (name: LogLevel) =>
    (event: string, fields: LogFields = {}): void =>
      out[name](fields, event);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
