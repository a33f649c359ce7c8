// The place of one engine in the room: loads it, starts it again when it dies, with waits that
// grow while it keeps failing, and ends it. The times it lived count from when it could answer, so
// a model that takes minutes to fail does not look calm.
import { type Clock, type Log, messageOf, restartWait } from '@salvage/kit';
import type { Engine, EngineKind, EngineSpec, RoomEngine } from './engine.ts';
import { engineLimits, engineRestarts } from './limits.ts';
import { createTurns, type Turns } from './turns.ts';

export interface Slot {
  readonly spec: EngineSpec;
  readonly turns: Turns;
  /** The engine when it can answer. */
  readonly ready: Engine | null;
  /** Aborts when the engine that is `ready` now is gone. */
  readonly life: AbortSignal;
  describe(): RoomEngine;
  /** Ends the child at once; it is started again. */
  kill(reason: string): void;
  /** Resolves when the child is gone for good. */
  stop(): Promise<void>;
  /** Shared by the answers of this engine, for the watchdog. */
  pace: { usual: number | null; eventAt: number };
}

export interface SlotOptions {
  kind: EngineKind | null;
  spec: EngineSpec;
  /** Loading begins after this: the engine that had the place may hold the memory still. */
  after: Promise<void>;
  clock: Clock;
  log: Log;
  onChange(): void;
}

export function createSlot(options: SlotOptions): Slot {
  const { kind, spec, clock, log, onChange } = options;
  const stopping = new AbortController();
  const state = {
    phase: 'loading' as RoomEngine['phase'],
    progress: 0,
    restarts: 0,
    problem: null as string | null,
    engine: null as Engine | null,
    life: new AbortController(),
    killedFor: null as string | null,
  };
  const change = (next: Partial<typeof state>): void => {
    Object.assign(state, next);
    if (stopping.signal.aborted) state.phase = 'stopping';
    onChange();
  };

  const begin = async (engine: Engine): Promise<void> => {
    let at = clock.monotonicMilliseconds();
    const settled = new AbortController();
    const loaded = engine.start((share) => {
      at = clock.monotonicMilliseconds();
      change({ progress: share });
    });
    void watchLoading(engine, () => at, settled.signal);
    try {
      await loaded;
    } finally {
      settled.abort();
    }
  };

  const watchLoading = async (engine: Engine, at: () => number, settled: AbortSignal) => {
    for (;;) {
      await clock.sleep(engineLimits.loadSilenceMillisecondsMax, settled);
      if (settled.aborted) return;
      const silence = clock.monotonicMilliseconds() - at();
      if (silence < engineLimits.loadSilenceMillisecondsMax) continue;
      state.killedFor = 'its loading stood still for five minutes';
      killEngine(engine, log);
      return;
    }
  };

  /** One life of the engine: why it ended, and how long it could answer. */
  const live = async (engine: Engine): Promise<{ reason: string; livedMilliseconds: number }> => {
    try {
      await begin(engine);
    } catch (thrown) {
      await engine.stop();
      return { reason: state.killedFor ?? messageOf(thrown), livedMilliseconds: 0 };
    }
    const readyAt = clock.monotonicMilliseconds();
    if (!stopping.signal.aborted) {
      log.info('engine ready', { engine: spec.engineId, model: spec.modelId });
      change({ phase: 'ready', progress: 1, problem: null });
    }
    const reason = await engine.ended;
    const livedMilliseconds = clock.monotonicMilliseconds() - readyAt;
    return { reason: state.killedFor ?? reason, livedMilliseconds };
  };

  const run = async (): Promise<void> => {
    await options.after;
    let failures = 0;
    while (!stopping.signal.aborted) {
      if (kind === null) {
        change({ phase: 'failed', problem: `this node has no engine "${spec.engine}"` });
        return;
      }
      const engine = kind.create(spec);
      change({
        engine,
        phase: 'loading',
        progress: 0,
        life: new AbortController(),
        killedFor: null,
      });
      const { reason, livedMilliseconds } = await live(engine);
      state.life.abort();
      state.engine = null;
      if (stopping.signal.aborted) return;
      if (livedMilliseconds >= engineRestarts.calmMilliseconds) failures = 0;
      const wait = restartWait(failures, engineRestarts);
      failures += 1;
      log.warn('engine ended', { engine: spec.engineId, reason, restartInMilliseconds: wait });
      change({ phase: 'failed', problem: reason });
      await clock.sleep(wait, stopping.signal);
      state.restarts += 1;
    }
  };
  const done = run();

  return {
    spec,
    turns: createTurns({ runningMax: spec.parallel, waitingMax: engineLimits.waitingMax }),
    pace: { usual: null, eventAt: Number.NEGATIVE_INFINITY },
    get ready() {
      return state.phase === 'ready' ? state.engine : null;
    },
    get life() {
      return state.life.signal;
    },
    describe() {
      return {
        spec,
        phase: state.phase,
        progress: state.progress,
        jobsRunning: this.turns.running + this.turns.waiting,
        restarts: state.restarts,
        problem: state.problem,
        memoryBytes: state.engine?.memoryBytes() ?? null,
      };
    },
    kill: (reason) => {
      if (state.engine === null || state.killedFor !== null) return;
      state.killedFor = reason;
      killEngine(state.engine, log);
    },
    stop: async () => {
      stopping.abort();
      change({ phase: 'stopping' });
      await state.engine?.stop();
      await done;
    },
  };
}

/** SIGKILL first: a stuck process does not answer anything milder. */
function killEngine(engine: Engine, log: Log): void {
  try {
    if (engine.pid !== null) process.kill(engine.pid, 'SIGKILL');
  } catch (thrown) {
    log.debug('engine was gone', { engine: engine.spec.engineId, problem: messageOf(thrown) });
  }
  void engine.stop();
}
