// Commands: each is answered exactly once, at most eight are at work at a time, and one that comes
// again (QoS 1 delivers at least once) gets the answer it got before, without being done again.
import type { Benchmark, Command, NodeCommand, NodeReply } from '@salvage/contract';
import { wireVersion } from '@salvage/contract';
import { asFailure, type Clock, type FailureCode, type Log, SalvageError } from '@salvage/kit';
import { clip } from '../health.ts';
import { limits } from '../limits.ts';

export interface LinkSpeed {
  roundTripMilliseconds: number;
  bytesPerSecond: number;
}

type Of<Kind extends Command['kind']> = Extract<Command, { kind: Kind }>;

/** What commands can make the agent do. Each rejects with a SalvageError. */
export interface CommandActs {
  benchmark(depth: Of<'benchmark'>['depth']): Promise<Benchmark>;
  measureLink(command: Of<'measure-link'>): Promise<LinkSpeed>;
  logs(lines: number): string[];
  evictModel(modelSha256: string): Promise<void>;
  rename(name: string): Promise<void>;
}

export interface Commands {
  /** Begins a command, or refuses it; the answer goes out through `reply`. Throws nothing. */
  take(message: NodeCommand): void;
  readonly running: number;
}

export function createCommands(options: {
  acts: CommandActs;
  reply(reply: NodeReply): void;
  clock: Clock;
  log: Log;
}): Commands {
  const { acts, clock, log } = options;
  /** Null while the command is at work. */
  const answers = new Map<string, NodeReply | null>();
  let running = 0;

  const answer = (reply: NodeReply): void => {
    answers.set(reply.commandId, reply);
    for (const [commandId, kept] of answers) {
      if (answers.size <= limits.answersKeptMax) break;
      if (kept !== null) answers.delete(commandId);
    }
    options.reply(reply);
  };

  const work = async ({ commandId, command }: NodeCommand): Promise<void> => {
    running += 1;
    answers.set(commandId, null);
    let reply: NodeReply;
    try {
      reply = { ...blank(commandId), ok: true, result: await perform(command, acts) };
    } catch (error) {
      const failure = asFailure(error, 'SLV_REQUEST', `${command.kind} failed`);
      log.warn('command-failed', {
        kind: command.kind,
        code: failure.code,
        problem: failure.message,
      });
      reply = refused(commandId, failure.code, failure.message);
    }
    running -= 1;
    answer(reply);
  };

  return {
    take: (message) => {
      const { commandId, expiresAt, command } = message;
      const known = answers.get(commandId);
      if (known === null) return;
      if (known !== undefined) return options.reply(known);
      const now = clock.unixMilliseconds();
      if (now > expiresAt) {
        const seconds = Math.ceil((now - expiresAt) / 1000);
        const text = `${command.kind} came ${seconds} s after its end by this node’s clock`;
        return answer(refused(commandId, 'SLV_TIMEOUT', text));
      }
      if (running >= limits.commandsRunningMax) {
        const text = `this node is at work on ${running} commands`;
        return answer(refused(commandId, 'SLV_QUEUE_FULL', text));
      }
      log.info('command', { kind: command.kind, commandId });
      void work(message);
    },
    get running() {
      return running;
    },
  };
}

async function perform(command: Command, acts: CommandActs): Promise<Record<string, unknown>> {
  switch (command.kind) {
    case 'benchmark':
      return { ...(await acts.benchmark(command.depth)) };
    case 'measure-link':
      return { ...(await acts.measureLink(command)) };
    case 'logs':
      return { lines: lastLines(acts.logs(command.lines), limits.replyLogCharactersMax) };
    case 'evict-model':
      await acts.evictModel(command.modelSha256);
      return {};
    case 'rename':
      if (command.name.trim() === '') throw new SalvageError('SLV_REQUEST', 'a name is not empty');
      await acts.rename(command.name.trim());
      return { name: command.name.trim() };
  }
}

/** The newest lines that fit into so many bytes of JSON. */
export function lastLines(lines: readonly string[], bytesMax: number): string[] {
  let bytes = 0;
  let from = lines.length;
  while (from > 0) {
    bytes += Buffer.byteLength(JSON.stringify(lines[from - 1])) + 1;
    if (bytes > bytesMax) break;
    from -= 1;
  }
  return lines.slice(from);
}

function blank(commandId: string): NodeReply {
  return { v: wireVersion, commandId, ok: false, code: null, message: null, result: null };
}

function refused(commandId: string, code: FailureCode, message: string): NodeReply {
  return { ...blank(commandId), code, message: clip(message, 400) };
}
