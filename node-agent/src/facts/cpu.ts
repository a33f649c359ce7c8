// The processor: its name, its flags, its cores and its last-level cache. x86 names itself in
// /proc/cpuinfo; ARM gives two numbers there, which the table below turns into a name.
// Formats: Documentation/ABI/testing/sysfs-devices-system-cpu of the kernel, proc_cpuinfo(5).
import { nameOf, pairsOf, readFolder, readInteger, readText } from './read.ts';

export interface CpuFacts {
  cpuName: string | null;
  cpuFlags: string[];
  coresPhysical: number;
  coresLogical: number;
  cacheLastLevelBytes: number | null;
}

/** `CPU part` of implementer 0x41, from Arm's Main ID Register manuals. */
const armParts: Record<string, string> = {
  '0xb76': 'ARM1176',
  '0xc07': 'Cortex-A7',
  '0xc08': 'Cortex-A8',
  '0xc09': 'Cortex-A9',
  '0xc0f': 'Cortex-A15',
  '0xd03': 'Cortex-A53',
  '0xd04': 'Cortex-A35',
  '0xd05': 'Cortex-A55',
  '0xd07': 'Cortex-A57',
  '0xd08': 'Cortex-A72',
  '0xd09': 'Cortex-A73',
  '0xd0a': 'Cortex-A75',
  '0xd0b': 'Cortex-A76',
  '0xd41': 'Cortex-A78',
};

const cpuFolder = 'sys/devices/system/cpu';

export function readCpu(root: string): CpuFacts {
  const pairs = pairsOf(readText(root, 'proc/cpuinfo') ?? '');
  const first = (key: string): string | undefined => pairs.find(([name]) => name === key)?.[1];
  const coresLogical = Math.max(1, pairs.filter(([key]) => key === 'processor').length);
  const flags = first('flags') ?? first('Features') ?? first('isa') ?? '';
  const folders = readFolder(root, cpuFolder).filter((name) => /^cpu\d+$/.test(name));
  return {
    cpuName: nameOf(armName(pairs) ?? first('model name') ?? first('uarch') ?? first('cpu model')),
    cpuFlags: flags
      .split(/\s+/)
      .filter((flag) => flag !== '' && flag.length <= 32)
      .slice(0, 400),
    coresPhysical: countCores(root, folders, pairs) ?? coresLogical,
    coresLogical,
    cacheLastLevelBytes: readLastLevelCache(root, folders) ?? cacheOfCpuinfo(first('cache size')),
  };
}

/** `2x Cortex-A76 + 4x Cortex-A55` on boards that mix, `Cortex-A72` on those that do not. */
function armName(pairs: [string, string][]): string | null {
  const counts = new Map<string, number>();
  for (const [key, value] of pairs) {
    if (key !== 'CPU part') continue;
    const name = armParts[value] ?? `ARM part ${value}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  if (counts.size === 0) return null;
  if (counts.size === 1) return [...counts.keys()].join();
  return [...counts].map(([name, count]) => `${count}x ${name}`).join(' + ');
}

/** Hyper-threads of one core list each other as siblings: as many cores as there are lists. */
function countCores(root: string, folders: string[], pairs: [string, string][]): number | null {
  const siblings = new Set<string>();
  for (const folder of folders) {
    const topology = `${cpuFolder}/${folder}/topology`;
    const list =
      readText(root, `${topology}/core_cpus_list`) ??
      readText(root, `${topology}/thread_siblings_list`);
    if (list !== null) siblings.add(list);
  }
  if (siblings.size > 0) return siblings.size;
  const cores = new Set<string>();
  let socket = '0';
  for (const [key, value] of pairs) {
    if (key === 'physical id') socket = value;
    if (key === 'core id') cores.add(`${socket}/${value}`);
  }
  return cores.size > 0 ? cores.size : null;
}

/** All instances of the highest level summed, each counted once however many cores share it. */
function readLastLevelCache(root: string, folders: string[]): number | null {
  let levelMax = 0;
  let instances = new Map<string, number>();
  for (const folder of folders) {
    const caches = `${cpuFolder}/${folder}/cache`;
    for (const index of readFolder(root, caches).filter((name) => name.startsWith('index'))) {
      const level = readInteger(root, `${caches}/${index}/level`);
      const bytes = sizeOf(readText(root, `${caches}/${index}/size`) ?? '');
      if (level === null || bytes === null || level < levelMax) continue;
      if (readText(root, `${caches}/${index}/type`) === 'Instruction') continue;
      if (level > levelMax) instances = new Map();
      levelMax = level;
      instances.set(readText(root, `${caches}/${index}/shared_cpu_list`) ?? folder, bytes);
    }
  }
  const total = [...instances.values()].reduce((sum, bytes) => sum + bytes, 0);
  return total > 0 ? total : null;
}

/** x86 without cache folders (containers, some VMs): `cache size : 16384 KB`. */
function cacheOfCpuinfo(text: string | undefined): number | null {
  return text === undefined ? null : sizeOf(text.replace(/\s*KB$/, 'K'));
}

/** `32K`, `8192K`, `6M` -> bytes. */
function sizeOf(text: string): number | null {
  const match = /^(\d+)([KM])$/.exec(text.trim());
  if (match === null) return null;
  return Number(match[1]) * (match[2] === 'M' ? 1024 * 1024 : 1024);
}
