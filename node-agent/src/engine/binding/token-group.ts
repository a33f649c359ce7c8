// Tokens that come fast travel in groups: the first at once, then at most one event in 50 ms.
import type { CompletionEvent } from '@salvage/contract';
import { engineLimits } from '../limits.ts';

export interface TokenGroup {
  add(token: number, text: string): void;
  /** Sends what is left. */
  close(): void;
}

export function createTokenGroup(
  emit: (event: CompletionEvent) => void,
  now: () => number,
): TokenGroup {
  let tokens: number[] = [];
  let text = '';
  let sentAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | null = null;

  const send = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (tokens.length === 0) return;
    emit({ event: 'tokens', tokens, text });
    tokens = [];
    text = '';
    sentAt = now();
  };

  return {
    add: (token, more) => {
      tokens.push(token);
      text += more;
      const wait = sentAt + engineLimits.tokenGroupMilliseconds - now();
      if (wait <= 0) send();
      else timer ??= setTimeout(send, wait);
    },
    close: send,
  };
}
