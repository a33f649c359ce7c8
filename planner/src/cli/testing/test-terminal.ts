// A terminal for tests: keeps what was written, answers questions with what it was told.
import { PassThrough } from 'node:stream';
import { createTerminal, type Terminal } from '../terminal.ts';
import { stubNow } from './stub-views.ts';

export interface TestTerminal extends Terminal {
  out(): string;
  err(): string;
}

export interface TestTerminalOptions {
  /** What a person answers; null: nobody is there. */
  answer?: boolean | null;
  input?: string;
  folder?: string;
  environment?: Record<string, string>;
  now?: number;
}

export function createTestTerminal(options: TestTerminalOptions = {}): TestTerminal {
  const { answer = null, environment = {} } = options;
  const texts = { out: '', err: '' };
  const stdin = new PassThrough();
  stdin.end(options.input ?? '');
  const stdout = new PassThrough().on('data', (chunk) => (texts.out += String(chunk)));
  const stderr = new PassThrough().on('data', (chunk) => (texts.err += String(chunk)));
  const terminal = createTerminal({
    ...{ stdin, stdout, stderr, environment },
    home: '/home/somebody',
    folder: options.folder ?? '/home/somebody/work',
    now: () => options.now ?? stubNow,
  });
  return {
    ...terminal,
    isInteractive: answer !== null,
    confirm: async (question) => {
      texts.err += `${question} [y/N] ${answer === true ? 'y' : 'n'}\n`;
      return answer === true;
    },
    out: () => texts.out,
    err: () => texts.err,
  };
}
