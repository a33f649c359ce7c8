import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type HeldFile, planRoom } from './room.ts';

const held = fc.array(
  fc.record({
    sha256: fc.uuid(),
    kind: fc.constantFrom('part' as const, 'whole' as const),
    bytes: fc.nat({ max: 100 }),
    usedAt: fc.nat({ max: 50 }),
    canGo: fc.boolean(),
  }),
  { maxLength: 12 },
);

const question = fc.record({
  bytes: fc.integer({ min: 1, max: 200 }),
  bytesThere: fc.nat({ max: 50 }),
  held,
  limitBytes: fc.nat({ max: 600 }),
  diskBytes: fc.integer({ min: -50, max: 300 }),
  filesMax: fc.integer({ min: 1, max: 10 }),
});

const sumOf = (files: readonly HeldFile[]): number =>
  files.reduce((sum, file) => sum + file.bytes, 0);

describe('room for one more file', () => {
  it('is within limit, disk and number, and never costs a file that may not go', () => {
    fc.assert(
      fc.property(question, (asked) => {
        const fits = (gone: readonly HeldFile[]): boolean => {
          const kept = asked.held.filter((file) => !gone.includes(file));
          const wholes = kept.filter((file) => file.kind === 'whole').length;
          return (
            sumOf(kept) + asked.bytes <= asked.limitBytes &&
            asked.bytes - asked.bytesThere <= asked.diskBytes + sumOf(gone) &&
            wholes + 1 <= asked.filesMax
          );
        };
        const plan = planRoom(asked);
        assert.equal(plan.ok, fits(asked.held.filter((file) => file.canGo)));
        if (!plan.ok) return;
        assert.ok(fits(plan.evict));
        assert.ok(plan.evict.every((file) => file.canGo));
        if (fits([])) assert.deepEqual(plan.evict, []);
      }),
    );
  });

  it('is made of parts first, then of what was not used for longest', () => {
    const file = (sha256: string, usedAt: number, change: Partial<HeldFile> = {}): HeldFile => ({
      sha256,
      kind: 'whole',
      bytes: 10,
      usedAt,
      canGo: true,
      ...change,
    });
    const files = [
      file('new', 9),
      file('old', 1),
      file('oldest', 0, { canGo: false }),
      file('part', 8, { kind: 'part' }),
    ];
    const ask = { bytes: 10, bytesThere: 0, held: files, diskBytes: 1e9, filesMax: 9 };
    const evictedAt = (limitBytes: number): unknown => {
      const plan = planRoom({ ...ask, limitBytes });
      return plan.ok ? plan.evict.map((gone) => gone.sha256) : plan.missingBytes;
    };
    assert.deepEqual(evictedAt(50), []);
    assert.deepEqual(evictedAt(45), ['part']);
    assert.deepEqual(evictedAt(30), ['part', 'old']);
    assert.deepEqual(evictedAt(20), ['part', 'old', 'new']);
    assert.equal(evictedAt(15), 5);
  });
});
