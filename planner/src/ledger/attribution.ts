// Readings -> who spent them. Every microjoule of a reading belongs to jobs, to idle or to
// overhead, and to exactly one of them; windows that several jobs share are split in equal parts.
// Integers throughout, so that the parts add up to what was metered, to the microjoule. Pure.
import { strict as assert } from 'node:assert';
import type { EnergyReading, NodeId } from '@salvage/contract';

export type Scope = NonNullable<EnergyReading['scope']>;
export type Quality = NonNullable<EnergyReading['quality']>;
export type Purpose = EnergyReading['spentOn'];

/** What one job took from one window; null where the window is a gap or has no CPU figure. */
export interface Share {
  jobId: string;
  microjoules: number | null;
  cpuSeconds: number | null;
}

/**
 * Best first: the wall is what the owner pays for. A `group` plug stands last: it is measured at
 * the wall, but holds other machines as well. Figures of two scopes are never added.
 */
export const scopesBestFirst: readonly Scope[] = ['wall', 'dc', 'package', 'soc', 'group'];

/** Half-widths for readings that bring none: a plug, a calibrated node, a matching profile. */
const relativeErrorAssumed: Record<Quality, number> = {
  measured: 0.05,
  calibrated: 0.15,
  estimated: 0.4,
};

/** More than any machine of a drawer draws; above it, the meter is wrong and not the machine. */
const plausibleWattsMax = 10_000;

/** The reading's own error, or what its quality lets one assume; a missing quality is an estimate. */
export function relativeErrorOf(reading: Pick<EnergyReading, 'relativeError' | 'quality'>): number {
  return reading.relativeError ?? relativeErrorAssumed[reading.quality ?? 'estimated'];
}

/** False for more joules than 10 kW give in that window (of at least one second). */
export function isPlausible(reading: Pick<EnergyReading, 't0' | 't1' | 'microjoules'>): boolean {
  const seconds = Math.max(1, (reading.t1 - reading.t0) / 1000);
  return (reading.microjoules ?? 0) / 1e6 <= plausibleWattsMax * seconds;
}

/** A window of jobs that names no job is nobody's work: overhead. */
export function purposeOf(reading: Pick<EnergyReading, 'spentOn' | 'jobIds'>): Purpose {
  return reading.spentOn === 'job' && reading.jobIds.length === 0 ? 'overhead' : reading.spentOn;
}

/**
 * Equal parts for each job that the reading names; none for idle and overhead. The microjoules
 * left over by the division go to the first jobs by id, one each.
 */
export function sharesOf(
  reading: Pick<EnergyReading, 'spentOn' | 'jobIds' | 'microjoules' | 'cpuSeconds'>,
): Share[] {
  if (reading.spentOn !== 'job') return [];
  const jobIds = [...new Set(reading.jobIds)].sort();
  const count = jobIds.length;
  const shares = jobIds.map((jobId, index) => ({
    jobId,
    microjoules: reading.microjoules === null ? null : partOf(reading.microjoules, count, index),
    cpuSeconds: reading.cpuSeconds === null ? null : reading.cpuSeconds / count,
  }));
  const given = shares.reduce((sum, share) => sum + (share.microjoules ?? 0), 0);
  assert(count === 0 || given === (reading.microjoules ?? 0), 'shares add up to their reading');
  return shares;
}

function partOf(whole: number, parts: number, index: number): number {
  const rest = whole % parts;
  return (whole - rest) / parts + (index < rest ? 1 : 0);
}

/** One node's microjoules in one scope. */
export interface Account {
  job: bigint;
  idle: bigint;
  overhead: bigint;
}

export interface Attribution {
  /** Scope whose figures stand for the node; null: nothing was metered. */
  scope: Scope | null;
  account: Account;
  jobs: Map<string, bigint>;
  /** What other scopes saw of the same node: shown beside, never added. */
  others: Map<Scope, bigint>;
}

/** Attributes the readings of any number of nodes, each by its best scope. */
export function attribute(
  readings: Iterable<{ nodeId: NodeId; reading: EnergyReading }>,
): Map<NodeId, Attribution> {
  const byNode = new Map<NodeId, EnergyReading[]>();
  for (const { nodeId, reading } of readings) {
    byNode.set(nodeId, [...(byNode.get(nodeId) ?? []), reading]);
  }
  return new Map([...byNode].map(([nodeId, list]) => [nodeId, attributeNode(list)]));
}

function attributeNode(readings: readonly EnergyReading[]): Attribution {
  const metered = new Map<Scope, bigint>();
  for (const { scope, microjoules } of readings) {
    if (scope === null || microjoules === null) continue;
    metered.set(scope, (metered.get(scope) ?? 0n) + BigInt(microjoules));
  }
  const scope = bestScope(metered.keys());
  const account: Account = { job: 0n, idle: 0n, overhead: 0n };
  const jobs = new Map<string, bigint>();
  for (const reading of readings) {
    if (reading.microjoules === null || reading.scope === null || reading.scope !== scope) continue;
    account[purposeOf(reading)] += BigInt(reading.microjoules);
    for (const { jobId, microjoules } of sharesOf(reading)) {
      jobs.set(jobId, (jobs.get(jobId) ?? 0n) + BigInt(microjoules ?? 0));
    }
  }
  assertConserved(account, scope === null ? 0n : (metered.get(scope) ?? 0n), jobs.values());
  if (scope !== null) metered.delete(scope);
  return { scope, account, jobs, others: metered };
}

/** The law of the ledger: Σ(job, idle, overhead) = metered, and Σ of the jobs = what jobs took. */
export function assertConserved(
  account: Account,
  metered: bigint,
  jobs: Iterable<bigint> | null,
): void {
  const parts = account.job + account.idle + account.overhead;
  assert(parts === metered, `attributed ${parts} µJ of ${metered} µJ metered`);
  if (jobs === null) return;
  let given = 0n;
  for (const microjoules of jobs) given += microjoules;
  assert(given === account.job, `jobs were given ${given} µJ of ${account.job} µJ`);
}

export function bestScope(scopes: Iterable<Scope>): Scope | null {
  const present = new Set(scopes);
  return scopesBestFirst.find((scope) => present.has(scope)) ?? null;
}
