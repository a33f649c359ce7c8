// What the agent's main needs of its engines. The child's main (`binding/child.ts`) is not here:
// whoever forks an engine imports it lazily, so that the agent itself stays free of it.
export { type BindingOptions, createBindingKind } from './binding/kind.ts';
export type {
  Engine,
  EngineKind,
  EngineRoom,
  EngineSpec,
  JobMeter,
  RoomEngine,
} from './engine.ts';
export { createFakeKind, type FakeEngine, type FakeOptions } from './fake/kind.ts';
export { engineLimits } from './limits.ts';
export { createEngineRoom, type EngineRoomOptions } from './room.ts';
