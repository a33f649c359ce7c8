// The operator's door: JSON under /salvage/v1 on the gateway's port, with the key that lies in
// `<state>/keys/operator`. The command line is its client; what it shows comes from here.
//
//   GET    /status                       StatusView
//   PATCH  /nodes/:nodeId                { name?, drained? } -> NodeView
//   DELETE /nodes/:nodeId                {}
//   GET    /nodes/:nodeId/logs?lines=N   { lines: string[] }
//   GET    /models                       ModelView[]
//   GET    /catalogue                    CatalogueView[]
//   POST   /models/inspect               { source } -> ModelOffer
//   POST   /models                       { source, modelId? } -> NDJSON of AddEvent
//   DELETE /models/:modelId              {}
//   POST   /place                        { modelId, contextTokens? } -> PlaceView
//   GET    /tokens                       TokenView[]
//   POST   /tokens                       TokenWish -> TokenCreated
//   DELETE /tokens/:tokenId              {}
//   GET    /energy?since=MS&until=MS     EnergyReport
//   GET    /jobs?limit=N                 JobRecord[], newest first
//   GET    /doctor                       Finding[]
//   POST   /join/prepare                 { architecture } -> NDJSON of PrepareEvent
//
// Errors: OperatorError with a 4xx or 5xx status.
import type {
  Architecture,
  Benchmark,
  BrokerStatus,
  EngineState,
  HealthWarning,
  Interval,
} from '@salvage/contract';
import type { TokenRecord } from '../hub/token-store.ts';
import type { ModelCard } from '../models/card.ts';
import type { ModelOffer } from '../models/offer.ts';
import type { PlaceAnswer } from '../placement/types.ts';

export interface OperatorError {
  code: string;
  message: string;
  hint: string;
}

export interface NodeView {
  nodeId: string;
  name: string;
  /** `unknown`: enrolled, but never heard of since the planner started. */
  state: 'awake' | 'waking' | 'asleep' | 'off' | 'gone' | 'unknown';
  drained: boolean;
  local: boolean;
  machine: string | null;
  cpuName: string | null;
  architecture: string | null;
  coresPhysical: number | null;
  memoryTotalBytes: number | null;
  memoryAvailableBytes: number | null;
  benchmark: Benchmark | null;
  engines: EngineState[];
  /** Watts of a matching device profile: an estimate (E). */
  watts: { idle: Interval; load: Interval; profileId: string; source: string } | null;
  warnings: HealthWarning[];
  agentVersion: string | null;
  /** What the machine can be, and why or why not. */
  roles: { role: string; can: boolean; because: string }[];
}

export interface StatusView {
  clusterId: string;
  version: string;
  startedAt: number;
  broker: BrokerStatus | null;
  brokerConnected: boolean;
  gatewayUrl: string;
  /** The join door as other machines reach it; null while it is closed to the network. */
  hubUrl: string | null;
  lanOpen: boolean;
  nodes: NodeView[];
  placements: {
    modelId: string;
    nodeId: string;
    contextTokens: number;
    ready: boolean;
    reason: string;
  }[];
  jobs: { running: number; waiting: number };
  warnings: HealthWarning[];
}

export type ModelView = Omit<ModelCard, 'chatTemplate'> & {
  hasChatTemplate: boolean;
  /** Nodes where it is ready now. */
  readyOn: string[];
};

export interface CatalogueView {
  modelId: string;
  name: string;
  source: string;
  bytes: number;
  parameters: number;
  licence: string;
  about: string;
  installed: boolean;
  /** Predicted on the best node of this cluster; null when no node can run it. */
  tokensPerSecond: Interval | null;
  bestNode: string | null;
  refusedBecause: string | null;
}

export type AddEvent =
  | { event: 'progress'; doneBytes: number; totalBytes: number | null; step: 'fetch' | 'verify' }
  | { event: 'added'; model: ModelView }
  | ({ event: 'error' } & OperatorError);

export interface PlaceView {
  modelId: string;
  answer: PlaceAnswer;
  /** The answer in words, several lines. */
  explanation: string;
}

export type TokenView = Omit<TokenRecord, 'sha256'>;

export interface TokenWish {
  for: 'node' | 'client';
  name: string;
  expiresSeconds: number | null;
  /** The agent of this machine: opens no door. */
  local: boolean;
}

export interface TokenCreated {
  token: string;
  record: TokenView;
  /** The line for the other machine's terminal; null where no door is open. */
  joinLine: string | null;
}

export interface Finding {
  severity: 'ok' | 'info' | 'warning' | 'error';
  what: string;
  detail: string;
  advice: string;
}

export type PrepareEvent =
  | { event: 'progress'; text: string }
  | { event: 'done'; architecture: Architecture; bytes: number }
  | ({ event: 'error' } & OperatorError);
export type { ModelOffer };
