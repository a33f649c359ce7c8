// The programs of one cluster on this machine, kept running: broker, planner, agent. Each is a
// child with an IPC channel, so that it ends when this process ends, by whatever signal; each
// writes its log to a file, which starts anew when it has grown large, the last one kept beside it.
import type { ChildProcess } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, SalvageError, type Supervised, supervise } from '@salvage/kit';

export interface Program {
  name: 'broker' | 'planner' | 'agent';
  /** Path from the root of the tree. */
  module: string;
  args: string[];
}

export interface StartOptions {
  clock: Clock;
  logFolder: string;
  /** True shows the logs in this terminal instead. */
  verbose: boolean;
  onRestart(name: string, text: string): void;
}

const tree = fileURLToPath(new URL('../../../..', import.meta.url));
const logBytesMax = 5_000_000;
const logLookMilliseconds = 60_000;
const readyMillisecondsMax = 30_000;
const startsMax = 3;

/**
 * Starts a program and waits until it says that it is ready. Rejects with its last lines when it
 * dies `startsMax` times before that. `readyWithoutWord` resolves at once (the agent is ready when
 * its node shows up).
 */
export async function startProgram(
  program: Program,
  options: StartOptions,
  readyWithoutWord = false,
): Promise<Supervised> {
  const logFile = join(options.logFolder, `${program.name}.log`);
  const output = options.verbose ? null : openLog(options.logFolder, logFile);
  const ready = new AbortController();
  let deaths = 0;
  const supervised = supervise({
    module: join(tree, program.module),
    args: program.args,
    forkOptions: {
      cwd: tree,
      execArgv: ['--import', import.meta.resolve('tsx')],
      stdio: ['ignore', output ?? 'inherit', output ?? 'inherit', 'ipc'],
      // The terminal's Ctrl-C goes to us alone; we end the children in order.
      detached: true,
    },
    clock: options.clock,
    onStart: (child: ChildProcess) => {
      child.on('message', (message: { ready?: boolean }) => {
        if (message.ready === true) ready.abort();
      });
    },
    onExit: ({ code, signal, restartInMilliseconds }) => {
      deaths += 1;
      const how = signal === null ? `exit code ${code}` : signal;
      options.onRestart(
        program.name,
        `ended (${how}), starts again in ${restartInMilliseconds} ms`,
      );
    },
  });
  if (output !== null) closeLater(supervised, output, logFile);
  if (readyWithoutWord) return supervised;

  const until = options.clock.monotonicMilliseconds() + readyMillisecondsMax;
  while (!ready.signal.aborted) {
    await options.clock.sleep(100, ready.signal);
    const late = options.clock.monotonicMilliseconds() > until;
    if (ready.signal.aborted || (!late && deaths < startsMax)) continue;
    await supervised.stop(1_000);
    throw new SalvageError('SLV_STATE', `the ${program.name} did not start:\n${tail(logFile)}`, {
      hint: options.verbose ? 'its log is above' : `its log: ${logFile}`,
    });
  }
  return supervised;
}

function openLog(folder: string, file: string): number {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    if (statSync(file).size > logBytesMax) renameSync(file, `${file}.1`);
  } catch {
    // there is none yet
  }
  return openSync(file, 'a', 0o600);
}

/**
 * The descriptor is handed to each start of the child, so it stays open until the last one. It
 * appends, so a log that is copied away and cut goes on at its new end.
 */
function closeLater(supervised: Supervised, descriptor: number, file: string): void {
  const timer = setInterval(() => {
    try {
      if (fstatSync(descriptor).size < logBytesMax) return;
      copyFileSync(file, `${file}.1`);
      ftruncateSync(descriptor);
    } catch {
      // a full disk: the next look tries again
    }
  }, logLookMilliseconds).unref();
  const { stop } = supervised;
  supervised.stop = async (grace) => {
    await stop(grace);
    clearInterval(timer);
    closeSync(descriptor);
  };
}

/** Last lines of a log, with JSON lines put into words. */
function tail(file: string): string {
  let lines: string[];
  try {
    lines = readFileSync(file, 'utf8').trimEnd().split('\n').slice(-5);
  } catch {
    return '  (it wrote nothing)';
  }
  return lines.map((line) => `  ${line.slice(0, 300)}`).join('\n');
}
