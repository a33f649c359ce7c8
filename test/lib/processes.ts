// The processes of one cluster, found by its state folder: so that tests can kill them and count
// what is left. Reads /proc.
import { readdirSync, readFileSync } from 'node:fs';

export interface Process {
  pid: number;
  parent: number;
  command: string;
  /** R, S, Z ... (proc_pid_stat(5)); zombies wait for init alone. */
  state: string;
}

export function processes(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const text = readFileSync(`/proc/${name}/stat`, 'utf8');
        const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
        const [state = '', parent = '0'] = fields;
        return [{ pid: Number(name), parent: Number(parent), command, state }];
      } catch {
        return []; // it ended meanwhile
      }
    });
}

export interface ClusterProcesses {
  broker: number | null;
  planner: number | null;
  agents: number[];
  engines: number[];
}

/** The programs that were started with this state folder, and the engines of their agents. */
export function clusterProcesses(state: string): ClusterProcesses {
  const all = processes().filter((one) => one.state !== 'Z');
  const of = (module: string): number[] =>
    all
      .filter((one) => one.command.includes(module) && one.command.includes(state))
      .filter((one) => !one.command.includes(' enrol '))
      .map((one) => one.pid);
  const agents = of('node-agent/src/main.ts');
  const engines = all
    .filter((one) => one.command.includes('engine-binding') && agents.includes(one.parent))
    .map((one) => one.pid);
  return {
    broker: of('broker/src/main.ts')[0] ?? null,
    planner: of('planner/src/main.ts')[0] ?? null,
    agents,
    engines,
  };
}

/** True while the process exists and is no zombie. */
export function isAlive(pid: number): boolean {
  return processes().some((one) => one.pid === pid && one.state !== 'Z');
}
