// The engine interface. An engine makes tokens in a child process: llama.cpp may abort(), and that
// must never take the agent. Adapters (`binding`, `fake`, later llama-server) end their
// declaration with `satisfies EngineKind`.
import type {
  CompletionEvent,
  CompletionRequest,
  EngineName,
  JobEnergy,
  ModelId,
} from '@salvage/contract';

/** Everything an engine needs to start; paths are on this node's disk. */
export interface EngineSpec {
  engineId: string;
  engine: EngineName;
  modelId: ModelId;
  modelSha256: string;
  modelPath: string;
  contextTokens: number;
  /** At least 1; the caller has resolved "best measured". */
  threads: number;
  parallel: number;
}

/** What an engine in a child process reports to the room that owns it. */
export interface Engine {
  readonly spec: EngineSpec;
  /** Process id of the child; null before the start and after the end. */
  readonly pid: number | null;
  /** Loads the model; resolves when it can answer. `onProgress` gets 0 to 1. Rejects with SLV_ENGINE_START. */
  start(onProgress: (share: number) => void): Promise<void>;
  /**
   * One answer. Yields `prompt` first, ends with `end` or `error`; aborting `signal` ends it with
   * reason `cancelled`. Throws nothing: a dying child becomes an `error` event.
   */
  complete(request: CompletionRequest, signal: AbortSignal): AsyncIterable<CompletionEvent>;
  /** Resident memory of the child in bytes, null when it is gone. */
  memoryBytes(): number | null;
  /** User + system CPU seconds of the child since it started. */
  cpuSeconds(): number | null;
  /** SIGTERM, SIGKILL after a grace; resolves when the child is gone. */
  stop(): Promise<void>;
  /** Resolves once, with a reason for people, when the child is gone for whatever cause. */
  readonly ended: Promise<string>;
}

/** One way of making tokens: looked up by name, created lazily. */
export interface EngineKind {
  readonly name: EngineName;
  /** The llama.cpp release it carries, for example `v0.5.0`; null when it cannot run here. */
  release(): Promise<string | null>;
  create(spec: EngineSpec): Engine;
}

/** What the room that owns the engines says of one of them. */
export interface RoomEngine {
  spec: EngineSpec;
  phase: 'loading' | 'ready' | 'failed' | 'stopping';
  /** Share of the loading that is done, 0 to 1. */
  progress: number;
  /** Answers at work and answers that wait. */
  jobsRunning: number;
  /** Times the child was started again. */
  restarts: number;
  /** Why it failed last, for people; null while all is well. */
  problem: string | null;
  memoryBytes: number | null;
}

/** The engines of this node: starts, watches, restarts and ends them. */
export interface EngineRoom {
  /** Starts an engine; the same spec again does nothing, another spec under its id replaces it. */
  start(spec: EngineSpec): void;
  /** Ends it and forgets it; resolves when its child is gone. Unknown ids resolve at once. */
  stop(engineId: string): Promise<void>;
  stopAll(): Promise<void>;
  list(): RoomEngine[];
  /**
   * One answer: waits its turn (bounded), is watched for progress, and ends with `end` (with the
   * job's energy in it) or `error`. Throws nothing.
   */
  complete(
    engineId: string,
    request: CompletionRequest,
    signal: AbortSignal,
  ): AsyncIterable<CompletionEvent>;
  /** Answers at work and waiting, over all engines. */
  readonly jobsRunning: number;
}

/** What the engine room tells the meters, so that windows are cut at the edges of jobs. */
export interface JobMeter {
  started(jobId: string): void;
  /** Resolves with the energy of the job once its last window is closed. */
  ended(jobId: string): Promise<JobEnergy | null>;
}
