// The addresses that others reach this node at: those it was told, else its interfaces'. Ports
// without a cable have none; containers' bridges have ones that nobody else can reach.
import { networkInterfaces } from 'node:os';

const addressesMax = 8;
const bridges = /^(docker|br-|veth|virbr|lxc|podman|cni)/;

/** `told` first; a tunnel that listens on one address names that one. */
export function addressesOf(
  told: readonly string[],
  tunnelHost: string,
  interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces(),
): string[] {
  if (told.length > 0) return [...new Set(told)].slice(0, addressesMax);
  if (tunnelHost !== '0.0.0.0' && tunnelHost !== '::') return [tunnelHost];
  const found = Object.entries(interfaces).flatMap(([name, addresses]) =>
    bridges.test(name)
      ? []
      : (addresses ?? [])
          .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
          .map(({ address, family }) => ({ address, family })),
  );
  // IPv4 first: it is what a home's router hands out and what people recognise.
  const ordered = found.sort((a, b) => a.family.localeCompare(b.family));
  const unique = [...new Set(ordered.map(({ address }) => address))].slice(0, addressesMax);
  return unique.length > 0 ? unique : ['127.0.0.1'];
}
