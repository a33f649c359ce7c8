// The edge of the meters: reads clocks and counters when something begins or ends, and lets the
// pure windows.ts decide what that means. It reads nothing between cuts: the meters it is given
// count, and watching costs energy too.
import { isDeepStrictEqual } from 'node:util';
import { microjoulesOf, type NodeDesired } from '@salvage/contract';
import type { Clock, Log } from '@salvage/kit';
import type { CpuTicks } from '../facts/vitals.ts';
import { limits } from '../limits.ts';
import { createEstimateMeter } from './estimate-meter.ts';
import type { Meter, MeterRoom } from './meter.ts';
import { type Moment, momentOf } from './moment.ts';
import { createWindowRing } from './window-ring.ts';
import { advance, canClose, openWindow, type Reading, type WindowEvent } from './windows.ts';

export interface MeterRoomOptions {
  clock: Clock;
  log: Log;
  readTicks(): CpuTicks | null;
  /** CPU seconds of all engines, a counter; null when it cannot be read. */
  readEngineCpuSeconds(): number | null;
  /** The best meter there is; when left out, the profile's estimate, or none without a profile. */
  meterFor?(profile: NodeDesired['wattsProfile']): Meter | null;
  /** After each closed window. */
  onWindow?(): void;
}

/** Opens the first window at once; ends with `stop`. */
export function createMeterRoom(options: MeterRoomOptions): MeterRoom {
  const { clock, log } = options;
  const meterFor =
    options.meterFor ??
    ((profile: NodeDesired['wattsProfile']): Meter | null =>
      profile === null
        ? null
        : createEstimateMeter({ profile, readTicks: options.readTicks, clock }));
  const ring = createWindowRing(limits.energyWindowsMax, log);
  const stopping = new AbortController();
  let profile: NodeDesired['wattsProfile'] = null;
  let meter = primed(meterFor(profile));
  let state = openWindow(momentOf(clock), options.readEngineCpuSeconds());
  let wake = new AbortController();

  const read = (now: Moment): Reading => {
    const joules = meter?.joulesSinceLast() ?? null;
    return {
      ...now,
      // A meter that runs backwards or answers nonsense has said nothing.
      microjoules:
        joules !== null && joules >= 0 && joules < Infinity ? microjoulesOf(joules) : null,
      kind: meter?.kind ?? null,
      engineCpuSeconds: options.readEngineCpuSeconds(),
    };
  };
  const take = (event: WindowEvent): ReturnType<typeof advance>['ended'] => {
    if (stopping.signal.aborted) return null;
    const now = momentOf(clock);
    const step = advance(state, event, canClose(state, now) ? read(now) : null);
    state = step.state;
    if (step.window !== null) {
      ring.push(step.window);
      options.onWindow?.();
    }
    if (event.kind !== 'cut') wake.abort(); // the open window may be due sooner now
    return step.ended;
  };
  const cutInTime = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const lengthMax =
        state.jobs.length > 0 ? limits.windowJobMillisecondsMax : limits.sampleIdleMilliseconds;
      const due = state.opened.monotonicMilliseconds + lengthMax;
      const wait = due - clock.monotonicMilliseconds();
      if (wait <= 0) take({ kind: 'cut' });
      // Never 0: a clock that stands still must not make this loop spin.
      wake = new AbortController();
      await clock.sleep(Math.max(waitMillisecondsMin, wait), wake.signal);
    }
  };
  void cutInTime();

  return {
    started: (jobId) => void take({ kind: 'job-started', jobId }),
    ended: (jobId) => Promise.resolve(take({ kind: 'job-ended', jobId })),
    overheadStarted: () => void take({ kind: 'overhead-started' }),
    overheadEnded: () => void take({ kind: 'overhead-ended' }),
    setProfile: (next) => {
      if (isDeepStrictEqual(next, profile)) return;
      take({ kind: 'cut' });
      profile = next;
      meter = primed(meterFor(next));
      log.info('meter', { source: meter?.kind.source ?? 'none' });
    },
    take: (countMax) => ring.take(countMax),
    stop: () => {
      take({ kind: 'cut' });
      stopping.abort();
      wake.abort();
    },
  } satisfies MeterRoom;
}

const waitMillisecondsMin = 50;

/** The first answer of a meter is a gap: asked for here, so that no window begins with it. */
function primed(meter: Meter | null): Meter | null {
  meter?.joulesSinceLast();
  return meter;
}
