// A refusal that says when to come back, and what the log may know of a bug.
import { type FailureCode, type LogFields, SalvageError } from '@salvage/kit';

export class BusyError extends SalvageError {
  readonly retryAfterSeconds: number;

  constructor(code: FailureCode, message: string, retryAfterSeconds: number) {
    super(code, message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Kind and place of a bug: its message may quote a prompt, which has no place in a log. */
export function faultFields(error: unknown): LogFields {
  if (!(error instanceof Error)) return { kind: typeof error };
  const frames = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  return { kind: error.name, where: frames.slice(0, 3).join(' <') };
}
