// Opens the ledger's SQLite file: WAL, migrations numbered by the version they produce, a damaged
// file moved aside so that counting goes on, a file of a newer salvage left untouched.
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { asFailure, messageOf, SalvageError } from '@salvage/kit';
import Database from 'better-sqlite3';

const busyMilliseconds = 5_000;

/**
 * Times are milliseconds since 1970, energy is integer microjoules.
 *
 * jobs: one row a request, as the gateway told it last; the texts are not among it.
 * readings: one row a window of a node. `errorMicrojoules` is microjoules × relative error and
 *   `milliseconds` the window's length, so that windows can be folded by adding them up. A null
 *   `microjoules` is a gap. `position` is the reading's place in its message; folded rows have
 *   the run `folded`.
 * shares: what each job took of a reading of jobs.
 * folded: per run of an agent the last message whose idle windows were folded, so that a late
 *   duplicate is still known.
 */
const migrations: readonly string[] = [
  `
  CREATE TABLE jobs (
    jobId TEXT PRIMARY KEY,
    client TEXT NOT NULL,
    modelId TEXT NOT NULL,
    nodeId TEXT,
    dialect TEXT NOT NULL,
    phase TEXT NOT NULL,
    queuedAt INTEGER NOT NULL,
    startedAt INTEGER,
    firstTokenAt INTEGER,
    endedAt INTEGER,
    endReason TEXT,
    promptTokens INTEGER,
    cachedTokens INTEGER,
    promptMilliseconds REAL,
    outputTokens INTEGER,
    outputMilliseconds REAL,
    cpuSeconds REAL,
    energyJson TEXT,
    replays INTEGER NOT NULL,
    problem TEXT
  ) STRICT;
  CREATE INDEX jobsByQueued ON jobs (queuedAt);
  CREATE INDEX jobsByEnd ON jobs (endedAt);

  CREATE TABLE readings (
    readingId INTEGER PRIMARY KEY,
    nodeId TEXT NOT NULL,
    runId TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    position INTEGER NOT NULL,
    t0 INTEGER NOT NULL,
    t1 INTEGER NOT NULL,
    milliseconds INTEGER NOT NULL,
    microjoules INTEGER,
    errorMicrojoules INTEGER,
    cpuSeconds REAL,
    method TEXT,
    scope TEXT,
    quality TEXT,
    source TEXT NOT NULL,
    spentOn TEXT NOT NULL,
    UNIQUE (nodeId, runId, sequence, position)
  ) STRICT;
  CREATE INDEX readingsByEnd ON readings (t1);
  CREATE INDEX readingsByNode ON readings (nodeId, t0);

  CREATE TABLE shares (
    readingId INTEGER NOT NULL REFERENCES readings ON DELETE CASCADE,
    jobId TEXT NOT NULL,
    microjoules INTEGER,
    errorMicrojoules INTEGER,
    cpuSeconds REAL,
    PRIMARY KEY (readingId, jobId)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX sharesByJob ON shares (jobId);

  CREATE TABLE folded (
    nodeId TEXT NOT NULL,
    runId TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (nodeId, runId)
  ) STRICT, WITHOUT ROWID;
  `,
];

export interface Opened {
  database: Database.Database;
  /** Where the damaged file lies now; null when all was well. */
  damagedFile: string | null;
}

/**
 * Opens or makes the file. A damaged one is renamed to `<file>.damaged-<unixMilliseconds>` first.
 * Throws SLV_STATE when the folder cannot be used or the schema is newer than this program.
 */
export function openDatabase(file: string, unixMilliseconds: number): Opened {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    return { database: openSound(file), damagedFile: null };
  } catch (error) {
    if (!isDamage(error)) throw asFailure(error, 'SLV_STATE', `cannot open the ledger ${file}`);
    const damagedFile = moveAside(file, unixMilliseconds);
    return { database: openSound(file), damagedFile };
  }
}

function openSound(file: string): Database.Database {
  const database = new Database(file, { timeout: busyMilliseconds });
  try {
    const version = database.pragma('user_version', { simple: true }) as number;
    if (version > migrations.length) {
      throw new SalvageError(
        'SLV_STATE',
        `the ledger ${file} has schema ${version}, this salvage knows ${migrations.length}`,
        { hint: 'it was written by a newer salvage: run that one, or move the file away' },
      );
    }
    const check = database.pragma('quick_check(1)', { simple: true });
    if (check !== 'ok') throw new Damage(String(check));
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = NORMAL');
    database.pragma('foreign_keys = ON');
    migrate(database, version);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function migrate(database: Database.Database, from: number): void {
  for (let version = from; version < migrations.length; version += 1) {
    database.transaction(() => {
      database.exec(migrations[version] ?? '');
      database.pragma(`user_version = ${version + 1}`);
    })();
  }
}

class Damage extends Error {}

function isDamage(error: unknown): boolean {
  if (error instanceof Damage) return true;
  return error instanceof Database.SqliteError && /^SQLITE_(NOTADB|CORRUPT)/.test(error.code);
}

function moveAside(file: string, unixMilliseconds: number): string {
  const target = `${file}.damaged-${unixMilliseconds}`;
  try {
    // The log belongs to the damaged file and would spoil the new one.
    for (const ending of ['', '-wal', '-shm']) {
      if (existsSync(`${file}${ending}`)) renameSync(`${file}${ending}`, `${target}${ending}`);
    }
  } catch (error) {
    throw new SalvageError('SLV_STATE', `the ledger ${file} is damaged: ${messageOf(error)}`, {
      hint: 'move the file away by hand and start again',
      cause: error,
    });
  }
  return target;
}
