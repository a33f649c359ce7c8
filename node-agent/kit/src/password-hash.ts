// Password hashes in the form that Mosquitto keeps in its password file, so that Aedes and
// Mosquitto can take the same credential: `$7$<iterations>$<salt, base64>$<hash, base64>`,
// PBKDF2 with SHA-512, 64 bytes (mosquitto_passwd(1), mosquitto 2.0). Passwords here are 256 random
// bits, so the iterations need not be many.
import { pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';

const iterationsDefault = 101;
const iterationsMax = 1_000_000;
const hashBytes = 64;

export function hashPassword(password: string, salt: Buffer = randomBytes(12)): string {
  const hash = pbkdf2Sync(password, salt, iterationsDefault, hashBytes, 'sha512');
  return `$7$${iterationsDefault}$${salt.toString('base64')}$${hash.toString('base64')}`;
}

/** True when `password` made `encoded`; false for anything that is not such a hash. */
export function verifyPassword(password: string, encoded: string): boolean {
  const [, kind, iterations, salt, hash] = encoded.split('$');
  const rounds = Number(iterations);
  if (kind !== '7' || !(rounds >= 1 && rounds <= iterationsMax) || !salt || !hash) return false;
  const want = Buffer.from(hash, 'base64');
  if (want.length === 0) return false;
  const have = pbkdf2Sync(password, Buffer.from(salt, 'base64'), rounds, want.length, 'sha512');
  return timingSafeEqual(have, want);
}

/** A password nobody types: 256 random bits in base64url. */
export function randomPassword(): string {
  return randomBytes(32).toString('base64url');
}
