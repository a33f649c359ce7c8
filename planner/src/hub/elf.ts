// For which machine a binary was made, from the first 20 bytes of its ELF header (elf(5)): a package's
// name is a promise, this is the fact.
import type { Architecture } from '@salvage/contract';

/** e_ident[EI_CLASS] (1: 32 bits, 2: 64) and e_machine of each architecture. */
const machines: Record<Architecture, { bits: number; machine: number }> = {
  x64: { bits: 2, machine: 62 },
  arm64: { bits: 2, machine: 183 },
  armv7l: { bits: 1, machine: 40 },
  riscv64: { bits: 2, machine: 243 },
};

/** Null for what is no little-endian ELF file, or for a machine that salvage does not know. */
export function elfArchitecture(bytes: Uint8Array): Architecture | null {
  const [magic, e, l, f, bits, order] = bytes;
  if (magic !== 0x7f || e !== 0x45 || l !== 0x4c || f !== 0x46 || order !== 1) return null;
  const machine = (bytes[18] ?? 0) + (bytes[19] ?? 0) * 256;
  const names = Object.keys(machines) as Architecture[];
  return (
    names.find((name) => machines[name].bits === bits && machines[name].machine === machine) ?? null
  );
}
