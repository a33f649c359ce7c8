// Sums -> the energy report. Coverage first, then the headline (wall joules per token, idle
// included: the rule of SCI, ISO/IEC 21031), then what a token costs by itself, then idle
// watt-hours a day, then absolute watt-hours. Nodes are summed only within one scope. What is not
// known is null. Pure.
import {
  type Account,
  assertConserved,
  bestScope,
  type Quality,
  type Scope,
  scopesBestFirst,
} from './attribution.ts';
import { type Figure, figureOf, type Joules, joulesSum } from './figure.ts';
import type { EnergySum, JobSum, LedgerRows, ShareSum } from './rows.ts';

export type { Figure } from './figure.ts';

/** How much of the time the figures speak of. */
export interface Coverage {
  /** Seconds of the period since the node was first heard of. */
  nodeSeconds: number;
  /** Of those, seconds with a figure of the node's scope, per quality. */
  measuredSeconds: number;
  calibratedSeconds: number;
  estimatedSeconds: number;
  /** The rest; `gapSeconds` of it were reported as gaps, the others not reported at all. */
  uncoveredSeconds: number;
  gapSeconds: number;
  /** 0 to 1; null when there are no node-seconds. */
  share: number | null;
}

export interface Spent {
  job: Figure;
  idle: Figure;
  overhead: Figure;
  total: Figure;
}

export interface NodeEnergyRow {
  nodeId: string;
  /** The scope that stands for the node; null: no figure at all. */
  scope: Scope | null;
  sources: string[];
  coverage: Coverage;
  wattHours: Spent | null;
  idleWattHoursPerDay: Figure | null;
  /** All joules of the node ÷ output tokens of its jobs. */
  joulesPerToken: Figure | null;
  jobs: number;
  outputTokens: number;
  cpuSeconds: { job: number | null; other: number | null };
  /** What other scopes saw of the node: never added. */
  others: { scope: Scope; wattHours: Figure }[];
}

/** All nodes of one scope. */
export interface ScopeRow {
  scope: Scope;
  nodes: number;
  joulesPerToken: Figure | null;
  joulesPerTokenMarginal: Figure | null;
  idleWattHoursPerDay: Figure | null;
  wattHours: Spent;
  outputTokens: number;
  /** True: time without a figure is left out, so that the true figures are higher. */
  isLowerBound: boolean;
}

/** What one model, or one client, was given. */
export interface UseRow {
  /** Null: windows of jobs that the ledger does not know. */
  name: string | null;
  jobs: number;
  failed: number;
  promptTokens: number;
  outputTokens: number;
  cpuSeconds: number | null;
  /** One entry a scope; per token over jobs of which every window has a figure. */
  energy: { scope: Scope; wattHours: Figure; joulesPerTokenMarginal: Figure | null }[];
}

export interface EnergyReport {
  since: number;
  until: number;
  coverage: Coverage;
  /** Best scope first; figures of two scopes are never added. */
  scopes: ScopeRow[];
  nodes: NodeEnergyRow[];
  models: UseRow[];
  clients: UseRow[];
  jobs: { done: number; failed: number; cancelled: number };
  tokens: { prompt: number; cached: number; output: number };
  cpuSeconds: { job: number | null; other: number | null };
  /** Lines for people: the boundary, what is missing and what would give it. */
  notes: string[];
}

const microjoulesPerWattHour = 3.6e9;
const microjoulesPerJoule = 1e6;
const dayMilliseconds = 24 * 3600_000;
/** A window that is still open at the end of the period is not yet missing. */
const openWindowMilliseconds = 60_000;
/** More time than this without a figure, and the figures are called lower bounds. */
const uncoveredShareMax = 0.05;

/** Builds the report. Asserts that what jobs, idle and overhead were given is what was metered. */
export function reportOf(rows: LedgerRows): EnergyReport {
  const nodes = [...new Set(rows.energy.map((row) => row.nodeId))].map((id) => nodeRow(id, rows));
  const scopes = scopesBestFirst.flatMap((scope) => scopeRow(scope, nodes, rows) ?? []);
  const count = (phase: JobSum['phase']): number =>
    sum(rows.jobs.filter((row) => row.phase === phase).map((row) => row.jobs));
  return {
    since: rows.since,
    until: rows.until,
    coverage: addCoverage(nodes.map(({ row }) => row.coverage)),
    scopes,
    nodes: nodes.map(({ row }) => row),
    models: useRows(rows, nodes, 'modelId'),
    clients: useRows(rows, nodes, 'client'),
    jobs: { done: count('done'), failed: count('failed'), cancelled: count('cancelled') },
    tokens: {
      prompt: sum(rows.jobs.map((row) => row.promptTokens)),
      cached: sum(rows.jobs.map((row) => row.cachedTokens)),
      output: sum(rows.jobs.map((row) => row.outputTokens)),
    },
    cpuSeconds: {
      job: sumKnown(nodes.map(({ row }) => row.cpuSeconds.job)),
      other: sumKnown(nodes.map(({ row }) => row.cpuSeconds.other)),
    },
    notes: notesOf(
      nodes.map(({ row }) => row),
      scopes,
    ),
  };
}

interface NodeSums {
  row: NodeEnergyRow;
  spent: Record<EnergySum['spentOn'] | 'total', Joules>;
  coveredMilliseconds: number;
}

function nodeRow(nodeId: string, rows: LedgerRows): NodeSums {
  const own = rows.energy.filter((row) => row.nodeId === nodeId);
  const metered = own.filter((row) => row.microjoules !== null && row.scope !== null);
  const scope = bestScope(metered.flatMap((row) => row.scope ?? []));
  const chosen = metered.filter((row) => row.scope === scope);
  const of = (purpose: EnergySum['spentOn']): Joules =>
    joulesSum(chosen.filter((row) => row.spentOn === purpose));
  const spent = {
    job: of('job'),
    idle: of('idle'),
    overhead: of('overhead'),
    total: joulesSum(chosen),
  };
  const account: Account = {
    job: spent.job.microjoules,
    idle: spent.idle.microjoules,
    overhead: spent.overhead.microjoules,
  };
  const shares = rows.shares.filter((row) => row.nodeId === nodeId && row.scope === scope);
  const given = shares.map((row) => row.microjoules ?? 0n);
  assertConserved(account, spent.total.microjoules, scope === null ? null : given);

  const coverage = coverageOf(own, chosen, rows);
  const jobs = rows.jobs.filter((row) => row.nodeId === nodeId);
  const outputTokens = sum(jobs.map((row) => row.outputTokens));
  const coveredMilliseconds = sum(chosen.map((row) => row.milliseconds));
  const isJob = (row: EnergySum): boolean => row.spentOn === 'job';
  const row: NodeEnergyRow = {
    nodeId,
    scope,
    sources: [...new Set((scope === null ? own : chosen).map((row) => row.source))].sort(),
    coverage,
    wattHours: scope === null ? null : wattHoursOf(spent),
    idleWattHoursPerDay: scope === null ? null : idlePerDay(spent.idle, coveredMilliseconds),
    joulesPerToken: scope === null ? null : perToken(spent.total, outputTokens),
    jobs: sum(jobs.map((row) => row.jobs)),
    outputTokens,
    cpuSeconds: {
      job: sumKnown(own.filter(isJob).map((row) => row.cpuSeconds)),
      other: sumKnown(own.filter((row) => !isJob(row)).map((row) => row.cpuSeconds)),
    },
    others: scopesBestFirst
      .filter((other) => other !== scope)
      .map((other) => ({ other, sums: metered.filter((row) => row.scope === other) }))
      .filter(({ sums }) => sums.length > 0)
      .map(({ other, sums }) => ({
        scope: other,
        wattHours: figureOf(joulesSum(sums), microjoulesPerWattHour),
      })),
  };
  return { row, spent, coveredMilliseconds };
}

function coverageOf(
  own: readonly EnergySum[],
  chosen: readonly EnergySum[],
  rows: LedgerRows,
): Coverage {
  const span = rows.spans.find((candidate) => candidate.nodeId === own[0]?.nodeId);
  const start = Math.max(rows.since, span?.firstAt ?? rows.since);
  const last = span?.lastAt ?? rows.until;
  const end = rows.until - last <= openWindowMilliseconds ? last : rows.until;
  const seconds = (list: readonly EnergySum[]): number =>
    sum(list.map((row) => row.milliseconds)) / 1000;
  const ofQuality = (quality: Quality): number =>
    seconds(chosen.filter((row) => row.quality === quality));
  const covered = seconds(chosen);
  // Clocks that were set back can make windows overlap: time never counts more than once.
  const nodeSeconds = Math.max((end - start) / 1000, covered);
  const uncoveredSeconds = nodeSeconds - covered;
  const gaps = seconds(own.filter((row) => row.microjoules === null));
  return {
    nodeSeconds,
    measuredSeconds: ofQuality('measured'),
    calibratedSeconds: ofQuality('calibrated'),
    estimatedSeconds: ofQuality('estimated'),
    uncoveredSeconds,
    gapSeconds: Math.min(gaps, uncoveredSeconds),
    share: nodeSeconds > 0 ? covered / nodeSeconds : null,
  };
}

function addCoverage(list: readonly Coverage[]): Coverage {
  const total = (key: keyof Omit<Coverage, 'share'>): number => sum(list.map((one) => one[key]));
  const nodeSeconds = total('nodeSeconds');
  const uncoveredSeconds = total('uncoveredSeconds');
  return {
    nodeSeconds,
    measuredSeconds: total('measuredSeconds'),
    calibratedSeconds: total('calibratedSeconds'),
    estimatedSeconds: total('estimatedSeconds'),
    uncoveredSeconds,
    gapSeconds: total('gapSeconds'),
    share: nodeSeconds > 0 ? (nodeSeconds - uncoveredSeconds) / nodeSeconds : null,
  };
}

function scopeRow(scope: Scope, all: readonly NodeSums[], rows: LedgerRows): ScopeRow | null {
  const nodes = all.filter(({ row }) => row.scope === scope);
  if (nodes.length === 0) return null;
  const total = (key: keyof NodeSums['spent']): Joules =>
    joulesSum(nodes.map(({ spent }) => spent[key]));
  const spent = {
    job: total('job'),
    idle: total('idle'),
    overhead: total('overhead'),
    total: total('total'),
  };
  const outputTokens = sum(nodes.map(({ row }) => row.outputTokens));
  const metered = rows.meteredJobs.filter((row) => row.scope === scope);
  const coverage = addCoverage(nodes.map(({ row }) => row.coverage));
  return {
    scope,
    nodes: nodes.length,
    joulesPerToken: perToken(spent.total, outputTokens),
    joulesPerTokenMarginal: perToken(joulesSum(metered), sum(metered.map((m) => m.outputTokens))),
    idleWattHoursPerDay: sumFigures(nodes.flatMap(({ row }) => row.idleWattHoursPerDay ?? [])),
    wattHours: wattHoursOf(spent),
    outputTokens,
    isLowerBound: coverage.share !== null && coverage.share < 1 - uncoveredShareMax,
  };
}

function useRows(
  rows: LedgerRows,
  nodes: readonly NodeSums[],
  key: 'modelId' | 'client',
): UseRow[] {
  const scopeOf = new Map(nodes.map(({ row }) => [row.nodeId, row.scope]));
  const isCounted = (share: ShareSum): boolean =>
    share.microjoules !== null && share.scope === scopeOf.get(share.nodeId);
  const names = new Set([...rows.jobs, ...rows.shares].map((row) => row[key]));
  return [...names].sort(byName).map((name) => {
    const jobs = rows.jobs.filter((row) => row[key] === name);
    const shares = rows.shares.filter((row) => row[key] === name);
    return {
      name,
      jobs: sum(jobs.map((row) => row.jobs)),
      failed: sum(jobs.filter((row) => row.phase === 'failed').map((row) => row.jobs)),
      promptTokens: sum(jobs.map((row) => row.promptTokens)),
      outputTokens: sum(jobs.map((row) => row.outputTokens)),
      cpuSeconds: sumKnown(shares.map((row) => row.cpuSeconds)),
      energy: scopesBestFirst.flatMap((scope) => {
        const counted = shares.filter((share) => isCounted(share) && share.scope === scope);
        if (counted.length === 0) return [];
        const metered = rows.meteredJobs.filter((row) => row[key] === name && row.scope === scope);
        const tokens = sum(metered.map((row) => row.outputTokens));
        return {
          scope,
          wattHours: figureOf(joulesSum(counted), microjoulesPerWattHour),
          joulesPerTokenMarginal: perToken(joulesSum(metered), tokens),
        };
      }),
    };
  });
}

function notesOf(nodes: readonly NodeEnergyRow[], scopes: readonly ScopeRow[]): string[] {
  const bare = nodes.filter((node) => node.scope === null).map((node) => node.nodeId);
  const inner = scopes.map((row) => row.scope).filter((scope) => scope !== 'wall');
  const notes: string[] = [];
  if (bare.length > 0) {
    notes.push(
      `No joules for ${bare.join(', ')}: its CPU seconds stand instead. ` +
        'A matching device profile or a meter would give a figure.',
    );
  }
  if (inner.length > 0) {
    notes.push(
      `Figures of scope ${inner.join(', ')} leave out parts of the machine, or hold more than one: ` +
        'they are not added to wall figures, nor to one another.',
    );
  }
  if (scopes.some((row) => row.isLowerBound)) {
    notes.push('Time without a figure is left out, so figures marked >= are lower bounds.');
  }
  if (nodes.length > 0) {
    notes.push(
      'Boundary: the nodes named here; switches, plugs and other machines are not metered.',
    );
  }
  return notes;
}

function wattHoursOf(spent: NodeSums['spent']): Spent {
  const of = (joules: Joules): Figure => figureOf(joules, microjoulesPerWattHour);
  return {
    job: of(spent.job),
    idle: of(spent.idle),
    overhead: of(spent.overhead),
    total: of(spent.total),
  };
}

/** Null without tokens: joules that made none have no price per token. */
function perToken(joules: Joules, tokens: number): Figure | null {
  return tokens === 0 ? null : figureOf(joules, microjoulesPerJoule * tokens);
}

/** Idle energy as it would be in a day of covered time. */
function idlePerDay(idle: Joules, coveredMilliseconds: number): Figure | null {
  if (coveredMilliseconds === 0) return null;
  return figureOf(idle, (microjoulesPerWattHour * coveredMilliseconds) / dayMilliseconds);
}

function sumFigures(figures: readonly Figure[]): Figure | null {
  if (figures.length === 0) return null;
  return {
    value: sum(figures.map((figure) => figure.value)),
    low: sum(figures.map((figure) => figure.low)),
    high: sum(figures.map((figure) => figure.high)),
    isEstimated: figures.some((figure) => figure.isEstimated),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Null when nothing is known, never 0. */
function sumKnown(numbers: readonly (number | null)[]): number | null {
  const known = numbers.filter((number) => number !== null);
  return known.length === 0 ? null : sum(known);
}

/** Names in order, what has none last. */
function byName(one: string | null, other: string | null): number {
  if (one === null || other === null) return one === other ? 0 : one === null ? 1 : -1;
  return one < other ? -1 : one > other ? 1 : 0;
}
