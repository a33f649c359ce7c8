// What the home says: signals (surplus, price, battery) and short questions from automations;
// and what jobs tell whoever watches.
import * as v from 'valibot';
import { JobId, ModelId, NodeId } from '../ids.ts';
import { Count, Name, Time, Version } from './shared.ts';

export const signalNames = ['surplus', 'price', 'battery'] as const;
export type SignalName = (typeof signalNames)[number];

/**
 * surplus: watts free to use (positive) or drawn from the grid (negative); price: currency per
 * kWh; battery: percent. Not retained: what is older than five minutes is not known.
 */
export const HomeSignal = v.object({
  v: Version,
  at: Time,
  value: v.pipe(v.number(), v.finite()),
});
export type HomeSignal = v.InferOutput<typeof HomeSignal>;

/** A short question from an automation (<= 4 kB as a whole): the one prompt on the wire. */
export const Ask = v.object({
  v: Version,
  askId: Name,
  expiresAt: Time,
  modelId: v.optional(v.nullable(ModelId), null),
  question: v.pipe(v.string(), v.minLength(1), v.maxLength(3500)),
  tokensMax: v.optional(v.pipe(Count, v.maxValue(4096)), 200),
});
export type Ask = v.InferOutput<typeof Ask>;

export const jobPhases = ['queued', 'placing', 'running', 'done', 'failed', 'cancelled'] as const;
export type JobPhase = (typeof jobPhases)[number];

export const JobState = v.object({
  v: Version,
  jobId: JobId,
  phase: v.picklist(jobPhases),
  modelId: ModelId,
  nodeId: v.nullable(NodeId),
  at: Time,
  promptTokens: Count,
  outputTokens: Count,
});
export type JobState = v.InferOutput<typeof JobState>;
