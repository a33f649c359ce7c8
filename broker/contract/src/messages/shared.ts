// Schema pieces that several message families use. Every list and text has a bound: what a
// stranger sends must not grow us.
import * as v from 'valibot';

export const Version = v.pipe(v.number(), v.integer(), v.minValue(1));
export const Time = v.pipe(v.number(), v.integer(), v.minValue(0));
export const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const Amount = v.pipe(v.number(), v.finite(), v.minValue(0));
export const Text = v.pipe(v.string(), v.maxLength(500));
export const Name = v.pipe(v.string(), v.maxLength(200));
export const PortNumber = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535));

export const severities = ['info', 'warning', 'error'] as const;

/** A lasting trouble with advice: shown by `salvage doctor` until it is gone. */
export const HealthWarning = v.object({
  code: Name,
  severity: v.picklist(severities),
  title: Name,
  text: Text,
  advice: v.optional(Text, ''),
  since: Time,
});
export type HealthWarning = v.InferOutput<typeof HealthWarning>;
