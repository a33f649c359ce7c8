// CPU seconds of the engines, from /proc: those of the agent's children that live, and those of
// the children that have ended and were waited for. The sum never falls, so windows can take
// differences of it. Fields as in proc_pid_stat(5); the agent's own time is not in it.
import { readFolder, readText } from './read.ts';

/** USER_HZ is 100 on every architecture that Node runs on. */
const ticksPerSecond = 100;

interface ProcessTicks {
  parent: number;
  own: number;
  ended: number;
}

/** Null when /proc does not show the process. */
export function readEngineCpuSeconds(root: string, agentPid: number): number | null {
  const agent = readProcess(root, String(agentPid));
  if (agent === null) return null;
  let ticks = agent.ended;
  for (const pid of childrenOf(root, agentPid)) {
    const child = readProcess(root, pid);
    if (child?.parent === agentPid) ticks += child.own + child.ended;
  }
  return ticks / ticksPerSecond;
}

/** The kernel's list of children where it is built in (Debian's is), else a look at them all. */
function childrenOf(root: string, pid: number): string[] {
  const list = readText(root, `proc/${pid}/task/${pid}/children`);
  if (list !== null) return list.split(' ').filter((text) => text !== '');
  return readFolder(root, 'proc').filter((name) => /^\d+$/.test(name));
}

function readProcess(root: string, pid: string): ProcessTicks | null {
  const text = readText(root, `proc/${pid}/stat`);
  if (text === null) return null;
  // The name is in brackets and may hold blanks and brackets itself: count from the last one.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [parent, user, system, endedUser, endedSystem] = [1, 11, 12, 13, 14].map(
    (index) => fields[index] ?? Number.NaN,
  ) as [number, number, number, number, number];
  const ticks = { parent, own: user + system, ended: endedUser + endedSystem };
  return Number.isFinite(ticks.own + ticks.ended) ? ticks : null;
}
