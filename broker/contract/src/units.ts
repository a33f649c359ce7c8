// Units as types. A number that carries a unit says so in its name (`memoryBytes`,
// `powerWatts`) and, where two kinds could be confused in one call, in its type as well. These
// functions are the only place where a plain number becomes a unit.

declare const unit: unique symbol;
type Branded<Name extends string> = number & { readonly [unit]?: Name };

export type Bytes = Branded<'bytes'>;
export type Milliseconds = Branded<'milliseconds'>;
export type Seconds = Branded<'seconds'>;
/** Wall-clock time as milliseconds since 1970-01-01T00:00:00Z. */
export type UnixMilliseconds = Branded<'unix-milliseconds'>;
export type Watts = Branded<'watts'>;
/** Integer; 2^53 of them are 2.5 MWh, so a double holds every household. */
export type Microjoules = Branded<'microjoules'>;
export type Tokens = Branded<'tokens'>;

/** Joules (any real number) to the integer microjoules that rest and wire use. */
export function microjoulesOf(joules: number): Microjoules {
  return Math.round(joules * 1e6);
}

/** Integer microjoules to joules, for showing only. */
export function joulesOf(microjoules: Microjoules): number {
  return microjoules / 1e6;
}

/** A value with the range it lies in; `low <= value <= high`, all in the same unit. */
export interface Interval {
  value: number;
  low: number;
  high: number;
}

/** `value` ± `relativeError` (0.4 = 40 %). */
export function intervalOf(value: number, relativeError: number): Interval {
  const spread = Math.abs(value) * relativeError;
  return { value, low: value - spread, high: value + spread };
}
