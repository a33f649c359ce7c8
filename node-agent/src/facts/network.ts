// Network ports: kind, speed and hardware address (the one that wakes the machine). Ports without
// a device below them (bridges, containers' pairs) come last and are the first to be left out.
// Format: Documentation/ABI/testing/sysfs-class-net of the kernel.
import type { Facts } from '@salvage/contract';
import { nameOf, readFolder, readInteger, readText } from './read.ts';

type Port = Facts['network'][number];

const portsMax = 16;

export function readNetwork(root: string): Port[] {
  const names = readFolder(root, 'sys/class/net').filter((name) => name !== 'lo');
  const ports = names.map((name) => readPort(root, name));
  const real = ports.filter((port) => port.kind !== 'other');
  return [...real, ...ports.filter((port) => port.kind === 'other')].slice(0, portsMax);
}

function readPort(root: string, name: string): Port {
  const folder = `sys/class/net/${name}`;
  const entries = new Set(readFolder(root, folder));
  const speed = readInteger(root, `${folder}/speed`);
  const address = nameOf(readText(root, `${folder}/address`));
  return {
    name: name.slice(0, 200),
    kind: kindOf(entries),
    // -1 means unknown; a port without a cable refuses to be read.
    speedMegabits: speed !== null && speed > 0 ? speed : null,
    macAddress: address === '00:00:00:00:00:00' ? null : address,
  };
}

function kindOf(entries: ReadonlySet<string>): Port['kind'] {
  if (entries.has('wireless') || entries.has('phy80211')) return 'wireless';
  return entries.has('device') ? 'wired' : 'other';
}
