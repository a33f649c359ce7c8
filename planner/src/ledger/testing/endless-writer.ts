// A program for the kill test: writes messages of two readings for ever and tells each sequence
// number to its parent once it is written.
import { realClock } from '@salvage/kit';
import { openLedger } from '../ledger.ts';
import { sampleMessage, sampleReading } from './samples.ts';

const ledger = openLedger({ file: process.argv[2] ?? '', clock: realClock });
const start = Date.UTC(2026, 10, 1);

function write(sequence: number): void {
  const end = start + sequence * 2_000;
  ledger.recordReadings(
    'a',
    sampleMessage(sequence, [sampleReading(end - 1_000), sampleReading(end)]),
  );
  process.send?.(sequence);
  setImmediate(write, sequence + 1);
}

write(1);
