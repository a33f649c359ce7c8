// Which machine this is: DMI on PCs, the device tree on boards; its system, memory and battery.
// Makers leave placeholders in DMI ("To Be Filled By O.E.M."); they count as nothing, and the
// board's own entry is read instead. Lenovo keeps the name people know in `product_version`.
import { nameOf, pairsOf, readFolder, readInteger, readText } from './read.ts';

export interface MachineFacts {
  machineVendor: string | null;
  machineProduct: string | null;
}

const placeholders =
  /^(to be filled.*|system (manufacturer|product name|version)|default string|not (specified|applicable|available)|none|n\/a|unknown|o\.?e\.?m\.?|invalid|x\.x|0+|-+)$/i;

export function readMachine(root: string): MachineFacts {
  const dmi = (field: string): string | null => {
    const text = nameOf(readText(root, `sys/class/dmi/id/${field}`));
    return text === null || placeholders.test(text) ? null : text;
  };
  const vendor = dmi('sys_vendor') ?? dmi('board_vendor');
  const product = dmi('product_name') ?? dmi('board_name');
  if (vendor !== null || product !== null) {
    const known = vendor === 'LENOVO' ? dmi('product_version') : null;
    return { machineVendor: vendor, machineProduct: known ?? product };
  }

  return {
    machineVendor: nameOf(readMaker(root)),
    machineProduct:
      nameOf(readText(root, 'proc/device-tree/model')) ??
      nameOf(readText(root, 'sys/firmware/devicetree/base/model')),
  };
}

/** The maker in the device tree’s compatible names (`raspberrypi` of `raspberrypi,4-model-b`). */
function readMaker(root: string): string | null {
  const text =
    readText(root, 'proc/device-tree/compatible') ??
    readText(root, 'sys/firmware/devicetree/base/compatible');
  return /^([\w.-]+),/.exec(text ?? '')?.[1] ?? null;
}

/** `PRETTY_NAME` of os-release(5). */
export function readDistribution(root: string): string | null {
  const text = readText(root, 'etc/os-release') ?? readText(root, 'usr/lib/os-release') ?? '';
  const value = /^PRETTY_NAME=(.*)$/m.exec(text)?.[1];
  return nameOf(value?.replace(/^(["'])(.*)\1$/, '$2'));
}

export function readKernel(root: string): string {
  return nameOf(readText(root, 'proc/sys/kernel/osrelease')) ?? 'unknown';
}

/** New with every boot; null where the kernel does not say. */
export function readBootId(root: string): string | null {
  return nameOf(readText(root, 'proc/sys/kernel/random/boot_id'));
}

/** One field of /proc/meminfo in bytes, null when it is missing. */
export function readMemory(root: string, field: 'MemTotal' | 'MemAvailable'): number | null {
  const pairs = pairsOf(readText(root, 'proc/meminfo') ?? '');
  const value = pairs.find(([key]) => key === field)?.[1];
  const kibibytes = /^(\d+) kB$/.exec(value ?? '')?.[1];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}

/** True when the machine itself has a battery; mice and keyboards say `scope` Device. */
export function readHasBattery(root: string): boolean {
  return readFolder(root, 'sys/class/power_supply').some((name) => {
    const folder = `sys/class/power_supply/${name}`;
    if (readText(root, `${folder}/type`) !== 'Battery') return false;
    if (readText(root, `${folder}/scope`) === 'Device') return false;
    return readInteger(root, `${folder}/present`) !== 0;
  });
}
