// What a report is made of: sums over a period, as SQLite groups them. A reading belongs to the
// period in which its window ends, whole; only its seconds are cut at the period's start. Integer
// sums are bigints: a year of a shelf of machines is more microjoules than a double holds.
import type { EnergyReading, JobPhase, NodeId } from '@salvage/contract';
import type Database from 'better-sqlite3';
import type { Quality, Scope } from './attribution.ts';

export interface Period {
  /** Milliseconds since 1970; `since < end of window <= until`. */
  since: number;
  until: number;
}

export interface EnergySum {
  nodeId: NodeId;
  spentOn: EnergyReading['spentOn'];
  scope: Scope | null;
  quality: Quality | null;
  source: string;
  /** Null: these windows are gaps. */
  microjoules: bigint | null;
  errorMicrojoules: bigint | null;
  milliseconds: number;
  cpuSeconds: number | null;
}

export interface ShareSum {
  nodeId: NodeId;
  scope: Scope | null;
  quality: Quality | null;
  /** Null: the ledger knows the windows of these jobs, but not the jobs. */
  modelId: string | null;
  client: string | null;
  microjoules: bigint | null;
  errorMicrojoules: bigint | null;
  cpuSeconds: number | null;
}

/** Jobs of which every window has a figure, all of one scope: what a token costs by itself. */
export interface MeteredJobSum {
  scope: Scope;
  modelId: string;
  client: string;
  outputTokens: number;
  microjoules: bigint;
  errorMicrojoules: bigint;
  isEstimated: boolean;
}

export interface JobSum {
  nodeId: NodeId | null;
  modelId: string;
  client: string;
  phase: JobPhase;
  jobs: number;
  promptTokens: number;
  cachedTokens: number;
  outputTokens: number;
}

export interface NodeSpan {
  nodeId: NodeId;
  /** Start of the first window that the ledger holds of the node. */
  firstAt: number;
  /** End of the last one. */
  lastAt: number;
}

export interface LedgerRows extends Period {
  spans: NodeSpan[];
  energy: EnergySum[];
  shares: ShareSum[];
  meteredJobs: MeteredJobSum[];
  jobs: JobSum[];
}

const energySql = `
  SELECT nodeId, spentOn, scope, quality, source,
    SUM(microjoules) AS microjoules, SUM(errorMicrojoules) AS errorMicrojoules,
    SUM(MIN(milliseconds, t1 - MAX(t0, :since))) AS milliseconds, SUM(cpuSeconds) AS cpuSeconds
  FROM readings WHERE t1 > :since AND t1 <= :until
  GROUP BY nodeId, spentOn, scope, quality, source, microjoules IS NULL
  ORDER BY nodeId`;

const sharesSql = `
  SELECT r.nodeId, r.scope, r.quality, j.modelId, j.client,
    SUM(s.microjoules) AS microjoules, SUM(s.errorMicrojoules) AS errorMicrojoules,
    SUM(s.cpuSeconds) AS cpuSeconds
  FROM readings r JOIN shares s USING (readingId) LEFT JOIN jobs j USING (jobId)
  WHERE r.t1 > :since AND r.t1 <= :until
  GROUP BY r.nodeId, r.scope, r.quality, j.modelId, j.client, s.microjoules IS NULL
  ORDER BY r.nodeId`;

const meteredJobsSql = `
  SELECT scope, modelId, client, SUM(outputTokens) AS outputTokens,
    SUM(microjoules) AS microjoules, SUM(errorMicrojoules) AS errorMicrojoules,
    MAX(isEstimated) AS isEstimated
  FROM (
    SELECT j.modelId, j.client, COALESCE(j.outputTokens, 0) AS outputTokens,
      MIN(r.scope) AS scope, SUM(s.microjoules) AS microjoules,
      SUM(s.errorMicrojoules) AS errorMicrojoules, MAX(r.quality = 'estimated') AS isEstimated
    FROM jobs j JOIN shares s USING (jobId) JOIN readings r USING (readingId)
    WHERE j.endedAt > :since AND j.endedAt <= :until
    GROUP BY j.jobId
    HAVING COUNT(*) = COUNT(s.microjoules) AND COUNT(DISTINCT r.scope) = 1
  )
  GROUP BY scope, modelId, client`;

const jobsSql = `
  SELECT nodeId, modelId, client, phase, COUNT(*) AS jobs,
    COALESCE(SUM(promptTokens), 0) AS promptTokens,
    COALESCE(SUM(cachedTokens), 0) AS cachedTokens,
    COALESCE(SUM(outputTokens), 0) AS outputTokens
  FROM jobs WHERE endedAt > :since AND endedAt <= :until
  GROUP BY nodeId, modelId, client, phase
  ORDER BY modelId, client`;

const spansSql = `
  SELECT nodeId, MIN(t0) AS firstAt, MAX(t1) AS lastAt
  FROM readings WHERE nodeId IN (SELECT value FROM json_each(:nodeIds)) AND t1 <= :until
  GROUP BY nodeId`;

/** Reads all sums of a period in one transaction, so that they speak of the same readings. */
export function readRows(database: Database.Database, period: Period): LedgerRows {
  const all = (sql: string, more: Record<string, string> = {}): Record<string, unknown>[] =>
    database
      .prepare(sql)
      .safeIntegers(true)
      .all({ ...period, ...more }) as Record<string, unknown>[];
  return database.transaction(() => {
    const energy = all(energySql).map((row) => plain<EnergySum>(row));
    const nodeIds = JSON.stringify([...new Set(energy.map((row) => row.nodeId))]);
    return {
      ...period,
      spans: all(spansSql, { nodeIds }).map((row) => plain<NodeSpan>(row)),
      energy,
      shares: all(sharesSql).map((row) => plain<ShareSum>(row)),
      meteredJobs: all(meteredJobsSql).map((row) => ({
        ...plain<MeteredJobSum>(row),
        isEstimated: row['isEstimated'] === 1n,
      })),
      jobs: all(jobsSql).map((row) => plain<JobSum>(row)),
    };
  })();
}

/** Everything but the microjoules fits a number. */
function plain<Row>(row: Record<string, unknown>): Row {
  const entries = Object.entries(row).map(([key, value]) => [
    key,
    typeof value === 'bigint' && !/microjoules$/i.test(key) ? Number(value) : value,
  ]);
  return Object.fromEntries(entries) as Row;
}
