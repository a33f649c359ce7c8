// What the ledger keeps of a job. The texts are not among it.
import type { EndReason, JobEnergy, JobPhase, ModelId, NodeId, Timings } from '@salvage/contract';

export interface JobRecord {
  jobId: string;
  client: string;
  modelId: ModelId;
  nodeId: NodeId | null;
  /** `openai`, `ollama`, `horde`, `cli`, `ask`. */
  dialect: string;
  phase: JobPhase;
  queuedAt: number;
  startedAt: number | null;
  firstTokenAt: number | null;
  endedAt: number | null;
  endReason: EndReason | null;
  /** What the engine's own clock says, summed over replays. */
  timings: Timings | null;
  /** As the node reported it at the end; the ledger's own attribution is the account. */
  energy: JobEnergy | null;
  /** Times the answer was taken up again on another or a restarted engine. */
  replays: number;
  problem: string | null;
}
