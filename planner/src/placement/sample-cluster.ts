// Nodes and a model for tests of cost and placement: ordinary ones, with what a test cares about
// as options.
import type { Architecture, EngineName, NodeState, PowerState } from '@salvage/contract';
import type { NodeRecord } from '../cluster/state.ts';
import type { DeviceProfile } from '../cost/device-profile.ts';
import type { ModelCard } from '../models/card.ts';

export interface SampleNode {
  memoryTotalBytes?: number;
  memoryAvailableBytes?: number;
  /** Effective bandwidth of its benchmark; null: it has none. */
  bytesPerSecond?: number | null;
  kind?: 'quick' | 'full';
  inCache?: boolean;
  architecture?: Architecture;
  powerState?: PowerState;
  drained?: boolean;
  engines?: EngineName[];
  diskFreeBytes?: number;
  cacheLimitBytes?: number;
  hasBattery?: boolean;
  /** Context of the ready engine of the sample model. */
  runningContextTokens?: number | null;
}

const benchmarkModelBytes = 100e6;

export function sampleNode(nodeId: string, options: SampleNode = {}): NodeRecord {
  const architecture = options.architecture ?? 'x64';
  const bytesPerSecond = options.bytesPerSecond === undefined ? 8e9 : options.bytesPerSecond;
  const tokensPerSecond = (bytesPerSecond ?? 0) / benchmarkModelBytes;
  const memoryTotalBytes = options.memoryTotalBytes ?? 4e9;
  return {
    nodeId,
    hello: {
      v: 1,
      nodeId,
      name: nodeId,
      agentVersion: '0.1.0',
      bootId: null,
      startedAt: 0,
      facts: {
        architecture,
        addressBits: architecture === 'armv7l' ? 32 : 64,
        machineVendor: 'ACME',
        machineProduct: nodeId,
        cpuName: 'cpu',
        cpuFlags: architecture === 'x64' ? ['avx', 'avx2'] : ['asimd'],
        coresPhysical: 4,
        coresLogical: 4,
        cacheLastLevelBytes: 3e6,
        memoryTotalBytes,
        kernel: '6.1',
        distribution: null,
        glibc: '2.36',
        hasBattery: options.hasBattery ?? false,
        diskFreeBytes: options.diskFreeBytes ?? 50e9,
        network: [{ name: 'eth0', kind: 'wired', speedMegabits: 1_000, macAddress: null }],
      },
      tunnel: { addresses: ['192.0.2.1'], port: 11_435 },
      engines: (options.engines ?? ['binding']).map((name) => ({ name, release: 'v0.5.0' })),
      benchmark:
        bytesPerSecond === null
          ? null
          : {
              kind: options.kind ?? 'full',
              measuredAt: 0,
              seconds: 1,
              engineRelease: 'v0.5.0',
              modelBytes: benchmarkModelBytes,
              modelQuant: 'Q8_0',
              modelExceedsCache: options.inCache !== true,
              threadsBest: 2,
              decodeTokensPerSecond: tokensPerSecond,
              promptTokensPerSecond: tokensPerSecond * 3,
              threads: [],
              batchCurve: [],
              diskBytesPerSecond: 200e6,
              throttled: null,
            },
    },
    status: { v: 1, state: options.powerState ?? 'awake', since: 0, wakeExpectedAt: null },
    state: stateOf(options, memoryTotalBytes),
    health: null,
    desired: null,
    drained: options.drained ?? false,
    links: {},
  };
}

function stateOf(options: SampleNode, memoryTotalBytes: number): NodeState {
  const contextTokens = options.runningContextTokens ?? null;
  const engine = {
    engineId: 'sample',
    engine: 'binding' as const,
    modelId: sampleCard().modelId,
    modelSha256: sampleCard().sha256,
    phase: 'ready' as const,
    progress: 1,
    contextTokens: contextTokens ?? 0,
    threads: 2,
    memoryBytes: null,
    jobsRunning: 0,
    restarts: 0,
    problem: null,
  };
  return {
    v: 1,
    at: 0,
    desiredRevision: 0,
    memoryAvailableBytes: options.memoryAvailableBytes ?? memoryTotalBytes * 0.8,
    loadAverage: 0,
    temperatureCelsius: null,
    throttled: null,
    engines: contextTokens === null ? [] : [engine],
    cache: { usedBytes: 0, limitBytes: options.cacheLimitBytes ?? 20e9, models: [] },
    agent: { cpuSeconds: 0, memoryBytes: 0, bytesSent: 0 },
  };
}

/** About Qwen3 0.6B in Q8_0. */
export function sampleCard(over: Partial<ModelCard> = {}): ModelCard {
  return {
    modelId: 'qwen3-0.6b:q8_0',
    name: 'Qwen3 0.6B',
    sha256: 'a'.repeat(64),
    bytes: 639e6,
    path: '/models/a.gguf',
    architecture: 'qwen3',
    quant: 'Q8_0',
    parameters: 596e6,
    layers: 28,
    width: 1_024,
    heads: 16,
    headsKv: 8,
    headSizeKey: 128,
    headSizeValue: 128,
    vocabulary: 151_936,
    experts: 0,
    expertsActive: 0,
    bytesPerToken: 633e6,
    contextTokensMax: 40_960,
    chatTemplate: null,
    startTokenText: null,
    endTokenText: null,
    licence: 'apache-2.0',
    source: 'sample',
    notice: null,
    addedAt: 0,
    ...over,
  };
}

export function sampleProfile(profileId: string, loadWatts: number): DeviceProfile {
  return {
    profileId,
    name: profileId,
    idleWatts: loadWatts / 4,
    loadWatts,
    suspendWatts: null,
    offWatts: null,
    decodeBytesPerSecond: null,
    scope: 'wall',
    relativeError: 0.4,
    source: 'sample',
  };
}
