// The meter interface: a source of energy. One that counts joules hands out a counter, one that
// knows watts integrates them; both answer the same question, for the window since the last call.
import type { EnergyReading, JobEnergy, NodeDesired } from '@salvage/contract';
import type { JobMeter } from '../engine/engine.ts';

/** How a figure was obtained. Joules are sacred: it travels with each of them. */
export interface MeterKind {
  method: NonNullable<EnergyReading['method']>;
  scope: NonNullable<EnergyReading['scope']>;
  quality: NonNullable<EnergyReading['quality']>;
  relativeError: number;
  source: string;
}

export interface Meter {
  readonly kind: MeterKind;
  /**
   * Joules since the call before this one, null for a gap: the first call, a read error, a
   * counter that went backwards. Never 0 for "unknown".
   */
  joulesSinceLast(): number | null;
}

/** Cuts time into windows that belong to jobs, to idle or to overhead, and keeps what was read. */
export interface MeterRoom extends JobMeter {
  started(jobId: string): void;
  ended(jobId: string): Promise<JobEnergy | null>;
  /** Work that is nobody's job: loading, benchmarks, fetching. Nested calls count. */
  overheadStarted(): void;
  overheadEnded(): void;
  setProfile(profile: NodeDesired['wattsProfile']): void;
  /** Takes out at most `countMax` closed windows, oldest first, for one energy message. */
  take(countMax: number): EnergyReading[];
  /** Closes the open window and stops sampling. */
  stop(): void;
}
