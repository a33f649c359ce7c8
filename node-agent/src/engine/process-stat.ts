// Memory and processor time of one child from /proc, see proc_pid_status(5) and proc_pid_stat(5).
import { readText } from '../facts/read.ts';

/** USER_HZ is 100 on every architecture that Node runs on. */
const ticksPerSecond = 100;

/** Resident bytes, mapped weights included; null when the process is gone. */
export function readMemoryBytes(pid: number): number | null {
  const status = readText('/', `proc/${pid}/status`);
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status ?? '')?.[1];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}

/** User and system seconds since the process started; null when it is gone. */
export function readCpuSeconds(pid: number): number | null {
  const stat = readText('/', `proc/${pid}/stat`);
  if (stat === null) return null;
  // The name is in brackets and may hold blanks and brackets itself: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isFinite(ticks) ? ticks / ticksPerSecond : null;
}
