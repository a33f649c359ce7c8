// What the gateway asks of the rest of the planner, as interfaces: so that its tests need no
// broker and no engine, and the arrows run one way.
import type { CompletionEvent, CompletionRequest, ModelId, NodeId } from '@salvage/contract';
import type { JobRecord } from '../ledger/types.ts';
import type { ModelCard } from '../models/card.ts';

/** A ready engine on some node; calls go through that node's mutual-TLS port. */
export interface ReadyEngine {
  nodeId: NodeId;
  engineId: string;
  contextTokens: number;
  parallel: number;
  /** From the placement's price; corrected by what was measured since. */
  decodeTokensPerSecond: number;
  promptTokensPerSecond: number;
  /** Aborting closes the connection, which cancels the answer on the node. */
  complete(request: CompletionRequest, signal: AbortSignal): AsyncIterable<CompletionEvent>;
}

export interface Engines {
  /**
   * An engine for the model, placed and loaded if need be. Rejects with a SalvageError:
   * SLV_NO_PLACE at once when nothing can serve it, SLV_TIMEOUT when loading takes too long.
   */
  acquire(modelId: ModelId, signal: AbortSignal): Promise<ReadyEngine>;
  /** The engine if it is ready now, without placing anything. */
  current(modelId: ModelId): ReadyEngine | null;
  /** Tells that an engine broke, so that it is not handed out again before it is ready anew. */
  report(engineId: string, nodeId: NodeId, problem: string): void;
}

export interface Client {
  /** Name of the key's owner, `local` on loopback without a key. */
  name: string;
}

export interface GatewayPorts {
  models: { list(): ModelCard[]; get(modelId: string): ModelCard | null };
  engines: Engines;
  /** Null: no valid key. Loopback callers without a key are the client `local`. */
  authenticate(bearerKey: string | null, fromLoopback: boolean): Client | null;
  recordJob(job: JobRecord): void;
  onJobPhase(job: JobRecord): void;
}
