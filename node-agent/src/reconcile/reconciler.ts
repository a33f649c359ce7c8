// Carries out what `decide` says: asks room and cache, remembers what is under way, and never
// throws. It acts on the agent's tick alone; whatever ends calls `onChange`, which wakes the tick.
import type { EngineName, EngineState, EngineWish, NodeDesired } from '@salvage/contract';
import { asFailure, type Clock, type Log } from '@salvage/kit';
import type { EngineRoom, RoomEngine } from '../engine/engine.ts';
import { limits } from '../limits.ts';
import type { MeterRoom } from '../meter/meter.ts';
import type { ModelCache } from '../models/model-cache.ts';
import { type Action, decide, type Have, refusalOf, wishesOf } from './decide.ts';
import { engineStates } from './engine-states.ts';

export interface ReconcilerOptions {
  room: EngineRoom;
  cache: ModelCache;
  kinds: ReadonlySet<EngineName>;
  /** True when models lie in a folder of this machine and no store is needed. */
  hasLocalStore: boolean;
  meter: Pick<MeterRoom, 'overheadStarted' | 'overheadEnded'>;
  /** Most threads that an engine may have here. */
  threadsMax: number;
  /** Threads for a wish that leaves them to the agent. */
  threadsBest(): number;
  onChange(): void;
  clock: Clock;
  log: Log;
}

export interface Reconciler {
  /** Decides and acts once. Returns when to look again at the latest (monotonic milliseconds). */
  step(desired: NodeDesired | null, startsBlocked: boolean): number;
  states(desired: NodeDesired | null): EngineState[];
  /** True when nothing is fetched, loaded or ended, and the last step asked for nothing. */
  readonly settled: boolean;
  /** Models whose last fetch failed, with the reason. */
  readonly fetchProblems: ReadonlyMap<string, string>;
  stop(): void;
}

interface Fetching {
  modelSha256: string;
  progress: number;
  abort: AbortController;
}

export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { room, cache, clock, log, meter } = options;
  /** Ended, but not out of the memory yet: the room no longer lists them. */
  const leaving = new Map<string, RoomEngine>();
  const unwantedSince = new Map<string, number>();
  const fetchAgainAt = new Map<string, number>();
  const fetchProblems = new Map<string, string>();
  let fetching: Fetching | null = null;
  let loadingIsMetered = false;
  let settled = false;
  let stopped = false;

  const threadsOf = (wish: EngineWish): number =>
    Math.max(1, Math.min(options.threadsMax, wish.threads || options.threadsBest()));

  /** The wish within this machine's bounds, so that an engine can fulfil it. */
  const bounded = (desired: NodeDesired): NodeDesired => ({
    ...desired,
    engines: desired.engines.map((wish) => ({
      ...wish,
      threads: wish.threads === 0 ? 0 : threadsOf(wish),
    })),
  });

  const enginesNow = (): RoomEngine[] => [...room.list(), ...leaving.values()];

  const haveOf = (wishes: EngineWish[], desired: NodeDesired | null, blocked: boolean): Have => ({
    engines: enginesNow().map(({ spec, phase, jobsRunning }) => ({
      ...spec,
      phase,
      jobsRunning,
      unwantedSince: unwantedSince.get(spec.engineId) ?? null,
    })),
    cached: new Set(
      wishes.map((wish) => wish.modelSha256).filter((sha256) => cache.pathOf(sha256) !== null),
    ),
    fetching: fetching?.modelSha256 ?? null,
    fetchAgainAt,
    kinds: options.kinds,
    canFetch: options.hasLocalStore || (desired?.storeUrl ?? null) !== null,
    startsBlocked: blocked,
  });

  const fetch = async (wish: EngineWish, storeUrl: string): Promise<void> => {
    const { modelSha256, modelId } = wish;
    const mine: Fetching = { modelSha256, progress: 0, abort: new AbortController() };
    fetching = mine;
    meter.overheadStarted();
    log.info('model-fetching', { modelId, modelSha256, bytes: wish.modelBytes });
    try {
      await cache.fetch({
        sha256: modelSha256,
        bytes: wish.modelBytes,
        storeUrl,
        onProgress: (share) => {
          mine.progress = share;
          options.onChange();
        },
        signal: mine.abort.signal,
      });
      fetchProblems.delete(modelSha256);
      fetchAgainAt.delete(modelSha256);
      log.info('model-fetched', { modelId, modelSha256 });
    } catch (error) {
      if (!mine.abort.signal.aborted) {
        const failure = asFailure(error, 'SLV_DOWNLOAD', `cannot fetch ${modelId}`);
        fetchProblems.set(modelSha256, failure.message);
        fetchAgainAt.set(
          modelSha256,
          clock.monotonicMilliseconds() + limits.fetchAgainMilliseconds,
        );
        log.warn('model-not-fetched', { modelId, code: failure.code, problem: failure.message });
      }
    } finally {
      meter.overheadEnded();
      fetching = null;
      options.onChange();
    }
  };

  const start = (wish: EngineWish): void => {
    const modelPath = cache.pathOf(wish.modelSha256);
    if (modelPath === null) return; // evicted since the decision: the next step fetches it
    const { engineId, engine, modelId, modelSha256, contextTokens, parallel } = wish;
    const threads = threadsOf(wish);
    const spec = { engineId, engine, modelId, modelSha256, contextTokens, parallel };
    log.info('engine-start', { engineId, modelId, threads, contextTokens });
    room.start({ ...spec, modelPath, threads });
  };

  const stop = (engineId: string): void => {
    const engine = room.list().find(({ spec }) => spec.engineId === engineId);
    if (engine === undefined) return;
    unwantedSince.delete(engineId);
    leaving.set(engineId, { ...engine, phase: 'stopping' });
    log.info('engine-stop', { engineId });
    void room.stop(engineId).finally(() => {
      leaving.delete(engineId);
      options.onChange();
    });
  };

  const act = (action: Action, desired: NodeDesired): void => {
    switch (action.kind) {
      case 'start':
        start(action.wish);
        return;
      case 'stop':
        stop(action.engineId);
        return;
      case 'drain':
        unwantedSince.set(action.engineId, clock.monotonicMilliseconds());
        log.info('engine-draining', { engineId: action.engineId });
        return;
      case 'keep':
        unwantedSince.delete(action.engineId);
        return;
      case 'fetch':
        void fetch(action.wish, desired.storeUrl ?? '');
        return;
      case 'cancel-fetch':
        fetching?.abort.abort();
    }
  };

  /** Loading is nobody's job: its joules are overhead. */
  const meterLoading = (): void => {
    const loading = room.list().some((engine) => engine.phase === 'loading');
    if (loading === loadingIsMetered) return;
    loadingIsMetered = loading;
    if (loading) meter.overheadStarted();
    else meter.overheadEnded();
  };

  /** What is remembered of models and engines that nobody speaks of any more. */
  const forget = (wishes: EngineWish[]): void => {
    const wished = new Set(wishes.map((wish) => wish.modelSha256));
    for (const sha256 of fetchAgainAt.keys()) if (!wished.has(sha256)) fetchAgainAt.delete(sha256);
    for (const sha256 of fetchProblems.keys())
      if (!wished.has(sha256)) fetchProblems.delete(sha256);
    const have = new Set(room.list().map((engine) => engine.spec.engineId));
    for (const engineId of unwantedSince.keys()) {
      if (!have.has(engineId)) unwantedSince.delete(engineId);
    }
  };

  const dueAt = (): number => {
    const drains = [...unwantedSince.values()].map((since) => since + limits.drainMilliseconds);
    return Math.min(Infinity, ...drains, ...(fetching === null ? fetchAgainAt.values() : []));
  };

  return {
    step: (asked, startsBlocked) => {
      if (stopped) return Infinity;
      const now = clock.monotonicMilliseconds();
      const desired = asked === null ? null : bounded(asked);
      const wishes = desired === null ? [] : wishesOf(desired);
      forget(wishes);
      const inUse = [...wishes, ...room.list().map((engine) => engine.spec)];
      cache.setInUse(new Set(inUse.map((one) => one.modelSha256)));
      const actions = decide(
        desired,
        haveOf(wishes, desired, startsBlocked),
        now,
        limits.drainMilliseconds,
      );
      if (desired !== null) for (const action of actions) act(action, desired);
      meterLoading();
      const moving = enginesNow().some(({ phase }) => phase === 'loading' || phase === 'stopping');
      settled = actions.length === 0 && fetching === null && !moving;
      return dueAt();
    },
    states: (desired) =>
      engineStates({
        wishes: desired === null ? [] : wishesOf(desired),
        engines: enginesNow(),
        fetching,
        fetchProblems,
        refusalOf: (wish) => refusalOf(wish, options.kinds),
        threadsOf,
      }),
    get settled() {
      return settled;
    },
    fetchProblems,
    stop: () => {
      stopped = true;
      fetching?.abort.abort();
    },
  };
}
