// Job ids: 80 random bits as letters that can be read aloud.
import type { JobId } from '@salvage/contract';

const letters = 'abcdefghijklmnopqrstuvwxyz234567';
const lettersCount = 16;

/** `job-` and 16 random letters of base32. */
export function newJobId(random: (bytes: number) => Uint8Array): JobId {
  const chosen = Array.from(random(lettersCount), (byte) => letters[byte % letters.length]);
  return `job-${chosen.join('')}`;
}
