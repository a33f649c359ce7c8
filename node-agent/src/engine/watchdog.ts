// When does silence mean that an engine is stuck? Pure: events and times in, a reason out. An
// engine that freezes says nothing; one whose native call hangs still says that it is alive, so a
// prompt must also advance.
import type { CompletionEvent } from '@salvage/contract';
import { engineLimits } from './limits.ts';

export interface Watch {
  /** Monotonic milliseconds of the last event of any kind. */
  eventAt: number;
  /** Of the last event that was progress. */
  progressAt: number;
  promptProgress: number;
  /** True once the first token has come: from then on only tokens are signs of life. */
  output: boolean;
}

export function startWatch(now: number): Watch {
  return { eventAt: now, progressAt: now, promptProgress: -1, output: false };
}

export function watchEvent(watch: Watch, event: CompletionEvent, now: number): Watch {
  if (event.event !== 'alive') {
    const output = watch.output || event.event === 'tokens';
    return { ...watch, eventAt: now, progressAt: now, output };
  }
  const promptProgress = event.promptProgress ?? watch.promptProgress;
  if (promptProgress <= watch.promptProgress) return { ...watch, eventAt: now };
  return { ...watch, eventAt: now, progressAt: now, promptProgress };
}

/** New usual milliseconds per token after `tokens` of them took `milliseconds`. */
export function usualTokenTime(
  usual: number | null,
  measured: { milliseconds: number; tokens: number },
): number | null {
  if (measured.tokens === 0) return usual;
  const each = measured.milliseconds / measured.tokens;
  return usual === null ? each : usual * 0.9 + each * 0.1;
}

/**
 * Why this answer is stuck, or null. `engineEventAt` is the last event of any answer of the same
 * engine: they share its batches, so one may wait behind the prompt of another.
 */
export function stuckReason(
  watch: Watch,
  about: { now: number; engineEventAt: number; usual: number | null },
): string | null {
  const { now, usual } = about;
  const standstill = Math.max(
    engineLimits.standstillMillisecondsMin,
    engineLimits.standstillTokens * (usual ?? 0),
  );
  const silence =
    watch.output && usual === null
      ? standstill
      : Math.max(engineLimits.silenceMillisecondsMin, engineLimits.stuckTokens * (usual ?? 0));
  const quiet = now - watch.eventAt;
  const alone = now - about.engineEventAt >= silence;
  if (quiet >= silence && (alone || quiet >= silence * engineLimits.neighbourFactor)) {
    return `it said nothing for ${seconds(quiet)}`;
  }
  const still = now - watch.progressAt;
  if (!watch.output && still >= standstill) return `its prompt stood still for ${seconds(still)}`;
  return null;
}

function seconds(milliseconds: number): string {
  return `${Math.round(milliseconds / 1_000)} s`;
}
