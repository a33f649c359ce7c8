// What changes while the machine runs: free memory, load, temperature, throttling and busy time.
// Counters are handed on as counters; whoever asks twice takes the difference.
import { readMemory } from './machine.ts';
import { readFolder, readInteger, readText } from './read.ts';

export interface Vitals {
  memoryAvailableBytes: number;
  /** Of the last minute. */
  loadAverage: number;
  /** The hottest sensor of the processor, or of the board when the processor has none. */
  temperatureCelsius: number | null;
  /** Times the processor was slowed by heat since boot (x86); null where nothing counts them. */
  throttleCount: number | null;
  /** True while the firmware of a Raspberry Pi holds the clock down; null elsewhere. */
  throttledNow: boolean | null;
}

/** Time of all cores since boot, in ticks of 1/100 s (proc_stat(5), USER_HZ). */
export interface CpuTicks {
  busy: number;
  total: number;
}

export function readVitals(root: string): Vitals {
  const load = Number.parseFloat(readText(root, 'proc/loadavg') ?? '0');
  return {
    memoryAvailableBytes: readMemory(root, 'MemAvailable') ?? 0,
    loadAverage: Number.isFinite(load) ? load : 0,
    temperatureCelsius: readTemperature(root),
    throttleCount: readThrottleCount(root),
    throttledNow: readFirmwareThrottle(root),
  };
}

/** Null when /proc/stat cannot be read. `iowait` is idle: the cores wait; `steal` is not ours. */
export function readCpuTicks(root: string): CpuTicks | null {
  const line = /^cpu +(.*)$/m.exec(readText(root, 'proc/stat') ?? '')?.[1];
  if (line === undefined) return null;
  const ticks = line.split(/\s+/).map(Number);
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0] = ticks;
  const busy = user + nice + system + irq + softirq; // guest time is inside user and nice
  const total = busy + idle + wait;
  return Number.isFinite(total) ? { busy, total } : null;
}

const processorZones = /^(x86_pkg_temp|cpu.*|coretemp|soc.*|k10temp|.*-cpu.*)$/i;

function readTemperature(root: string): number | null {
  const zones = readFolder(root, 'sys/class/thermal')
    .filter((name) => name.startsWith('thermal_zone'))
    .map((name) => ({
      type: readText(root, `sys/class/thermal/${name}/type`) ?? '',
      milli: readInteger(root, `sys/class/thermal/${name}/temp`),
    }))
    // Broken sensors say 0, -273 or 200; no machine that answers is outside this range.
    .filter((zone) => zone.milli !== null && zone.milli > 1_000 && zone.milli < 130_000);
  const processor = zones.filter((zone) => processorZones.test(zone.type));
  const chosen = processor.length > 0 ? processor : zones;
  if (chosen.length === 0) return null;
  return Math.max(...chosen.map((zone) => zone.milli ?? 0)) / 1000;
}

function readThrottleCount(root: string): number | null {
  const cpus = readFolder(root, 'sys/devices/system/cpu').filter((name) => /^cpu\d+$/.test(name));
  const counts = cpus.flatMap((name) => {
    const folder = `sys/devices/system/cpu/${name}/thermal_throttle`;
    return [
      readInteger(root, `${folder}/core_throttle_count`),
      readInteger(root, `${folder}/package_throttle_count`),
    ].filter((count) => count !== null);
  });
  return counts.length === 0 ? null : counts.reduce((sum, count) => sum + count, 0);
}

/** Bits 1-3 of `get_throttled`: capped, throttled, at the soft temperature limit. */
function readFirmwareThrottle(root: string): boolean | null {
  const text = readText(root, 'sys/devices/platform/soc/soc:firmware/get_throttled');
  if (text === null || !/^[0-9a-f]+$/i.test(text)) return null;
  return (Number.parseInt(text, 16) & 0b1110) !== 0;
}
