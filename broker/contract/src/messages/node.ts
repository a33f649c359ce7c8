// What a node says of itself: hello (facts, once a connection), status (its power state, also its
// last will), state (what it does now), energy (readings), health (lasting trouble), reply.
import * as v from 'valibot';
import { EngineId, JobId, ModelId, NodeId, Sha256 } from '../ids.ts';
import { Amount, Count, HealthWarning, Name, PortNumber, Text, Time, Version } from './shared.ts';

export const architectures = ['x64', 'arm64', 'armv7l', 'riscv64'] as const;
export type Architecture = (typeof architectures)[number];

/** What the machine is, read from /proc and /sys once at start. */
export const Facts = v.object({
  architecture: v.picklist(architectures),
  addressBits: v.picklist([32, 64]),
  machineVendor: v.nullable(Name),
  machineProduct: v.nullable(Name),
  cpuName: v.nullable(Name),
  cpuFlags: v.pipe(v.array(v.pipe(v.string(), v.maxLength(32))), v.maxLength(400)),
  coresPhysical: Count,
  coresLogical: Count,
  cacheLastLevelBytes: v.nullable(Count),
  memoryTotalBytes: Count,
  kernel: Name,
  distribution: v.nullable(Name),
  glibc: v.nullable(Name),
  hasBattery: v.boolean(),
  diskFreeBytes: Count,
  network: v.pipe(
    v.array(
      v.object({
        name: Name,
        kind: v.picklist(['wired', 'wireless', 'other']),
        speedMegabits: v.nullable(Amount),
        macAddress: v.nullable(Name),
      }),
    ),
    v.maxLength(16),
  ),
});
export type Facts = v.InferOutput<typeof Facts>;

/** One measured speed; `batch` sequences at once, tokens/s summed over them. */
const Speed = v.object({ batch: Count, tokensPerSecond: Amount });

/**
 * What the micro-benchmark measured. `modelBytes` is what one token reads, so
 * `decode × modelBytes` is the effective bandwidth that predictions use.
 */
export const Benchmark = v.object({
  kind: v.picklist(['quick', 'full']),
  measuredAt: Time,
  seconds: Amount,
  engineRelease: Name,
  modelBytes: Count,
  modelQuant: Name,
  /** False when the model was too small to leave the last-level cache: read speeds as hopes. */
  modelExceedsCache: v.boolean(),
  threadsBest: Count,
  decodeTokensPerSecond: Amount,
  promptTokensPerSecond: Amount,
  threads: v.pipe(v.array(v.object({ threads: Count, tokensPerSecond: Amount })), v.maxLength(16)),
  batchCurve: v.pipe(v.array(Speed), v.maxLength(8)),
  diskBytesPerSecond: v.nullable(Amount),
  throttled: v.nullable(v.boolean()),
});
export type Benchmark = v.InferOutput<typeof Benchmark>;

export const engineNames = ['binding', 'llama-server', 'rpc-server', 'fake'] as const;
export type EngineName = (typeof engineNames)[number];

export const NodeHello = v.object({
  v: Version,
  nodeId: NodeId,
  name: Name,
  agentVersion: Name,
  bootId: v.nullable(Name),
  startedAt: Time,
  facts: Facts,
  /** How others reach the node's mutual-TLS port; the first address is the one it was told. */
  tunnel: v.object({ addresses: v.pipe(v.array(Name), v.maxLength(8)), port: PortNumber }),
  engines: v.pipe(
    v.array(v.object({ name: v.picklist(engineNames), release: Name })),
    v.maxLength(8),
  ),
  benchmark: v.nullable(Benchmark),
});
export type NodeHello = v.InferOutput<typeof NodeHello>;

export const powerStates = ['awake', 'waking', 'asleep', 'off', 'gone'] as const;
export type PowerState = (typeof powerStates)[number];

export const NodeStatus = v.object({
  v: Version,
  state: v.picklist(powerStates),
  /** Null in a last will: the broker sends it long after it was written. */
  since: v.nullable(Time),
  wakeExpectedAt: v.optional(v.nullable(Time), null),
});
export type NodeStatus = v.InferOutput<typeof NodeStatus>;

export const enginePhases = [
  'waiting',
  'fetching',
  'loading',
  'ready',
  'failed',
  'stopping',
] as const;
export type EnginePhase = (typeof enginePhases)[number];

export const EngineState = v.object({
  engineId: EngineId,
  engine: v.picklist(engineNames),
  modelId: ModelId,
  modelSha256: Sha256,
  phase: v.picklist(enginePhases),
  /** Share of the phase that is done, 0 to 1. */
  progress: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  contextTokens: Count,
  threads: Count,
  memoryBytes: v.nullable(Count),
  jobsRunning: Count,
  restarts: Count,
  problem: v.nullable(Text),
});
export type EngineState = v.InferOutput<typeof EngineState>;

export const NodeState = v.object({
  v: Version,
  at: Time,
  /** Revision of the `desired` document that this state answers; 0 before the first. */
  desiredRevision: Count,
  memoryAvailableBytes: Count,
  loadAverage: Amount,
  temperatureCelsius: v.nullable(v.number()),
  throttled: v.nullable(v.boolean()),
  engines: v.pipe(v.array(EngineState), v.maxLength(16)),
  cache: v.object({
    usedBytes: Count,
    limitBytes: Count,
    models: v.pipe(v.array(Sha256), v.maxLength(200)),
  }),
  agent: v.object({ cpuSeconds: Amount, memoryBytes: Count, bytesSent: Count }),
});
export type NodeState = v.InferOutput<typeof NodeState>;

export const energyMethods = ['counter', 'gauge', 'battery', 'pmic', 'plug', 'model'] as const;
export const energyScopes = ['wall', 'dc', 'package', 'soc', 'group'] as const;
export const energyQualities = ['measured', 'calibrated', 'estimated'] as const;

/**
 * Energy of one node over [t0, t1). The agent cuts its windows at job starts and ends, so a
 * reading belongs wholly to the jobs it names, or to idle, or to overhead. Null microjoules are
 * a gap (suspend, reboot, read error, no meter): never a zero. CPU seconds stand beside them.
 */
export const EnergyReading = v.object({
  t0: Time,
  t1: Time,
  microjoules: v.nullable(Count),
  cpuSeconds: v.nullable(Amount),
  method: v.nullable(v.picklist(energyMethods)),
  scope: v.nullable(v.picklist(energyScopes)),
  quality: v.nullable(v.picklist(energyQualities)),
  relativeError: v.nullable(Amount),
  source: Name,
  spentOn: v.picklist(['job', 'idle', 'overhead']),
  jobIds: v.pipe(v.array(JobId), v.maxLength(16)),
});
export type EnergyReading = v.InferOutput<typeof EnergyReading>;

export const NodeEnergy = v.object({
  v: Version,
  /** Counts up from 1 within one run of the agent, so that duplicates and losses show. */
  sequence: Count,
  runId: Name,
  readings: v.pipe(v.array(EnergyReading), v.maxLength(64)),
});
export type NodeEnergy = v.InferOutput<typeof NodeEnergy>;

export const NodeHealth = v.object({
  v: Version,
  warnings: v.pipe(v.array(HealthWarning), v.maxLength(32)),
});
export type NodeHealth = v.InferOutput<typeof NodeHealth>;

/** The answer to one command; `result` is what the command's row in `commandResults` says. */
export const NodeReply = v.object({
  v: Version,
  commandId: Name,
  ok: v.boolean(),
  code: v.nullable(Name),
  message: v.nullable(Text),
  result: v.nullable(v.record(v.string(), v.unknown())),
});
export type NodeReply = v.InferOutput<typeof NodeReply>;
