// The facts of a node: what the hello message says of the machine. Everything below the root
// folder is read here; what only the running process knows (its architecture, the C library, the
// free disk) is an argument, so that fixture trees of other machines give their own facts.
import { statfs } from 'node:fs/promises';
import { type Architecture, architectures, type Facts } from '@salvage/contract';
import { SalvageError } from '@salvage/kit';
import { readCpu } from './cpu.ts';
import {
  readDistribution,
  readHasBattery,
  readKernel,
  readMachine,
  readMemory,
} from './machine.ts';
import { readNetwork } from './network.ts';

/** What /proc and /sys do not tell. */
export interface HostFacts {
  architecture: Architecture;
  glibc: string | null;
  diskFreeBytes: number;
}

export function readFacts(root: string, host: HostFacts): Facts {
  return {
    architecture: host.architecture,
    addressBits: host.architecture === 'armv7l' ? 32 : 64,
    ...readMachine(root),
    ...readCpu(root),
    memoryTotalBytes: readMemory(root, 'MemTotal') ?? 0,
    kernel: readKernel(root),
    distribution: readDistribution(root),
    glibc: host.glibc,
    hasBattery: readHasBattery(root),
    diskFreeBytes: host.diskFreeBytes,
    network: readNetwork(root),
  };
}

/** The process this runs in; `folder` (which exists) is where models are kept. */
export async function hostOf(folder: string): Promise<HostFacts> {
  return {
    architecture: architectureOf(process.arch),
    glibc: glibcOf(),
    diskFreeBytes: await diskFreeBytesOf(folder),
  };
}

/** Bytes that this user may still write below `folder`. */
export async function diskFreeBytesOf(folder: string): Promise<number> {
  const disk = await statfs(folder);
  return disk.bavail * disk.bsize;
}

/** Node's word for the processor as ours; throws SLV_UNSUPPORTED for one that no engine knows. */
export function architectureOf(name: string): Architecture {
  const found = architectures.find((architecture) => architecture === name);
  if (found !== undefined) return found;
  if (name === 'arm') return 'armv7l';
  throw new SalvageError('SLV_UNSUPPORTED', `no engine runs on the architecture ${name}`, {
    hint: `salvage runs on ${architectures.join(', ')}`,
  });
}

/** The running glibc, null where Node is linked to another C library (musl). */
function glibcOf(): string | null {
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean };
  report.excludeNetwork = true; // otherwise it looks up the names of open connections
  const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime ?? null;
}
