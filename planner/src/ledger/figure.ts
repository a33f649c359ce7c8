// Joules with their error, and figures for people made of them. Errors of one node's meter go one
// way all day, so they are added and not taken as independent. Pure.
import type { Quality } from './attribution.ts';

/** A value with the range it lies in; `isEstimated` asks for the mark E. Units: as named outside. */
export interface Figure {
  value: number;
  low: number;
  high: number;
  isEstimated: boolean;
}

export interface Joules {
  microjoules: bigint;
  errorMicrojoules: bigint;
  /** True when any part of it is an estimate. */
  isEstimated: boolean;
}

/** Adds up what has a figure; rows that are gaps are the caller's to count. */
export function joulesSum(
  rows: readonly {
    microjoules: bigint | null;
    errorMicrojoules: bigint | null;
    quality?: Quality | null;
    isEstimated?: boolean;
  }[],
): Joules {
  const total: Joules = { microjoules: 0n, errorMicrojoules: 0n, isEstimated: false };
  for (const row of rows) {
    if (row.microjoules === null) continue;
    total.microjoules += row.microjoules;
    total.errorMicrojoules += row.errorMicrojoules ?? 0n;
    total.isEstimated ||= row.isEstimated ?? row.quality === 'estimated';
  }
  return total;
}

/** `divisor`: microjoules per unit, for example 3.6e9 for watt-hours. Never below zero. */
export function figureOf(joules: Joules, divisor: number): Figure {
  const value = Number(joules.microjoules) / divisor;
  const error = Number(joules.errorMicrojoules) / divisor;
  return {
    value,
    low: Math.max(0, value - error),
    high: value + error,
    isEstimated: joules.isEstimated,
  };
}
