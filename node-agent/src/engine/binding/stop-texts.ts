// Stop texts in a stream: the answer ends before the one that completes first. Text that may be
// the start of a stop text is held back until it is clear, so that none of it is ever shown. What
// comes out depends on the whole text alone, not on how it was cut into pieces.

export interface StopFilter {
  /** Text that may be shown now; `stopped` once a stop text is complete. */
  push(text: string): { text: string; stopped: boolean };
  /** What is still held back, at the end of an answer that met no stop text. */
  flush(): string;
}

export function createStopFilter(stopTexts: readonly string[]): StopFilter {
  let held = '';
  let stopped = false;
  return {
    push: (text) => {
      if (stopped) return { text: '', stopped };
      const whole = held + text;
      const found = findStop(whole, stopTexts);
      if (found !== null) {
        held = '';
        stopped = true;
        return { text: whole.slice(0, found), stopped };
      }
      const shown = whole.length - heldLength(whole, stopTexts);
      held = whole.slice(shown);
      return { text: whole.slice(0, shown), stopped };
    },
    flush: () => {
      const rest = held;
      held = '';
      return rest;
    },
  };
}

/** Where the stop text starts that completes first; of two that complete together, the longer. */
export function findStop(text: string, stopTexts: readonly string[]): number | null {
  let best: { start: number; end: number } | null = null;
  for (const stopText of stopTexts) {
    const start = text.indexOf(stopText);
    if (start < 0) continue;
    const end = start + stopText.length;
    if (best === null || end < best.end || (end === best.end && start < best.start)) {
      best = { start, end };
    }
  }
  return best?.start ?? null;
}

/** Length of the longest end of `text` with which some stop text begins. */
function heldLength(text: string, stopTexts: readonly string[]): number {
  let longest = 0;
  for (const stopText of stopTexts) {
    for (let length = Math.min(stopText.length - 1, text.length); length > longest; length -= 1) {
      if (text.endsWith(stopText.slice(0, length))) {
        longest = length;
        break;
      }
    }
  }
  return longest;
}
