// What must outlive a restart, so that nodes may reconnect before the planner does: the hashed
// credentials, whether the TLS door is open, and the revision they came with. SQLite, because a
// pulled plug must leave the old list or the new one.
import { chmodSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Credential } from '@salvage/contract';
import { messageOf, SalvageError } from '@salvage/kit';
import Database from 'better-sqlite3';

export interface SavedDesired {
  credentials: Credential[];
  lanOpen: boolean;
  revision: number;
}

export interface CredentialStore {
  read(): SavedDesired;
  /** Replaces what the planner wished, as a whole. */
  replace(desired: SavedDesired): void;
  plannerHash(): string | null;
  setPlannerHash(hash: string): void;
  close(): void;
}

/** The planner's own hash has a table of its own, which no list from outside ever touches. */
const schema = `
  CREATE TABLE IF NOT EXISTS credential (
    user TEXT PRIMARY KEY, role TEXT NOT NULL, node_id TEXT, hash TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS planner_credential (
    one INTEGER PRIMARY KEY CHECK (one = 1), hash TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS wish (
    one INTEGER PRIMARY KEY CHECK (one = 1), lan_open INTEGER NOT NULL, revision INTEGER NOT NULL
  ) STRICT;
`;
const schemaVersion = 1;

/** Opens or makes the file, mode 0600. Throws SLV_STATE when it cannot be read or written. */
export function openCredentialStore(file: string): CredentialStore {
  const database = open(file);
  const list = database.prepare('SELECT user, role, node_id AS nodeId, hash FROM credential');
  const wish = database.prepare('SELECT lan_open AS lanOpen, revision FROM wish');
  const clear = database.prepare('DELETE FROM credential');
  const insert = database.prepare('INSERT INTO credential VALUES (@user, @role, @nodeId, @hash)');
  const setWish = database.prepare('INSERT OR REPLACE INTO wish VALUES (1, ?, ?)');
  const planner = database.prepare('SELECT hash FROM planner_credential');
  const setPlanner = database.prepare('INSERT OR REPLACE INTO planner_credential VALUES (1, ?)');
  const replace = database.transaction((desired: SavedDesired) => {
    clear.run();
    for (const credential of desired.credentials) insert.run(credential);
    setWish.run(desired.lanOpen ? 1 : 0, desired.revision);
  });
  return {
    read: () => {
      const row = wish.get() as { lanOpen: number; revision: number } | undefined;
      return {
        credentials: list.all() as Credential[],
        lanOpen: row?.lanOpen === 1,
        revision: row?.revision ?? 0,
      };
    },
    replace: (desired) => replace.immediate(desired),
    plannerHash: () => (planner.get() as { hash: string } | undefined)?.hash ?? null,
    setPlannerHash: (hash) => void setPlanner.run(hash),
    close: () => void database.close(),
  };
}

function open(file: string): Database.Database {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const database = new Database(file, { timeout: 2_000 });
    chmodSync(file, 0o600);
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    const version = database.pragma('user_version', { simple: true }) as number;
    if (version > schemaVersion) {
      throw new SalvageError('SLV_STATE', `${file} was written by a newer salvage`, {
        hint: 'start that version again',
      });
    }
    database.exec(schema);
    database.pragma(`user_version = ${schemaVersion}`);
    return database;
  } catch (error) {
    throw failureOf(error, file);
  }
}

/** Says what to do: a damaged file is one thing, a folder or a package in disorder another. */
function failureOf(error: unknown, file: string): SalvageError {
  if (error instanceof SalvageError) return error;
  const problem = messageOf(error).split('\n', 1)[0] ?? '';
  const { code = '' } = error as { code?: string };
  if (problem.startsWith('Could not locate the bindings file')) {
    return new SalvageError('SLV_NEEDS_TOOL', 'better-sqlite3 was not built for this machine', {
      hint: 'sudo apt install build-essential python3, then: npm rebuild better-sqlite3',
      cause: error,
    });
  }
  const isDamaged = code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT');
  return new SalvageError('SLV_STATE', `cannot use ${file}: ${problem}`, {
    ...(isDamaged ? { hint: 'delete it: the planner sends its list of credentials again' } : {}),
    cause: error,
  });
}
