// Refusals in the log, at a bounded rate: a client that keeps knocking must not fill the disk.
import type { Clock, Log, LogFields } from '@salvage/kit';
import { limits } from './limits.ts';

export type DenialLog = (what: string, fields: LogFields) => void;

/** The first refusals of a window are logged one by one, the others counted and told later. */
export function createDenialLog(log: Log, clock: Clock): DenialLog {
  let windowEnds = 0;
  let lines = 0;
  let suppressed = 0;
  return (what, fields) => {
    const now = clock.monotonicMilliseconds();
    if (now >= windowEnds) {
      if (suppressed > 0) log.warn('denials-suppressed', { count: suppressed });
      windowEnds = now + limits.denialWindowMilliseconds;
      lines = 0;
      suppressed = 0;
    }
    if (lines >= limits.denialLinesMax) {
      suppressed += 1;
      return;
    }
    lines += 1;
    log.warn('denied', { what, ...fields });
  };
}
