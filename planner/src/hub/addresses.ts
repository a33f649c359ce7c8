// The addresses that other machines reach this one at. Interfaces are an argument; what people say
// in the settings comes first.
import type { NetworkInterfaceInfo } from 'node:os';

export type Interfaces = Record<string, NetworkInterfaceInfo[] | undefined>;

/** IPv4 addresses of real ports before those of bridges and containers; never loopback. */
export function lanAddresses(interfaces: Interfaces, told: readonly string[]): string[] {
  const found = Object.entries(interfaces)
    .flatMap(([name, infos]) => (infos ?? []).map((info) => ({ name, ...info })))
    .filter((info) => !info.internal && info.family === 'IPv4')
    .sort((a, b) => rank(a.name) - rank(b.name))
    .map((info) => info.address);
  return [...new Set([...told, ...found])];
}

function rank(name: string): number {
  return /^(docker|br-|veth|virbr|lxc|cni|flannel|tun|tap|wg)/.test(name) ? 1 : 0;
}
