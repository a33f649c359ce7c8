// Which addresses are this machine's own.
import { isIP } from 'node:net';

/** True for 127.0.0.0/8 and ::1, also in the form that a dual-stack socket shows them. */
export function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  const plain = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  return plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'));
}
