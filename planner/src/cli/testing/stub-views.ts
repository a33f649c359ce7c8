// A small cluster as the operator's door would show it: two nodes, one with a profile and one
// without any figure, models, tokens, findings, an energy report. Times are around `stubNow`.
import type {
  CatalogueView,
  Finding,
  ModelOffer,
  ModelView,
  NodeView,
  PlaceView,
  StatusView,
  TokenView,
} from '../../operator/api.ts';
import type { Candidate } from '../../placement/types.ts';

export const stubNow = Date.UTC(2026, 10, 25, 8, 40);
const hour = 3600_000;

export const laptop: NodeView = {
  nodeId: 'attic-x230',
  name: 'attic laptop',
  state: 'awake',
  drained: false,
  local: true,
  machine: 'LENOVO ThinkPad X230',
  cpuName: 'Intel(R) Core(TM) i5-3320M CPU @ 2.60GHz',
  architecture: 'x64',
  coresPhysical: 2,
  memoryTotalBytes: 8_201_000_000,
  memoryAvailableBytes: 6_900_000_000,
  benchmark: {
    ...{ kind: 'full', measuredAt: stubNow - hour, seconds: 41, engineRelease: 'v0.5.0' },
    ...{ modelBytes: 600_000_000, modelQuant: 'Q8_0', modelExceedsCache: true, threadsBest: 2 },
    ...{ decodeTokensPerSecond: 12, promptTokensPerSecond: 60, threads: [], batchCurve: [] },
    ...{ diskBytesPerSecond: null, throttled: false },
  },
  engines: [
    {
      ...{ engineId: 'qwen3-0-6b-q8-0-1a2b3c4d', engine: 'binding', modelId: 'qwen3-0.6b:q8_0' },
      ...{ modelSha256: 'a'.repeat(64), phase: 'ready', progress: 1, contextTokens: 4096 },
      ...{ threads: 2, memoryBytes: 900_000_000, jobsRunning: 1, restarts: 0, problem: null },
    },
  ],
  watts: {
    idle: { value: 6.5, low: 3.9, high: 9.1 },
    load: { value: 32, low: 19.2, high: 44.8 },
    profileId: 'thinkpad-x230',
    source: 'published figures',
  },
  warnings: [],
  agentVersion: '0.1.0',
  roles: [{ role: 'worker', can: true, because: 'two cores and 6.9 GB free' }],
};

export const board: NodeView = {
  ...laptop,
  ...{ nodeId: 'pi-shelf', name: 'pi-shelf', state: 'asleep', drained: true, local: false },
  ...{ machine: null, cpuName: null, architecture: 'arm64', coresPhysical: null },
  ...{ memoryTotalBytes: 4_000_000_000, memoryAvailableBytes: null, benchmark: null },
  ...{ engines: [], watts: null, roles: [] },
  warnings: [
    {
      code: 'under-voltage',
      severity: 'warning',
      title: 'Under-voltage was seen',
      text: 'The supply sags below 4.63 V under load.',
      advice: 'use the supply that came with the board',
      since: stubNow - 2 * hour,
    },
  ],
};

export const status: StatusView = {
  clusterId: 'c0ffee00',
  version: '0.1.0',
  startedAt: stubNow - 26 * hour,
  broker: {
    ...{ v: 1, state: 'online', server: 'aedes', version: '1.2.0', since: stubNow - 26 * hour },
    ...{ desiredRevision: 4, tls: { address: '0.0.0.0', port: 8883 }, problem: null },
  },
  brokerConnected: true,
  gatewayUrl: 'http://127.0.0.1:11434',
  hubUrl: 'https://192.168.1.20:11443',
  lanOpen: true,
  nodes: [laptop, board],
  placements: [
    {
      modelId: 'qwen3-0.6b:q8_0',
      nodeId: 'attic-x230',
      contextTokens: 4096,
      ready: true,
      reason: 'fewest joules per token of the nodes that have memory for it',
    },
  ],
  jobs: { running: 1, waiting: 2 },
  warnings: [],
};

export const model: ModelView = {
  ...{ modelId: 'qwen3-0.6b:q8_0', name: 'Qwen3 0.6B', sha256: 'a'.repeat(64) },
  ...{ bytes: 639_000_000, path: '/cache/models/qwen3.gguf', architecture: 'qwen3' },
  ...{ quant: 'Q8_0', parameters: 596_000_000, layers: 28, width: 1024, heads: 16, headsKv: 8 },
  ...{ headSizeKey: 128, headSizeValue: 128, vocabulary: 151_936, experts: 0, expertsActive: 0 },
  ...{ bytesPerToken: 600_000_000, contextTokensMax: 40_960, hasChatTemplate: true },
  ...{ startTokenText: null, endTokenText: '<|im_end|>', licence: 'Apache-2.0' },
  ...{ source: 'hf:Qwen/Qwen3-0.6B-GGUF:Q8_0', notice: null, addedAt: stubNow - 20 * hour },
  readyOn: ['attic-x230'],
};

export const tales: ModelView = {
  ...model,
  ...{ modelId: 'tales', name: 'tales', bytes: 1_180_000, parameters: 260_000, quant: 'F32' },
  ...{ licence: null, hasChatTemplate: false, notice: 'a demo: it only tells stories' },
  ...{ contextTokensMax: 512, readyOn: [] },
};

export const offer: ModelOffer = {
  source: 'https://example.org/new.gguf',
  location: 'https://example.org/new.gguf',
  card: {
    ...model,
    modelId: 'new:q4_0',
    name: 'New 1B',
    bytes: 730_000_000,
    sha256: null,
    chatTemplate: null,
  },
  memoryBytes: 1_100_000_000,
  installed: false,
};

export const catalogue: CatalogueView[] = [
  {
    ...{ modelId: 'qwen3-0.6b:q8_0', name: 'Qwen3 0.6B', source: model.source },
    ...{ bytes: 639_000_000, parameters: 596_000_000, licence: 'Apache-2.0' },
    ...{ about: 'short answers, home automation', installed: true, bestNode: 'attic-x230' },
    ...{ tokensPerSecond: { value: 12, low: 9, high: 14 }, refusedBecause: null },
  },
  {
    ...{ modelId: 'qwen3-1.7b:q4_k_m', name: 'Qwen3 1.7B', source: 'hf:Qwen/Qwen3-1.7B-GGUF' },
    ...{ bytes: 1_110_000_000, parameters: 1_720_000_000, licence: 'Apache-2.0' },
    ...{ about: 'better answers, half the speed', installed: false, bestNode: 'attic-x230' },
    ...{ tokensPerSecond: { value: 6.4, low: 4.5, high: 8 }, refusedBecause: null },
  },
  {
    ...{ modelId: 'qwen3-14b:q4_k_m', name: 'Qwen3 14B', source: 'hf:Qwen/Qwen3-14B-GGUF' },
    ...{ bytes: 9_000_000_000, parameters: 14_800_000_000, licence: 'Apache-2.0' },
    ...{ about: 'for a machine with 16 GB', installed: false, bestNode: null },
    ...{ tokensPerSecond: null, refusedBecause: 'needs 10.4 GB, has 6.9 GB' },
  },
];

const candidate: Candidate = {
  kind: 'whole',
  modelId: model.modelId,
  head: 'attic-x230',
  workers: [],
  layers: [],
  engine: 'binding',
  contextTokens: 4096,
  parallel: 1,
  threads: 2,
};

export const placed: PlaceView = {
  modelId: model.modelId,
  answer: {
    ok: true,
    winner: {
      candidate,
      price: {
        decodeTokensPerSecond: { value: 12, low: 9, high: 14 },
        promptTokensPerSecond: { value: 60, low: 50, high: 70 },
        ...{ loadSeconds: 2.4, memoryBytes: 900_000_000, memoryFreeBytes: 6_900_000_000 },
        ...{ cpuSecondsPerToken: 0.16, joulesPerToken: { value: 2.7, low: 1.6, high: 3.8 } },
        ...{ joulesNullBecause: null, basis: 'measured' },
      },
    },
    runnersUp: [],
    refusals: [{ nodeId: 'pi-shelf', code: 'drained', text: 'a person keeps work away from it' }],
    because: 'fewest joules per token',
  },
  explanation: 'attic-x230: 2.7 J/token\npi-shelf: refused, a person keeps work away from it',
};

export const refused: PlaceView = {
  modelId: 'qwen3-14b:q4_k_m',
  answer: {
    ok: false,
    refusals: [
      { nodeId: 'attic-x230', code: 'memory', text: 'needs 10.4 GB, has 6.9 GB' },
      { nodeId: 'pi-shelf', code: 'drained', text: 'a person keeps work away from it' },
    ],
  },
  explanation: 'no node can run it',
};

export const tokens: TokenView[] = [
  {
    ...{ tokenId: 'k3m9px', for: 'node', name: '', createdAt: stubNow - hour / 2 },
    ...{ expiresAt: stubNow + hour / 2, usedAt: null, local: false },
  },
  {
    ...{ tokenId: 'w7rt2q', for: 'client', name: 'kitchen', createdAt: stubNow - 90 * hour },
    ...{ expiresAt: null, usedAt: null, local: false },
  },
];

export const findings: Finding[] = [
  { severity: 'ok', what: 'broker', detail: 'aedes 1.2.0, connected', advice: '' },
  {
    severity: 'warning',
    what: 'pi-shelf',
    detail: 'under-voltage was seen: the supply sags below 4.63 V under load',
    advice: 'use the supply that came with the board',
  },
];
