// A stream of completion events from one writer to one reader. The writer never waits: what the
// reader has not fetched yet is merged, so a slow reader costs one event of growing text, bounded
// by the context, and never a growing list.
import type { CompletionEvent } from '@salvage/contract';

export interface EventQueue extends AsyncIterable<CompletionEvent> {
  push(event: CompletionEvent): void;
  /** No more events; what is queued is still read. */
  close(): void;
}

export function createEventQueue(): EventQueue {
  const waiting: CompletionEvent[] = [];
  let closed = false;
  let wake: () => void = () => undefined;

  return {
    push: (event) => {
      if (closed) return;
      const last = waiting.at(-1);
      const merged = last === undefined ? null : mergeEvents(last, event);
      if (merged === null) waiting.push(event);
      else waiting[waiting.length - 1] = merged;
      wake();
    },
    close: () => {
      closed = true;
      wake();
    },
    [Symbol.asyncIterator]: async function* () {
      for (;;) {
        const event = waiting.shift();
        if (event !== undefined) yield event;
        else if (closed) return;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    },
  };
}

/** Two events as one, or null where both must be told. */
export function mergeEvents(
  earlier: CompletionEvent,
  later: CompletionEvent,
): CompletionEvent | null {
  if (earlier.event === 'alive' && later.event === 'alive') return later;
  if (earlier.event !== 'tokens' || later.event !== 'tokens') return null;
  return {
    event: 'tokens',
    tokens: [...earlier.tokens, ...later.tokens],
    text: earlier.text + later.text,
  };
}
