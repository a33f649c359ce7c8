// Join tokens and client keys: shown once, kept as SHA-256, expiring, bounded. A join token is good
// for one enrolment. Kept in `<state>/tokens.json`, a small file that is whole or absent.
import { createHash, timingSafeEqual } from 'node:crypto';
import { createTurns, readTextIfAny, SalvageError, writeFileWhole } from '@salvage/kit';
import { limits } from '../limits.ts';

export interface TokenRecord {
  tokenId: string;
  for: 'node' | 'client';
  name: string;
  sha256: string;
  createdAt: number;
  /** Null: until it is revoked (client keys only). */
  expiresAt: number | null;
  usedAt: number | null;
  /** For the agent on the planner's own machine: such a token opens no door. */
  local: boolean;
}

export interface TokenStore {
  list(): TokenRecord[];
  /** Returns the token's text, which is not kept. */
  create(request: {
    for: 'node' | 'client';
    name: string;
    expiresSeconds: number | null;
    local?: boolean;
  }): Promise<{ token: string; record: TokenRecord }>;
  /** The record of a token that is valid now; null otherwise. */
  find(token: string, purpose: 'node' | 'client'): TokenRecord | null;
  /** Marks a join token as used. Rejects with SLV_TOKEN when somebody was faster. */
  use(tokenId: string): Promise<void>;
  revoke(tokenId: string): Promise<boolean>;
  /** True while some join token of another machine could still be used. */
  hasOpenJoinToken(): boolean;
  /** True while some client key is valid. */
  hasClientKey(): boolean;
}

export interface TokenChance {
  now(): number;
  /** `bytes` random bytes. */
  random(bytes: number): Uint8Array;
}

/** Token texts are base32 without look-alikes, so that they can be read aloud and typed. */
const letters = 'abcdefghjkmnpqrstuvwxyz234567892';

export async function openTokenStore(file: string, chance: TokenChance): Promise<TokenStore> {
  let records = parse(await readTextIfAny(file));
  const inTurn = createTurns();
  const save = async (next: TokenRecord[]): Promise<void> => {
    const kept = next.filter((record) => !isStale(record, chance.now()));
    if (kept.length > limits.tokensMax) {
      throw new SalvageError('SLV_TOKEN', `there are ${kept.length - 1} tokens already`, {
        hint: 'revoke some: salvage token list, salvage token revoke ID',
      });
    }
    await writeFileWhole(file, `${JSON.stringify(kept, null, 1)}\n`);
    records = kept;
  };
  const isValid = (record: TokenRecord): boolean =>
    record.usedAt === null && (record.expiresAt === null || record.expiresAt > chance.now());
  return {
    list: () => records.filter((record) => !isStale(record, chance.now())),
    create: async (request) => {
      const token = textOf(chance.random(26));
      const now = chance.now();
      const seconds = Math.min(request.expiresSeconds ?? Infinity, limits.tokenSecondsMax);
      const record: TokenRecord = {
        tokenId: textOf(chance.random(6)),
        for: request.for,
        name: request.name.slice(0, 60),
        sha256: sha256Of(token),
        createdAt: now,
        expiresAt:
          request.expiresSeconds === null && request.for === 'client' ? null : now + seconds * 1000,
        usedAt: null,
        local: request.local ?? false,
      };
      await inTurn(() => save([...records, record]));
      return { token, record };
    },
    find: (token, purpose) => {
      const hash = Buffer.from(sha256Of(token));
      const found = records.find(
        (record) => record.for === purpose && timingSafeEqual(Buffer.from(record.sha256), hash),
      );
      return found !== undefined && isValid(found) ? found : null;
    },
    use: (tokenId) =>
      inTurn(async () => {
        const found = records.find((record) => record.tokenId === tokenId);
        if (found === undefined || !isValid(found)) {
          throw new SalvageError('SLV_TOKEN', 'this join token was used already, or has expired');
        }
        found.usedAt = chance.now();
        await save(records);
      }),
    revoke: (tokenId) =>
      inTurn(async () => {
        const next = records.filter((record) => record.tokenId !== tokenId);
        if (next.length === records.length) return false;
        await save(next);
        return true;
      }),
    hasClientKey: () => records.some((record) => record.for === 'client' && isValid(record)),
    hasOpenJoinToken: () =>
      records.some((record) => record.for === 'node' && !record.local && isValid(record)),
  };
}

/** A day after its end a token is of no interest to anybody. */
function isStale(record: TokenRecord, now: number): boolean {
  const end = Math.min(record.expiresAt ?? Infinity, record.usedAt ?? Infinity);
  return end + 24 * 3600_000 < now;
}

function textOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => letters[byte % letters.length]).join('');
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function parse(text: string | null): TokenRecord[] {
  if (text === null) return [];
  try {
    return JSON.parse(text) as TokenRecord[];
  } catch (error) {
    throw new SalvageError('SLV_STATE', 'tokens.json is not JSON', {
      hint: 'delete it: tokens can be made again',
      cause: error,
    });
  }
}
