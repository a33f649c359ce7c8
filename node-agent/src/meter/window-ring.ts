// Closed windows that wait for a connection, bounded. When it is full, neighbours that differ only
// in time become one, idle ones first: that loses detail and no energy. Where there are none the
// oldest window is dropped, counted and logged.
import type { EnergyReading } from '@salvage/contract';
import type { Log } from '@salvage/kit';

interface WindowRing {
  push(window: EnergyReading): void;
  /** Takes out at most `countMax`, oldest first. */
  take(countMax: number): EnergyReading[];
  readonly length: number;
  /** Windows dropped since the start. */
  readonly lostCount: number;
}

/** A loss is logged when it begins and then once in so many windows. */
const lossesPerLogLine = 100;

export function createWindowRing(lengthMax: number, log: Log): WindowRing {
  const windows: EnergyReading[] = [];
  let lostCount = 0;

  const drop = (): void => {
    const lost = windows.shift();
    lostCount += 1;
    if (lostCount % lossesPerLogLine !== 1) return;
    log.warn('energy-windows-lost', {
      lostCount,
      spentOn: lost?.spentOn,
      microjoules: lost?.microjoules,
    });
  };
  const makeRoom = (): void => {
    const index = findMergeable(windows);
    const [first, second] = [windows[index], windows[index + 1]];
    if (first === undefined || second === undefined) drop();
    else windows.splice(index, 2, mergeWindows(first, second));
  };

  return {
    push: (window) => {
      windows.push(window);
      if (windows.length > lengthMax) makeRoom();
    },
    take: (countMax) => windows.splice(0, Math.max(0, countMax)),
    get length() {
      return windows.length;
    },
    get lostCount() {
      return lostCount;
    },
  };
}

/** Index of the oldest pair that can become one, idle pairs before all others; -1 for none. */
function findMergeable(windows: readonly EnergyReading[]): number {
  let other = -1;
  for (let index = 0; index + 1 < windows.length; index += 1) {
    const [first, second] = [windows[index], windows[index + 1]];
    if (first === undefined || second === undefined || !canMerge(first, second)) continue;
    if (first.spentOn === 'idle') return index;
    if (other < 0) other = index;
  }
  return other;
}

/** True for neighbours in time of one source and one purpose; a gap stays apart from what is known. */
function canMerge(first: EnergyReading, second: EnergyReading): boolean {
  return (
    first.t1 === second.t0 &&
    first.spentOn === second.spentOn &&
    first.source === second.source &&
    first.method === second.method &&
    first.scope === second.scope &&
    first.quality === second.quality &&
    first.relativeError === second.relativeError &&
    (first.microjoules === null) === (second.microjoules === null) &&
    first.jobIds.join() === second.jobIds.join()
  );
}

function mergeWindows(first: EnergyReading, second: EnergyReading): EnergyReading {
  return {
    ...first,
    t1: second.t1,
    microjoules: sumOf(first.microjoules, second.microjoules),
    cpuSeconds: sumOf(first.cpuSeconds, second.cpuSeconds),
  };
}

function sumOf(first: number | null, second: number | null): number | null {
  return first === null || second === null ? null : first + second;
}
