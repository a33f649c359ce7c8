// Lasting troubles of this node, with advice, until they are gone. What a message could not say
// (bad JSON, a missing field) is kept for a while as a warning that names topic and field.
import { type DecodeProblem, type HealthWarning, topics } from '@salvage/contract';
import { limits } from './limits.ts';

export type Trouble = Omit<HealthWarning, 'since' | 'advice'> & { advice?: string };

export interface HealthRoom {
  /** Says it, or says it in new words; it is as old as when it was first said. */
  raise(trouble: Trouble): void;
  clear(code: string): void;
  /** Raises the trouble, or clears it when there is none. */
  set(code: string, trouble: Omit<Trouble, 'code'> | null): void;
  badMessage(problem: DecodeProblem): void;
  /** The worst first, so many as one message can carry. */
  list(): HealthWarning[];
}

const rank = { error: 0, warning: 1, info: 2 } as const;

export function createHealthRoom(now: () => number): HealthRoom {
  const warnings = new Map<string, HealthWarning>();
  const badMessagesUntil = new Map<string, number>();

  const raise = (trouble: Trouble): void => {
    const since = warnings.get(trouble.code)?.since ?? now();
    warnings.set(trouble.code, {
      code: trouble.code.slice(0, 200),
      severity: trouble.severity,
      title: clip(trouble.title, 120),
      text: clip(trouble.text, 400),
      advice: clip(trouble.advice ?? '', 400),
      since,
    });
  };
  const clear = (code: string): void => {
    warnings.delete(code);
    badMessagesUntil.delete(code);
  };
  return {
    raise,
    clear,
    set: (code, trouble) => (trouble === null ? clear(code) : raise({ code, ...trouble })),
    badMessage: (problem) => {
      const code = `bad-message ${problem.topic}`.slice(0, 200);
      const known = badMessagesUntil.has(code);
      if (!known && badMessagesUntil.size >= limits.badMessagesMax) return;
      badMessagesUntil.set(code, now() + limits.badMessageMilliseconds);
      const field = problem.field === '' ? 'the whole message' : `field ${problem.field}`;
      raise({
        code,
        severity: 'warning',
        title: 'A message could not be read',
        text: `${problem.topic}, ${field}: ${problem.reason}`,
        advice: 'run the same version of salvage on the hub and on this node',
      });
    },
    list: () => {
      for (const [code, until] of badMessagesUntil) if (until <= now()) clear(code);
      const all = [...warnings.values()].sort((a, b) => rank[a.severity] - rank[b.severity]);
      return fitting(all.slice(0, limits.healthWarningsMax));
    },
  };
}

/** As many as stay under the topic's bound (with room for the envelope). */
function fitting(all: HealthWarning[]): HealthWarning[] {
  let bytes = 200;
  return all.filter((warning) => {
    bytes += Buffer.byteLength(JSON.stringify(warning)) + 1;
    return bytes <= topics.nodeHealth.bytesMax;
  });
}

/** Plain text of at most so many characters: control characters would swell in JSON. */
export function clip(text: string, charactersMax: number): string {
  const plain = text.replace(/\p{Cc}+/gu, ' ').trim();
  return plain.length <= charactersMax ? plain : `${plain.slice(0, charactersMax - 1)}…`;
}
