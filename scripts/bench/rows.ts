// One line of the bench's table.
export interface Row {
  what: string;
  value: number;
  /** Lowest and highest of the repetitions. */
  spread: [number, number] | null;
  unit: string;
  aim: string;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  const high = sorted[Math.floor(middle)] ?? Number.NaN;
  return (low + high) / 2;
}

export function rowText({ what, value, spread, unit, aim }: Row): string {
  const number = (one: number): string => one.toFixed(Math.abs(one) >= 100 ? 0 : 3);
  const range = spread === null ? '' : ` (${number(spread[0])} to ${number(spread[1])})`;
  return `${what.padEnd(44)} ${number(value)}${unit === '' ? '' : ` ${unit}`}${range}${aim === '' ? '' : `   aim ${aim}`}`;
}
