// The two things the agent's program does: join a cluster, and run as a node of it.
import { createLog, dieWithParent, realClock, SalvageError } from '@salvage/kit';
import { type Agent, startAgent } from './agent.ts';
import { measureInProcess } from './benchmark/process.ts';
import { enrolConfigOf, runConfigOf } from './config.ts';
import { createBindingKind } from './engine/binding/kind.ts';
import { enrol } from './enrol.ts';
import { architectureOf } from './facts/facts.ts';
import { requireIdentity } from './identity.ts';
import { limits } from './limits.ts';

/** `entry` is this program's own file: engines are forked from it. Rejects with SalvageErrors. */
export async function runCommand(command: string, args: string[], entry: string): Promise<void> {
  switch (command) {
    case 'enrol':
      return joinCluster(args);
    case 'run':
      return serve(args, entry);
    default:
      throw new SalvageError('SLV_CONFIG', `there is no command ${command}`, {
        hint: 'see salvage-agent --help',
      });
  }
}

async function joinCluster(args: string[]): Promise<void> {
  const config = enrolConfigOf(args, process.env);
  const architecture = architectureOf(process.arch);
  const { identity, kept } = await enrol({ ...config, architecture, clock: realClock });
  const { nodeId, clusterId } = identity;
  process.stdout.write(
    kept
      ? `this machine is the node ${nodeId} of this cluster already; --again joins it anew\n`
      : `joined cluster ${clusterId} as the node ${nodeId}\n`,
  );
}

async function serve(args: string[], entry: string): Promise<void> {
  const stop = { wanted: false, agent: null as Agent | null };
  const end = async (): Promise<void> => {
    if (stop.wanted) return;
    stop.wanted = true;
    // Whatever hangs: engines end with this process, by their channel to it.
    setTimeout(() => process.exit(1), limits.stopMilliseconds).unref();
    await stop.agent?.stop();
    process.exit(0);
  };
  dieWithParent(() => void end());
  process.on('SIGTERM', () => void end());
  process.on('SIGINT', () => void end());

  const config = runConfigOf(args, process.env);
  const identity = await requireIdentity(config.state);
  const log = createLog({
    level: config.logLevel,
    now: () => realClock.unixMilliseconds(),
    write: (line) => process.stderr.write(`${line}\n`),
  });
  const binding = createBindingKind({ entry, argv: ['engine-binding'], clock: realClock, log });
  const agent = await startAgent({
    config,
    identity,
    kinds: [binding],
    measure: measureInProcess(entry),
    clock: realClock,
    log,
  });
  stop.agent = agent;
  await agent.ended;
}
