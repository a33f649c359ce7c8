// What one answer cost, in a line. Pure.
import type { SalvageBlock } from '../../gateway/salvage-block.ts';
import { countText, durationText, joulesText, numberText } from '../format.ts';

/** `42 tokens in 3.1 s, 13.5 tokens/s, 6.2 CPU s, 14.2 J (8.5 to 19.9) E wall, on attic-x230`. */
export function costLine(block: SalvageBlock, milliseconds: number): string {
  const { timings, energy } = block;
  const time = durationText(milliseconds);
  const parts = [
    timings === null
      ? `answered in ${time}`
      : `${countText(timings.output_tokens, 'token')} in ${time}`,
  ];
  const speed = timings?.tokens_per_second ?? null;
  if (speed !== null) parts.push(`${numberText(speed)} tokens/s`);
  if (block.cpu_seconds !== null) parts.push(`${numberText(block.cpu_seconds)} CPU s`);
  if (energy === null) {
    const because = block.energy_null_because === null ? '' : `: ${block.energy_null_because}`;
    parts.push(`no joules${because}`);
  } else {
    const { joules: value, joules_low, joules_high, mark, scope } = energy;
    const interval = { value, low: joules_low ?? value, high: joules_high ?? value };
    parts.push(`${joulesText(interval, mark === 'E')}${scope === null ? '' : ` ${scope}`}`);
  }
  if (block.node !== null) parts.push(`on ${block.node}`);
  if (block.replays > 0) parts.push(`taken up again ${countText(block.replays, 'time')}`);
  return parts.join(', ');
}
