// Numbers for people: a unit beside each, an interval where there is one, the mark E on estimates,
// and a dash for what is not known (never 0). Pure.
import type { Interval } from '@salvage/contract';

export const unknown = '-';

/** Three significant digits at most, no exponent, no trailing zeros: `0.27`, `4.5`, `1,234`. */
export function numberText(value: number): string {
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  const rounded = Number(value.toFixed(digits));
  if (rounded === 0 && value !== 0) return value < 0 ? '-0' : '<0.001';
  const [whole = '0', fraction] = String(rounded).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** Decimal units, as disks and downloads are sold: 1 kB is 1,000 bytes. */
export function bytesText(bytes: number | null): string {
  if (bytes === null) return unknown;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let index = 0;
  // 999.5 would print as 1,000 of the smaller unit.
  while (Math.abs(value) >= 999.5 && index < units.length - 1) {
    value /= 1000;
    index += 1;
  }
  return `${index === 0 ? String(value) : numberText(value)} ${units[index]}`;
}

/** The two largest units that matter: `850 ms`, `3.2 s`, `2 min 5 s`, `3 h 12 min`, `2 d 4 h`. */
export function durationText(milliseconds: number | null): string {
  if (milliseconds === null) return unknown;
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 59.95) return `${Number(seconds.toFixed(1))} s`;
  const steps = [
    { unit: 'd', part: 'h', seconds: 86_400, each: 3_600 },
    { unit: 'h', part: 'min', seconds: 3_600, each: 60 },
    { unit: 'min', part: 's', seconds: 60, each: 1 },
  ];
  for (const step of steps) {
    const parts = Math.round(seconds / step.each);
    const perUnit = step.seconds / step.each;
    if (parts < perUnit) continue;
    const rest = parts % perUnit;
    const whole = `${Math.floor(parts / perUnit)} ${step.unit}`;
    return rest === 0 ? whole : `${whole} ${rest} ${step.part}`;
  }
  return `${Math.round(seconds)} s`;
}

/** `4.4 W (2.6 to 6.2) E`. Null is a dash; an interval without width shows its value alone. */
export function figureText(
  figure: (Interval & { isEstimated?: boolean }) | null,
  unit: string,
  isEstimated = figure?.isEstimated ?? false,
): string {
  if (figure === null) return unknown;
  const value = `${numberText(figure.value)}${unit === '' ? '' : ` ${unit}`}`;
  const range = rangeText(figure);
  return `${value}${range === '' ? '' : ` (${range})`}${isEstimated ? ' E' : ''}`;
}

/** A speed without its unit: `13.5`. */
export function tokensPerSecondText(tokensPerSecond: number): string {
  return numberText(tokensPerSecond);
}

export function wattsText(watts: Interval | null, isEstimated: boolean): string {
  return figureText(watts, 'W', isEstimated);
}

/** A figure in two lines, for the cells of a table: `172 E`, `(103 to 241)`. */
export function figureCell(
  figure: (Interval & { isEstimated?: boolean }) | null,
  isEstimated = figure?.isEstimated ?? false,
): string {
  if (figure === null) return unknown;
  const range = rangeText(figure);
  const value = `${numberText(figure.value)}${isEstimated ? ' E' : ''}`;
  return range === '' ? value : `${value}\n(${range})`;
}

/** `2.64 to 6.16`; empty for an interval without width. */
export function rangeText({ low, high }: Pick<Interval, 'low' | 'high'>): string {
  const [from, to] = [numberText(low), numberText(high)];
  return from === to ? '' : `${from} to ${to}`;
}

/** `12.3 J (7.4 to 17.2) E`. */
export function joulesText(joules: Interval | null, isEstimated: boolean): string {
  return figureText(joules, 'J', isEstimated);
}

export function shareText(share: number | null): string {
  if (share === null) return unknown;
  const percent = share * 100;
  // Rounding must not turn nearly all into all, nor nearly nothing into nothing.
  if (percent > 99.5 && percent < 100) return '>99 %';
  if (percent > 0 && percent < 0.5) return '<1 %';
  return `${Math.round(percent)} %`;
}

/** `2026-11-25 08:40` in the terminal's time zone. */
export function timeText(unixMilliseconds: number | null): string {
  if (unixMilliseconds === null) return unknown;
  const date = new Date(unixMilliseconds);
  const two = (number: number): string => String(number).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** `3 nodes`, `1 node`. */
export function countText(count: number, noun: string, plural = `${noun}s`): string {
  return `${wholeText(count)} ${count === 1 ? noun : plural}`;
}

export function wholeText(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Seconds of `90s`, `15m`, `24h`, `7d`, `2w`; null when it is not a span. */
export function parseSpan(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*(s|m|min|h|d|w)$/.exec(text.trim());
  if (match === null) return null;
  const seconds = { s: 1, m: 60, min: 60, h: 3600, d: 86_400, w: 604_800 };
  return Number(match[1]) * seconds[match[2] as keyof typeof seconds];
}

/** A span back from `now`, or a date (`2026-11-01`, with or without a time); null otherwise. */
export function parseSince(text: string, now: number): number | null {
  const span = parseSpan(text);
  if (span !== null) return now - span * 1000;
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return null;
  // Without a time, JavaScript would read the date as UTC and not as the day people mean.
  const time = Date.parse(text.length === 10 ? `${text}T00:00` : text);
  return Number.isNaN(time) ? null : time;
}
