// Where joules and jobs are kept: one SQLite file, one writer. Writes are one transaction each and
// may be repeated: a job replaces itself, a reading that is known changes nothing. Killed at any
// instant, it holds whole messages only. Bounded: jobs and their windows are deleted after 400
// days, and idle windows are folded to one row an hour after eight, so that five nodes take some
// ten megabytes a year and not seven hundred.
import assert from 'node:assert/strict';
import type { EnergyReading, HealthWarning, NodeEnergy, NodeId } from '@salvage/contract';
import { asFailure, type Clock } from '@salvage/kit';
import Database from 'better-sqlite3';
import { attribute, isPlausible, purposeOf, relativeErrorOf, sharesOf } from './attribution.ts';
import { openDatabase } from './database.ts';
import { type JobRow, jobOfRow, rowOfJob, upsertJobSql } from './job-row.ts';
import { type EnergyReport, reportOf } from './report.ts';
import { type Period, readRows } from './rows.ts';
import type { JobRecord } from './types.ts';

const dayMilliseconds = 24 * 3600_000;
const hourMilliseconds = 3600_000;
/** The ledger's memory: a year, and a month to compare it with. */
export const ledgerDays = 400;
/** Idle windows keep their length for longer than any agent holds messages back. */
const foldAfterMilliseconds = 8 * dayMilliseconds;
/** A reading that ends further in the future than this comes from a clock that is wrong. */
const aheadMillisecondsMax = hourMilliseconds;
const jobsPerAnswerMax = 1_000;
const warningsMax = 32;

export interface Ledger {
  /** Keeps a job as it is now; the same job again replaces it. */
  recordJob(job: JobRecord): void;
  /** Keeps the readings of one message; a message that is known changes nothing. */
  recordReadings(nodeId: NodeId, message: NodeEnergy): void;
  /** Newest first; at most 1,000. `since`: queued at or after, milliseconds since 1970. */
  jobs(request: { limit: number; since?: number }): JobRecord[];
  /** Joules, tokens and coverage of a period; `until` is cut to now. Asserts conservation. */
  report(period: Period): EnergyReport;
  /** Deletes jobs and readings that ended before, folds old idle windows. Runs daily by itself. */
  prune(before: number): void;
  /** Lasting troubles: a damaged file that was moved aside, nodes with a wrong clock or meter. */
  warnings(): HealthWarning[];
  close(): void;
}

/** Opens or makes the ledger. Throws SLV_STATE; a damaged file is moved aside with a warning. */
export function openLedger(options: { file: string; clock: Clock }): Ledger {
  const { clock } = options;
  const now = (): number => Math.floor(clock.unixMilliseconds());
  const { database, damagedFile } = openDatabase(options.file, now());
  const warnings = new Map<string, HealthWarning>();
  const warn = (key: string, warning: Omit<HealthWarning, 'since' | 'severity'>): void => {
    if (warnings.has(key) || warnings.size >= warningsMax) return;
    warnings.set(key, { ...warning, severity: 'warning', since: now() });
  };
  if (damagedFile !== null) {
    warn('damaged', {
      code: 'ledger-damaged',
      title: 'The energy ledger was damaged',
      text: `A new one was begun; the damaged file lies in ${damagedFile}.`.slice(0, 500),
      advice: 'check the disk or the card; delete the file when you do not need it',
    });
  }

  const upsertJob = database.prepare(upsertJobSql);
  const insertReading = database.prepare(`
    INSERT INTO readings (nodeId, runId, sequence, position, t0, t1, milliseconds, microjoules,
      errorMicrojoules, cpuSeconds, method, scope, quality, source, spentOn)
    VALUES (:nodeId, :runId, :sequence, :position, :t0, :t1, :milliseconds, :microjoules,
      :errorMicrojoules, :cpuSeconds, :method, :scope, :quality, :source, :spentOn)
    ON CONFLICT DO NOTHING`);
  const insertShare = database.prepare(`
    INSERT INTO shares (readingId, jobId, microjoules, errorMicrojoules, cpuSeconds)
    VALUES (:readingId, :jobId, :microjoules, :errorMicrojoules, :cpuSeconds)`);
  const foldedThrough = database
    .prepare('SELECT sequence FROM folded WHERE nodeId = ? AND runId = ?')
    .pluck();
  const selectJobs = database.prepare(
    'SELECT * FROM jobs WHERE queuedAt >= ? ORDER BY queuedAt DESC, jobId DESC LIMIT ?',
  );
  let prunedAt = Number.NEGATIVE_INFINITY;

  const writeReadings = database.transaction((nodeId: NodeId, message: NodeEnergy) => {
    const through = foldedThrough.get(nodeId, message.runId) as number | undefined;
    if (through !== undefined && message.sequence <= through) return;
    const readings = message.readings.map(soundReading);
    attribute(readings.map((reading) => ({ nodeId, reading })));
    for (const [position, reading] of readings.entries()) {
      const relativeError = relativeErrorOf(reading);
      const { changes, lastInsertRowid } = insertReading.run({
        nodeId,
        runId: message.runId,
        sequence: message.sequence,
        position,
        t0: reading.t0,
        t1: reading.t1,
        milliseconds: reading.t1 - reading.t0,
        microjoules: reading.microjoules,
        errorMicrojoules: errorOf(reading.microjoules, relativeError),
        cpuSeconds: reading.cpuSeconds,
        method: reading.method,
        scope: reading.scope,
        quality: reading.quality,
        source: reading.source,
        spentOn: purposeOf(reading),
      });
      if (changes === 0) continue;
      for (const share of sharesOf(reading)) {
        insertShare.run({
          readingId: lastInsertRowid,
          ...share,
          errorMicrojoules: errorOf(share.microjoules, relativeError),
        });
      }
    }
  });

  /** A hub without a clock battery may wake up in 2036: the readings must agree before any goes. */
  const trustedNow = (): number => {
    const newest = database.prepare('SELECT MAX(t1) FROM readings').pluck().get() as number | null;
    return Math.min(now(), newest ?? now());
  };
  const prune = database.transaction((before: number) => {
    database.prepare('DELETE FROM readings WHERE t1 < ?').run(before);
    database.prepare('DELETE FROM jobs WHERE COALESCE(endedAt, queuedAt) < ?').run(before);
    database.prepare('DELETE FROM folded WHERE at < ?').run(before);
    fold(database, trustedNow() - foldAfterMilliseconds);
  });
  const doing = <Result>(what: string, act: () => Result): Result => {
    try {
      return act();
    } catch (error) {
      if (!(error instanceof Database.SqliteError)) throw error;
      const code = error.code.startsWith('SQLITE_FULL') ? 'SLV_DISK_FULL' : 'SLV_STATE';
      throw asFailure(error, code, `the ledger cannot ${what}`);
    }
  };

  return {
    recordJob: (job) => doing('keep a job', () => void upsertJob.run(rowOfJob(job))),
    recordReadings: (nodeId, message) => {
      doing('keep readings', () => writeReadings.immediate(nodeId, message));
      const trouble = troubleOf(message.readings, now());
      if (trouble !== null) warn(`${trouble.code} ${nodeId}`, trouble.about(nodeId));
      if (now() - prunedAt < dayMilliseconds) return;
      prunedAt = now();
      doing('forget old rows', () => prune.immediate(trustedNow() - ledgerDays * dayMilliseconds));
    },
    jobs: ({ limit, since }) => {
      const count = Math.max(0, Math.min(Math.floor(limit), jobsPerAnswerMax));
      const rows = doing('read jobs', () => selectJobs.all(since ?? 0, count)) as JobRow[];
      return rows.map(jobOfRow);
    },
    report: ({ since, until }) => {
      const period = { since: Math.floor(since), until: Math.floor(Math.min(until, now())) };
      return reportOf(doing('read sums', () => readRows(database, period)));
    },
    prune: (before) => doing('forget old rows', () => prune.immediate(before)),
    warnings: () => [...warnings.values()],
    close: () => void database.close(),
  };
}

/** Joules without a scope, method or quality, or beyond all reason, are no figure: a gap. */
function soundReading(reading: EnergyReading): EnergyReading {
  const isKnown = reading.scope !== null && reading.method !== null && reading.quality !== null;
  const microjoules = isKnown && isPlausible(reading) ? reading.microjoules : null;
  return { ...reading, t0: Math.min(reading.t0, reading.t1), microjoules };
}

function errorOf(microjoules: number | null, relativeError: number): number | null {
  return microjoules === null ? null : Math.round(microjoules * Math.min(relativeError, 100));
}

/**
 * One row an hour for each kind of idle or overhead window that ended before. The sums are the
 * same before and after; asserted.
 */
function fold(database: Database.Database, before: number): void {
  const limit = Math.floor(before / hourMilliseconds) * hourMilliseconds;
  const old = `t1 < ${limit} AND runId <> 'folded' AND spentOn <> 'job'`;
  const total = (where: string): bigint =>
    database
      .prepare(`SELECT COALESCE(SUM(microjoules), 0) FROM readings WHERE ${where}`)
      .pluck()
      .safeIntegers(true)
      .get() as bigint;
  const unfolded = total(old);
  const folded = total(`runId = 'folded'`);
  database.exec(`
    INSERT INTO folded (nodeId, runId, sequence, at)
      SELECT nodeId, runId, MAX(sequence), MAX(t1) FROM readings WHERE ${old}
      GROUP BY nodeId, runId
      ON CONFLICT DO UPDATE SET sequence = MAX(sequence, excluded.sequence), at = excluded.at;
    INSERT INTO readings (nodeId, runId, sequence, position, t0, t1, milliseconds, microjoules,
        errorMicrojoules, cpuSeconds, method, scope, quality, source, spentOn)
      SELECT nodeId, 'folded', t1 / ${hourMilliseconds},
        COALESCE((SELECT MAX(f.position) + 1 FROM readings f WHERE f.nodeId = r.nodeId
          AND f.runId = 'folded' AND f.sequence = r.t1 / ${hourMilliseconds}), 0)
          + ROW_NUMBER() OVER (PARTITION BY nodeId, t1 / ${hourMilliseconds}) - 1,
        MIN(t0), MAX(t1), SUM(milliseconds), SUM(microjoules), SUM(errorMicrojoules),
        SUM(cpuSeconds), method, scope, quality, source, spentOn
      FROM readings r WHERE ${old}
      GROUP BY nodeId, t1 / ${hourMilliseconds}, method, scope, quality, source, spentOn,
        microjoules IS NULL;
    DELETE FROM readings WHERE ${old};
  `);
  assert(total(`runId = 'folded'`) === folded + unfolded, 'folding keeps every microjoule');
}

interface Trouble {
  code: string;
  about(nodeId: NodeId): Omit<HealthWarning, 'since' | 'severity'>;
}

function troubleOf(readings: readonly EnergyReading[], now: number): Trouble | null {
  if (readings.some((reading) => reading.t1 > now + aheadMillisecondsMax)) {
    return {
      code: 'node-clock',
      about: (nodeId) => ({
        code: 'node-clock',
        title: `The clock of ${nodeId} is ahead`,
        text: 'Its joules carry times in the future and appear in no report until then.',
        advice: 'set its clock, or let it reach a time server',
      }),
    };
  }
  if (readings.some((reading) => !isPlausible(reading))) {
    return {
      code: 'meter-implausible',
      about: (nodeId) => ({
        code: 'meter-implausible',
        title: `A meter of ${nodeId} tells impossible watts`,
        text: 'Windows above 10 kW were kept as gaps.',
        advice: `see its log: salvage nodes logs ${nodeId}`,
      }),
    };
  }
  return null;
}
