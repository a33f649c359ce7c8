// What the state message says of each engine: the wished ones in every phase from waiting to
// ready, and those that nobody wishes until they are gone. Pure.
import type { EngineState, EngineWish } from '@salvage/contract';
import type { RoomEngine } from '../engine/engine.ts';
import { clip } from '../health.ts';

export interface WishView {
  wishes: readonly EngineWish[];
  engines: readonly RoomEngine[];
  fetching: { modelSha256: string; progress: number } | null;
  /** Model -> why it could not be fetched last time. */
  fetchProblems: ReadonlyMap<string, string>;
  /** Why a wish cannot be met at all, null when it can. */
  refusalOf(wish: EngineWish): string | null;
  /** Threads that an engine of this wish would get. */
  threadsOf(wish: EngineWish): number;
}

const enginesMax = 16;

export function engineStates(view: WishView): EngineState[] {
  const running = view.engines.map(ofEngine);
  const have = new Set(view.engines.map((engine) => engine.spec.engineId));
  const waiting = view.wishes
    .filter((wish) => !have.has(wish.engineId))
    .map((wish) => ofWish(wish, view));
  return [...running, ...waiting].slice(0, enginesMax);
}

function ofEngine(engine: RoomEngine): EngineState {
  const { spec } = engine;
  return {
    engineId: spec.engineId,
    engine: spec.engine,
    modelId: spec.modelId,
    modelSha256: spec.modelSha256,
    phase: engine.phase,
    progress: shareOf(engine.progress),
    contextTokens: spec.contextTokens,
    threads: spec.threads,
    memoryBytes: engine.memoryBytes === null ? null : Math.round(engine.memoryBytes),
    jobsRunning: engine.jobsRunning,
    restarts: engine.restarts,
    problem: engine.problem === null ? null : clip(engine.problem, 200),
  };
}

function ofWish(wish: EngineWish, view: WishView): EngineState {
  const refusal = view.refusalOf(wish);
  const fetching = view.fetching?.modelSha256 === wish.modelSha256 ? view.fetching : null;
  const problem = refusal ?? (fetching ? null : view.fetchProblems.get(wish.modelSha256)) ?? null;
  return {
    engineId: wish.engineId,
    engine: wish.engine,
    modelId: wish.modelId,
    modelSha256: wish.modelSha256,
    phase: fetching ? 'fetching' : problem === null ? 'waiting' : 'failed',
    progress: shareOf(fetching?.progress ?? 0),
    contextTokens: wish.contextTokens,
    threads: view.threadsOf(wish),
    memoryBytes: null,
    jobsRunning: 0,
    restarts: 0,
    problem: problem === null ? null : clip(problem, 200),
  };
}

function shareOf(progress: number): number {
  return Number.isFinite(progress) ? Math.min(1, Math.max(0, progress)) : 0;
}
