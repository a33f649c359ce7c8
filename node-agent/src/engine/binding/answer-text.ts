// From token ids to the text a client sees: bytes, then whole code points, then stop texts. The
// text shown is a function of the ids alone. That is what makes an answer resumable anywhere: the
// ids that were sent are put through the same machine, and what comes next continues exactly.
import { createStopFilter } from './stop-texts.ts';

export interface AnswerText {
  /** Text to show after this token; `stopped` once a stop text is complete. */
  push(token: number): { text: string; stopped: boolean };
  /** Text held back for a stop text that did not come. Half a code point is dropped. */
  flush(): string;
}

export function createAnswerText(options: {
  bytesOf(token: number): Uint8Array;
  stopTexts: readonly string[];
}): AnswerText {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const filter = createStopFilter(options.stopTexts);
  return {
    push: (token) => filter.push(decoder.decode(options.bytesOf(token), { stream: true })),
    flush: () => filter.flush(),
  };
}
