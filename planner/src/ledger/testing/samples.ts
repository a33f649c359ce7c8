// Readings, messages and jobs for tests of the ledger; every field can be set.
import type { EnergyReading, NodeEnergy } from '@salvage/contract';
import type { JobRecord } from '../types.ts';

/** A second of 10 W at the wall, measured, idle, that ends at `t1`. */
export function sampleReading(t1: number, change: Partial<EnergyReading> = {}): EnergyReading {
  return {
    t0: t1 - 1_000,
    t1,
    microjoules: 10_000_000,
    cpuSeconds: 0.1,
    method: 'plug',
    scope: 'wall',
    quality: 'measured',
    relativeError: 0.1,
    source: 'plug-1',
    spentOn: 'idle',
    jobIds: [],
    ...change,
  };
}

export function sampleMessage(
  sequence: number,
  readings: EnergyReading[],
  runId = 'run-1',
): NodeEnergy {
  return { v: 1, sequence, runId, readings };
}

/** A job of 100 tokens that ran for ten seconds on node `a`. */
export function sampleJob(
  jobId: string,
  endedAt: number,
  change: Partial<JobRecord> = {},
): JobRecord {
  return {
    jobId,
    client: 'local',
    modelId: 'tiny:q8_0',
    nodeId: 'a',
    dialect: 'openai',
    phase: 'done',
    queuedAt: endedAt - 10_000,
    startedAt: endedAt - 9_900,
    firstTokenAt: endedAt - 9_000,
    endedAt,
    endReason: 'stop',
    timings: {
      promptTokens: 20,
      cachedTokens: 5,
      promptMilliseconds: 900,
      outputTokens: 100,
      outputMilliseconds: 9_000,
      cpuSeconds: 18,
    },
    energy: null,
    replays: 0,
    problem: null,
    ...change,
  };
}
