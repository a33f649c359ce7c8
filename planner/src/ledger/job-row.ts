// A JobRecord as a row of SQLite and back.
import type { JobRecord } from './types.ts';

export interface JobRow {
  jobId: string;
  client: string;
  modelId: string;
  nodeId: string | null;
  dialect: string;
  phase: string;
  queuedAt: number;
  startedAt: number | null;
  firstTokenAt: number | null;
  endedAt: number | null;
  endReason: string | null;
  promptTokens: number | null;
  cachedTokens: number | null;
  promptMilliseconds: number | null;
  outputTokens: number | null;
  outputMilliseconds: number | null;
  cpuSeconds: number | null;
  energyJson: string | null;
  replays: number;
  problem: string | null;
}

const columns = [
  ...['jobId', 'client', 'modelId', 'nodeId', 'dialect', 'phase', 'queuedAt', 'startedAt'],
  ...['firstTokenAt', 'endedAt', 'endReason', 'promptTokens', 'cachedTokens'],
  ...['promptMilliseconds', 'outputTokens', 'outputMilliseconds', 'cpuSeconds', 'energyJson'],
  ...['replays', 'problem'],
] as const satisfies readonly (keyof JobRow)[];

export const upsertJobSql = `
  INSERT INTO jobs (${columns.join(', ')})
  VALUES (${columns.map((name) => `:${name}`).join(', ')})
  ON CONFLICT (jobId) DO UPDATE SET
    ${columns.map((name) => `${name} = excluded.${name}`).join(', ')}`;

/** Problems are for people: a few lines, not a dump. */
const problemCharactersMax = 500;

export function rowOfJob(job: JobRecord): JobRow {
  const { timings, energy, problem, ...same } = job;
  return {
    ...same,
    queuedAt: Math.round(job.queuedAt),
    startedAt: rounded(job.startedAt),
    firstTokenAt: rounded(job.firstTokenAt),
    endedAt: rounded(job.endedAt),
    promptTokens: timings?.promptTokens ?? null,
    cachedTokens: timings?.cachedTokens ?? null,
    promptMilliseconds: timings?.promptMilliseconds ?? null,
    outputTokens: timings?.outputTokens ?? null,
    outputMilliseconds: timings?.outputMilliseconds ?? null,
    cpuSeconds: timings?.cpuSeconds ?? null,
    energyJson: energy === null ? null : JSON.stringify(energy),
    problem: problem?.slice(0, problemCharactersMax) ?? null,
  };
}

function rounded(unixMilliseconds: number | null): number | null {
  return unixMilliseconds === null ? null : Math.round(unixMilliseconds);
}

export function jobOfRow(row: JobRow): JobRecord {
  const { promptTokens, cachedTokens, promptMilliseconds, ...rest } = row;
  const { outputTokens, outputMilliseconds, cpuSeconds, energyJson, ...same } = rest;
  return {
    ...same,
    phase: row.phase as JobRecord['phase'],
    endReason: row.endReason as JobRecord['endReason'],
    timings:
      promptTokens === null
        ? null
        : {
            promptTokens,
            cachedTokens: cachedTokens ?? 0,
            promptMilliseconds: promptMilliseconds ?? 0,
            outputTokens: outputTokens ?? 0,
            outputMilliseconds: outputMilliseconds ?? 0,
            cpuSeconds,
          },
    energy: energyJson === null ? null : (JSON.parse(energyJson) as JobRecord['energy']),
  };
}
