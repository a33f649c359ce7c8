// The room that owns the engines of this node. It keeps what is wanted running, gives each answer
// its turn, and never lets one engine's trouble reach another.
import { isDeepStrictEqual } from 'node:util';
import type { CompletionRequest } from '@salvage/contract';
import type { Clock, Log } from '@salvage/kit';
import type { EngineKind, EngineRoom, EngineSpec, JobMeter } from './engine.ts';
import { createEventQueue } from './event-queue.ts';
import { errorEvent, serve } from './serve.ts';
import { createSlot, type Slot } from './slot.ts';

export interface EngineRoomOptions {
  kinds: EngineKind[];
  clock: Clock;
  log: Log;
  meter: JobMeter;
  /** Something that `list()` shows has changed; called often while a model loads. */
  onChange(): void;
}

export function createEngineRoom(options: EngineRoomOptions): EngineRoom {
  const { kinds, clock, log, meter, onChange } = options;
  const slots = new Map<string, Slot>();
  // Engines that are being ended, by id: the next one of that id waits for their memory.
  const leaving = new Map<string, Promise<void>>();

  const leave = (slot: Slot): Promise<void> => {
    const { engineId } = slot.spec;
    const before = leaving.get(engineId);
    const gone = Promise.all([before, slot.stop()]).then(() => {
      if (leaving.get(engineId) === gone) leaving.delete(engineId);
      onChange();
    });
    leaving.set(engineId, gone);
    return gone;
  };

  const stop = async (engineId: string): Promise<void> => {
    const slot = slots.get(engineId);
    slots.delete(engineId);
    if (slot !== undefined) void leave(slot);
    await leaving.get(engineId);
  };

  return {
    start: (spec: EngineSpec) => {
      const had = slots.get(spec.engineId);
      if (had !== undefined && isDeepStrictEqual(had.spec, spec)) return;
      if (had !== undefined) void leave(had);
      const after = leaving.get(spec.engineId) ?? Promise.resolve();
      const kind = kinds.find((one) => one.name === spec.engine) ?? null;
      slots.set(spec.engineId, createSlot({ kind, spec, after, clock, log, onChange }));
      onChange();
    },
    stop,
    stopAll: async () => {
      await Promise.all([...slots.keys(), ...leaving.keys()].map(stop));
    },
    list: () => [...slots.values()].map((slot) => slot.describe()),
    async *complete(engineId: string, request: CompletionRequest, signal: AbortSignal) {
      const slot = slots.get(engineId);
      if (slot === undefined) {
        yield errorEvent('SLV_ENGINE_UNKNOWN', `this node has no engine ${engineId}`);
        return;
      }
      const queue = createEventQueue();
      const gone = new AbortController();
      const leaveIt = (): void => gone.abort();
      if (signal.aborted) leaveIt();
      signal.addEventListener('abort', leaveIt, { once: true });
      const push = queue.push;
      void serve({ slot, request, signal: gone.signal, push, clock, log, meter, onChange }).finally(
        queue.close,
      );
      try {
        yield* queue;
      } finally {
        signal.removeEventListener('abort', leaveIt);
        leaveIt();
      }
    },
    get jobsRunning() {
      return [...slots.values()].reduce((sum, slot) => sum + slot.describe().jobsRunning, 0);
    },
  };
}
