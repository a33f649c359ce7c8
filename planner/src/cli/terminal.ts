// Everything a command sees of the world around it: where its text goes, who asks and answers, the
// folders, the time. An argument, so that tests give commands a terminal of their own.
import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { styleText } from 'node:util';
import { SalvageError } from '@salvage/kit';

export interface Terminal {
  /** Writes to stdout as it is; results go here. */
  write(text: string): void;
  /** A line of result. */
  line(text: string): void;
  /** A line to stderr: questions, progress, costs. */
  note(text: string): void;
  /** Stream of `note`, for progress bars. */
  readonly notes: Writable;
  /** True when a person sits at both ends and can answer a question. */
  readonly isInteractive: boolean;
  /** True when `notes` can be redrawn. */
  readonly canRedraw: boolean;
  /** Characters a line. */
  readonly width: number;
  bold(text: string): string;
  /** Asks `question [y/N]`; false when nobody can answer. */
  confirm(question: string): Promise<boolean>;
  /** Text piped into the command; null when stdin is a terminal. */
  readInput(): Promise<string | null>;
  readonly environment: Record<string, string | undefined>;
  readonly home: string;
  readonly folder: string;
  /** Milliseconds since 1970. */
  now(): number;
}

export interface TerminalSource {
  stdin: Readable & { isTTY?: boolean };
  stdout: Writable & { isTTY?: boolean; columns?: number };
  stderr: Writable & { isTTY?: boolean };
  environment: Record<string, string | undefined>;
  home: string;
  folder: string;
  now(): number;
}

const widthPiped = 80;
const widthMin = 60;
const widthMax = 120;
const inputCharactersMax = 1_000_000;

export function createTerminal(source: TerminalSource): Terminal {
  const { stdin, stdout, stderr, environment } = source;
  const isInteractive = stdin.isTTY === true && stderr.isTTY === true;
  // https://no-color.org: any value that is not empty.
  const hasColours = stdout.isTTY === true && (environment['NO_COLOR'] ?? '') === '';
  const columns = stdout.isTTY === true ? (stdout.columns ?? widthPiped) : widthPiped;
  return {
    write: (text) => void stdout.write(text),
    line: (text) => void stdout.write(`${text}\n`),
    note: (text) => void stderr.write(`${text}\n`),
    notes: stderr,
    isInteractive,
    canRedraw: stderr.isTTY === true && environment['TERM'] !== 'dumb',
    width: Math.min(widthMax, Math.max(widthMin, columns)),
    bold: (text) => (hasColours ? styleText('bold', text) : text),
    confirm: async (question) => {
      if (!isInteractive) return false;
      const prompt = createInterface({ input: stdin, output: stderr });
      try {
        return /^y(es)?$/i.test((await prompt.question(`${question} [y/N] `)).trim());
      } finally {
        prompt.close();
      }
    },
    readInput: async () => {
      if (stdin.isTTY === true) return null;
      let text = '';
      for await (const chunk of stdin.setEncoding('utf8')) {
        text += chunk;
        if (text.length > inputCharactersMax) {
          throw new SalvageError('SLV_REQUEST', 'the text on stdin is longer than a megabyte');
        }
      }
      return text;
    },
    environment,
    home: source.home,
    folder: source.folder,
    now: source.now,
  };
}
