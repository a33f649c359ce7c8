import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { EnergyReading } from '@salvage/contract';
import { type Clock, realClock, SalvageError } from '@salvage/kit';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { type Ledger, ledgerDays, openLedger } from './ledger.ts';
import { sampleJob, sampleMessage, sampleReading } from './testing/samples.ts';

const day = 24 * 3600_000;
const hour = 3600_000;
const start = Date.UTC(2026, 10, 1);

const folder = mkdtempSync(join(tmpdir(), 'salvage-ledger-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;
function newFile(): string {
  files += 1;
  return join(folder, String(files), 'ledger.sqlite');
}

function clockAt(time: { now: number }): Clock {
  return { ...realClock, unixMilliseconds: () => time.now };
}

function open(time = { now: start + day }, file = newFile()): Ledger {
  return openLedger({ file, clock: clockAt(time) });
}

const everything = { since: 0, until: Number.MAX_SAFE_INTEGER };

describe('ledger', () => {
  it('gives jobs back as they were, newest first, the last word counting', () => {
    const ledger = open();
    const first = sampleJob('job-00000001', start, { problem: 'a node died', replays: 1 });
    const second = sampleJob('job-00000002', start + 60_000, {
      energy: {
        ...{ microjoules: 12_000_000, method: 'model', scope: 'wall', quality: 'estimated' },
        ...{ relativeError: 0.4, source: 'profile-x' },
      },
    });
    ledger.recordJob({ ...first, phase: 'running', endedAt: null, timings: null });
    ledger.recordJob(first);
    ledger.recordJob(second);
    assert.deepEqual(ledger.jobs({ limit: 10 }), [second, first]);
    assert.deepEqual(ledger.jobs({ limit: 1 }), [second]);
    assert.deepEqual(ledger.jobs({ limit: 10, since: second.queuedAt }), [second]);
    ledger.close();
  });

  it('counts a message once, however often and in whatever order it comes', () => {
    const arbitraryReading = fc.record({
      microjoules: fc.option(fc.nat(20_000_000), { nil: null }),
      spentOn: fc.constantFrom('job' as const, 'idle' as const, 'overhead' as const),
      jobIds: fc.uniqueArray(fc.constantFrom('job-00000001', 'job-00000002', 'job-00000003'), {
        maxLength: 3,
      }),
      scope: fc.constantFrom('wall' as const, 'package' as const),
    });
    const arbitraryMessages = fc
      .array(fc.array(arbitraryReading, { maxLength: 6 }), { minLength: 1, maxLength: 6 })
      .map((list) =>
        list.map((readings, index) =>
          sampleMessage(
            index + 1,
            readings.map((change, at) =>
              sampleReading(start + index * 10_000 + at * 1_000, change),
            ),
          ),
        ),
      );
    fc.assert(
      fc.property(arbitraryMessages, fc.array(fc.nat(20), { maxLength: 20 }), (messages, again) => {
        const once = open();
        for (const message of messages) once.recordReadings('a', message);
        const often = open();
        const order = again.map((index) => messages[index % messages.length] ?? messages[0]!);
        for (const message of [...order, ...messages]) often.recordReadings('a', message);
        assert.deepEqual(often.report(everything), once.report(everything));
        once.close();
        often.close();
      }),
      { numRuns: 25 },
    );
  });

  it('survives kill -9 of its writer: what was confirmed is there, messages are whole', async () => {
    const file = newFile();
    const writer = fork(new URL('./testing/endless-writer.ts', import.meta.url), [file], {
      execArgv: ['--import', 'tsx'],
    });
    const confirmed = await new Promise<number>((resolve) => {
      writer.on('message', (sequence) => {
        if (Number(sequence) < 50) return;
        writer.kill('SIGKILL');
        resolve(Number(sequence));
      });
    });
    await new Promise((resolve) => writer.once('exit', resolve));
    const ledger = open({ now: start + day }, file);
    assert.deepEqual(ledger.warnings(), []);
    const database = new Database(file, { readonly: true });
    const rows = database.prepare('SELECT COUNT(*) FROM readings').pluck().get() as number;
    database.close();
    assert.ok(rows >= confirmed * 2, `${rows} rows after ${confirmed} confirmed messages`);
    assert.equal(rows % 2, 0);
    const report = ledger.report(everything);
    assert.equal(report.nodes[0]?.wattHours?.total.value, (rows * 10) / 3600);
    ledger.close();
  });

  it('moves a damaged file aside, says so and goes on', () => {
    const file = newFile();
    open({ now: start }, file).close();
    writeFileSync(file, Buffer.alloc(20_000, 'not a database '));
    const ledger = open({ now: start + 5 }, file);
    assert.match(ledger.warnings()[0]?.text ?? '', /ledger\.sqlite\.damaged-/);
    ledger.recordReadings('a', sampleMessage(1, [sampleReading(start)]));
    ledger.close();
    const names = readdirSync(join(file, '..'));
    assert.ok(names.includes(`ledger.sqlite.damaged-${start + 5}`), names.join(' '));
    const again = open({ now: start + 6 }, file);
    assert.deepEqual(again.warnings(), []);
    assert.equal(again.report(everything).nodes.length, 1);
    again.close();
  });

  it('refuses a newer schema and leaves the file as it is', () => {
    const file = newFile();
    open({ now: start }, file).close();
    const database = new Database(file);
    database.pragma('user_version = 99');
    database.close();
    assert.throws(
      () => open({ now: start }, file),
      (error) => error instanceof SalvageError && /newer salvage/.test(error.hint),
    );
    assert.ok(readdirSync(join(file, '..')).every((name) => !name.includes('damaged')));
  });

  it('refuses a folder that it cannot make', () => {
    const blocked = newFile();
    open({ now: start }, blocked).close();
    assert.throws(
      () => open({ now: start }, join(blocked, 'below', 'ledger.sqlite')),
      (error) => error instanceof SalvageError && error.code === 'SLV_STATE',
    );
  });

  it('folds old idle windows by the hour without losing a microjoule', () => {
    const time = { now: start + hour };
    const ledger = open(time);
    const change: Partial<EnergyReading> = { microjoules: 10_000_001 };
    const idle = Array.from({ length: 60 }, (_, at) =>
      sampleReading(start + (at + 1) * 60_000, { t0: start + at * 60_000, ...change }),
    );
    ledger.recordReadings('a', sampleMessage(1, idle));
    const gap = sampleReading(start + hour + 60_000, { t0: start + hour, microjoules: null });
    ledger.recordReadings('a', sampleMessage(2, [gap]));
    const job = sampleReading(start + hour + 61_000, { spentOn: 'job', jobIds: ['job-00000001'] });
    ledger.recordReadings('a', sampleMessage(3, [job]));
    time.now = start + 20 * day;
    ledger.recordReadings('a', sampleMessage(4, [sampleReading(time.now)]));
    const before = ledger.report(everything);
    ledger.prune(0);
    assert.deepEqual(ledger.report(everything), before);
    // A duplicate that comes after the folding is still known.
    ledger.recordReadings('a', sampleMessage(1, idle));
    assert.deepEqual(ledger.report(everything), before);
    // Late windows of the same hour from another run find their place beside the folded ones.
    ledger.recordReadings('a', sampleMessage(1, [sampleReading(start + 500_500)], 'run-2'));
    const more = ledger.report(everything);
    ledger.prune(0);
    assert.deepEqual(ledger.report(everything), more);
    ledger.close();
  });

  it('forgets what is older than its memory by itself, but not for a clock that jumped', () => {
    const time = { now: start };
    const file = newFile();
    const ledger = open(time, file);
    const spent = sampleReading(start, { spentOn: 'job', jobIds: ['job-00000001'] });
    ledger.recordReadings('a', sampleMessage(1, [spent]));
    ledger.recordJob(sampleJob('job-00000001', start));
    time.now = start + 10 * 365 * day;
    ledger.recordReadings('a', sampleMessage(2, [sampleReading(start + 1_000)]));
    assert.equal(ledger.jobs({ limit: 5 }).length, 1);
    time.now = start + (ledgerDays + 3) * day;
    ledger.close();
    const later = open(time, file);
    later.recordReadings('a', sampleMessage(3, [sampleReading(time.now)]));
    assert.equal(later.jobs({ limit: 5 }).length, 0);
    assert.equal(later.report(everything).nodes[0]?.wattHours?.job.value, 0);
    later.close();
  });

  it('keeps what is no figure as a gap, and says what is wrong', () => {
    const ledger = open({ now: start });
    const readings = [
      sampleReading(start, { microjoules: 65_536_000_000 }),
      sampleReading(start + 1_000, { scope: null }),
      sampleReading(start + 2_000, { t0: start + 5_000 }),
    ];
    ledger.recordReadings('a', sampleMessage(1, readings));
    ledger.recordReadings('b', sampleMessage(1, [sampleReading(start + day)]));
    const codes = ledger.warnings().map(({ code }) => code);
    assert.deepEqual(codes.sort(), ['meter-implausible', 'node-clock']);
    assert.equal(ledger.report({ since: 0, until: start }).nodes[0]?.wattHours, null);
    ledger.close();
  });
});
