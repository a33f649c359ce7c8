// (wish, have) -> what to do next. Pure: no clock, no disk. Applied again and again it reaches the
// wish: one model is fetched at a time and one engine loaded at a time, because an old machine has
// neither the network nor the memory for two; nothing is loaded before what is not wished has
// left the memory; and an engine that is not wished first ends its jobs, for a while.
import type { EngineName, EngineWish, NodeDesired } from '@salvage/contract';

export interface HaveEngine {
  engineId: string;
  engine: EngineName;
  modelSha256: string;
  contextTokens: number;
  threads: number;
  parallel: number;
  phase: 'loading' | 'ready' | 'failed' | 'stopping';
  jobsRunning: number;
  /** Monotonic milliseconds since when nobody wishes it; null while somebody does. */
  unwantedSince: number | null;
}

export interface Have {
  engines: readonly HaveEngine[];
  /** Models that are whole and verified on this node. */
  cached: ReadonlySet<string>;
  /** The model that is being fetched now. */
  fetching: string | null;
  /** Model -> monotonic milliseconds before which it is not fetched again. */
  fetchAgainAt: ReadonlyMap<string, number>;
  /** Engines that can run here. */
  kinds: ReadonlySet<EngineName>;
  /** False while nobody has said where models come from. */
  canFetch: boolean;
  /** True while a benchmark runs: an engine beside it would spoil both. */
  startsBlocked: boolean;
}

export type Action =
  | { kind: 'start'; wish: EngineWish }
  | { kind: 'stop'; engineId: string }
  /** Remember that nobody wishes it, and let its jobs end. */
  | { kind: 'drain'; engineId: string }
  | { kind: 'keep'; engineId: string }
  | { kind: 'fetch'; wish: EngineWish }
  | { kind: 'cancel-fetch'; modelSha256: string };

/**
 * The next actions; none when all is as wished, or must wait. `desired` is null before the first
 * wish: nothing is changed then. `now` is monotonic, like the times in `have`.
 */
export function decide(
  desired: NodeDesired | null,
  have: Have,
  now: number,
  drainMilliseconds: number,
): Action[] {
  if (desired === null) return [];
  const wishes = wishesOf(desired).filter((wish) => refusalOf(wish, have.kinds) === null);
  return [
    ...ends(wishes, have, now, drainMilliseconds),
    ...fetches(wishes, have, now),
    ...starts(wishes, have),
  ];
}

/** The engines that count: none while the node is drained, and one for each id. */
export function wishesOf(desired: NodeDesired): EngineWish[] {
  if (!desired.work) return [];
  return [...new Map(desired.engines.map((wish) => [wish.engineId, wish])).values()];
}

/** Why this agent cannot run a wish at all; null when it can. */
export function refusalOf(wish: EngineWish, kinds: ReadonlySet<EngineName>): string | null {
  if (wish.part !== 'whole') return `this agent runs whole models only, not a ${wish.part}`;
  if (!kinds.has(wish.engine)) return `the engine ${wish.engine} cannot run on this node`;
  return null;
}

/** True when the engine is what the wish asks for; 0 threads takes any number. */
export function fulfils(engine: HaveEngine, wish: EngineWish): boolean {
  return (
    engine.engineId === wish.engineId &&
    engine.engine === wish.engine &&
    engine.modelSha256 === wish.modelSha256 &&
    engine.contextTokens === wish.contextTokens &&
    engine.parallel === wish.parallel &&
    (wish.threads === 0 || engine.threads === wish.threads)
  );
}

function ends(wishes: EngineWish[], have: Have, now: number, drainMilliseconds: number): Action[] {
  return have.engines.flatMap((engine): Action[] => {
    const { engineId } = engine;
    if (engine.phase === 'stopping') return [];
    if (wishes.some((wish) => fulfils(engine, wish))) {
      return engine.unwantedSince === null ? [] : [{ kind: 'keep', engineId }];
    }
    if (engine.jobsRunning === 0) return [{ kind: 'stop', engineId }];
    if (engine.unwantedSince === null) return [{ kind: 'drain', engineId }];
    return now - engine.unwantedSince >= drainMilliseconds ? [{ kind: 'stop', engineId }] : [];
  });
}

function fetches(wishes: EngineWish[], have: Have, now: number): Action[] {
  const { fetching } = have;
  if (fetching !== null) {
    const wished = wishes.some((wish) => wish.modelSha256 === fetching);
    return wished ? [] : [{ kind: 'cancel-fetch', modelSha256: fetching }];
  }
  if (!have.canFetch) return [];
  const next = wishes.find(
    ({ modelSha256 }) =>
      !have.cached.has(modelSha256) && (have.fetchAgainAt.get(modelSha256) ?? now) <= now,
  );
  return next === undefined ? [] : [{ kind: 'fetch', wish: next }];
}

function starts(wishes: EngineWish[], have: Have): Action[] {
  if (have.startsBlocked) return [];
  const isWished = (engine: HaveEngine): boolean => wishes.some((wish) => fulfils(engine, wish));
  const waits = have.engines.some(
    (engine) => engine.phase === 'loading' || engine.phase === 'stopping' || !isWished(engine),
  );
  if (waits) return [];
  const next = wishes.find(
    (wish) =>
      have.cached.has(wish.modelSha256) &&
      !have.engines.some((engine) => engine.engineId === wish.engineId),
  );
  return next === undefined ? [] : [{ kind: 'start', wish: next }];
}
