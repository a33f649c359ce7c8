// One valid message for each topic: the fixtures of the present wire version are printed from
// these, and property tests start from them.
import type { Message, TopicIds, TopicName } from '@salvage/contract';

export type Sample = {
  [Name in TopicName]: { name: Name; ids: TopicIds<Name>; message: Message<Name> };
}[TopicName];

const at = 1_790_000_000_000;
const sha256 = 'ab'.repeat(32);
const engine = {
  engineId: 'qwen3-0-6b-q8-0-abababab',
  engine: 'binding',
  modelId: 'qwen3-0.6b:q8_0',
  modelSha256: sha256,
} as const;
const node = { nodeId: 'x220' };

export const samples: Sample[] = [
  {
    name: 'nodeHello',
    ids: node,
    message: {
      v: 1,
      nodeId: 'x220',
      name: 'The old ThinkPad',
      agentVersion: '0.1.0',
      bootId: '0a9d1d5e-9a44-4a3e-8c27-7b1f0de8c1aa',
      startedAt: at,
      facts: {
        architecture: 'x64',
        addressBits: 64,
        machineVendor: 'LENOVO',
        machineProduct: 'ThinkPad X220',
        cpuName: 'Intel(R) Core(TM) i5-2520M CPU @ 2.50GHz',
        cpuFlags: ['sse4_2', 'avx'],
        coresPhysical: 2,
        coresLogical: 4,
        cacheLastLevelBytes: 3_145_728,
        memoryTotalBytes: 8_210_640_896,
        kernel: '6.12.48+deb13-amd64',
        distribution: 'Debian GNU/Linux 13 (trixie)',
        glibc: '2.41',
        hasBattery: true,
        diskFreeBytes: 80_000_000_000,
        network: [
          { name: 'enp0s25', kind: 'wired', speedMegabits: 1000, macAddress: 'f0:de:f1:0a:0b:0c' },
        ],
      },
      tunnel: { addresses: ['192.168.1.20'], port: 11435 },
      engines: [{ name: 'binding', release: 'v0.5.0' }],
      benchmark: {
        kind: 'full',
        measuredAt: at,
        seconds: 41.5,
        engineRelease: 'v0.5.0',
        modelBytes: 12_582_912,
        modelQuant: 'Q4_0',
        modelExceedsCache: true,
        threadsBest: 2,
        decodeTokensPerSecond: 610.5,
        promptTokensPerSecond: 1900,
        threads: [
          { threads: 1, tokensPerSecond: 400 },
          { threads: 2, tokensPerSecond: 610.5 },
        ],
        batchCurve: [
          { batch: 1, tokensPerSecond: 610.5 },
          { batch: 8, tokensPerSecond: 1210 },
        ],
        diskBytesPerSecond: 240_000_000,
        throttled: false,
      },
    },
  },
  {
    name: 'nodeStatus',
    ids: node,
    message: { v: 1, state: 'awake', since: at, wakeExpectedAt: null },
  },
  {
    name: 'nodeState',
    ids: node,
    message: {
      v: 1,
      at,
      desiredRevision: 7,
      memoryAvailableBytes: 5_000_000_000,
      loadAverage: 0.4,
      temperatureCelsius: 61,
      throttled: false,
      engines: [
        {
          ...engine,
          phase: 'ready',
          progress: 1,
          contextTokens: 4096,
          threads: 2,
          memoryBytes: 900_000_000,
          jobsRunning: 1,
          restarts: 0,
          problem: null,
        },
      ],
      cache: { usedBytes: 639_446_688, limitBytes: 40_000_000_000, models: [sha256] },
      agent: { cpuSeconds: 12.5, memoryBytes: 61_000_000, bytesSent: 123_456 },
    },
  },
  {
    name: 'nodeEnergy',
    ids: node,
    message: {
      v: 1,
      sequence: 3,
      runId: 'f3a1',
      readings: [
        {
          t0: at,
          t1: at + 4_000,
          microjoules: 92_000_000,
          cpuSeconds: 7.9,
          method: 'model',
          scope: 'wall',
          quality: 'estimated',
          relativeError: 0.4,
          source: 'profile thinkpad-x220',
          spentOn: 'job',
          jobIds: ['job-abcdefgh12345678'],
        },
        {
          t0: at + 4_000,
          t1: at + 34_000,
          microjoules: null,
          cpuSeconds: 0,
          method: null,
          scope: null,
          quality: null,
          relativeError: null,
          source: 'none',
          spentOn: 'idle',
          jobIds: [],
        },
      ],
    },
  },
  {
    name: 'nodeHealth',
    ids: node,
    message: {
      v: 1,
      warnings: [
        {
          code: 'disk-low',
          severity: 'warning',
          title: 'The disk is nearly full',
          text: '212 MB are free',
          advice: 'remove models that are not used',
          since: at,
        },
      ],
    },
  },
  {
    name: 'nodeReply',
    ids: node,
    message: {
      v: 1,
      commandId: 'c1',
      ok: true,
      code: null,
      message: null,
      result: { roundTripMilliseconds: 0.6, bytesPerSecond: 90_000_000 },
    },
  },
  {
    name: 'nodeDesired',
    ids: node,
    message: {
      v: 1,
      revision: 7,
      work: true,
      engines: [
        {
          ...engine,
          part: 'whole',
          modelBytes: 639_446_688,
          contextTokens: 4096,
          threads: 0,
          parallel: 1,
        },
      ],
      wattsProfile: {
        profileId: 'thinkpad-x220',
        idleWatts: 12,
        loadWatts: 38,
        relativeError: 0.4,
        scope: 'wall',
      },
      storeUrl: 'https://192.168.1.10:11443/store/models',
    },
  },
  {
    name: 'nodeCommand',
    ids: node,
    message: {
      v: 1,
      commandId: 'c1',
      expiresAt: at + 15_000,
      command: { kind: 'measure-link', peer: 'pi-4', addresses: ['192.168.1.21'], port: 11435 },
    },
  },
  {
    name: 'plannerStatus',
    ids: {},
    message: { v: 1, state: 'online', instanceId: 'p1', version: '0.1.0', since: at, warnings: [] },
  },
  {
    name: 'plannerPlacements',
    ids: {},
    message: {
      v: 1,
      at,
      placements: [
        {
          modelId: 'qwen3-0.6b:q8_0',
          kind: 'whole',
          head: 'x220',
          workers: [],
          contextTokens: 4096,
          reason: 'the fewest joules per token of 2 nodes',
        },
      ],
    },
  },
  {
    name: 'brokerDesired',
    ids: {},
    message: {
      v: 1,
      revision: 3,
      lanOpen: true,
      credentials: [
        { user: 'x220', role: 'node', nodeId: 'x220', hash: '$7$101$c2FsdA==$aGFzaA==' },
      ],
    },
  },
  {
    name: 'brokerStatus',
    ids: {},
    message: {
      v: 1,
      state: 'online',
      server: 'aedes',
      version: '1.2.0',
      since: at,
      desiredRevision: 3,
      tls: { address: '0.0.0.0', port: 8883 },
      problem: null,
    },
  },
  {
    name: 'jobState',
    ids: { jobId: 'job-abcdefgh12345678' },
    message: {
      v: 1,
      jobId: 'job-abcdefgh12345678',
      phase: 'running',
      modelId: 'qwen3-0.6b:q8_0',
      nodeId: 'x220',
      at,
      promptTokens: 20,
      outputTokens: 3,
    },
  },
  { name: 'homeSignal', ids: { signalName: 'surplus' }, message: { v: 1, at, value: 420.5 } },
  {
    name: 'ask',
    ids: {},
    message: {
      v: 1,
      askId: 'a1',
      expiresAt: at + 60_000,
      modelId: null,
      question: 'Is the washing machine done?',
      tokensMax: 200,
    },
  },
];
