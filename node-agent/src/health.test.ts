import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import { encode, wireVersion } from '@salvage/contract';
import { createHealthRoom } from './health.ts';
import { limits } from './limits.ts';
import { troublesOf } from './troubles.ts';

function setUp() {
  const time = { now: 1_000 };
  return { time, room: createHealthRoom(() => time.now) };
}

describe('health', () => {
  it('is as old as the trouble, not as its last words', () => {
    const { time, room } = setUp();
    room.raise({ code: 'heat', severity: 'warning', title: 'Hot', text: '90 °C' });
    time.now = 2_000;
    room.set('heat', { severity: 'warning', title: 'Hot', text: '91 °C' });
    assert.deepEqual(
      room.list().map(({ text, since }) => [text, since]),
      [['91 °C', 1_000]],
    );
    room.set('heat', null);
    assert.deepEqual(room.list(), []);
  });

  it('names topic and field of a bad message, for a while', () => {
    const { time, room } = setUp();
    room.badMessage({ topic: 'salvage/v1/node/x/desired', field: 'engines.0', reason: 'not one' });
    assert.match(room.list()[0]?.text ?? '', /node\/x\/desired, field engines\.0: not one/);
    time.now += limits.badMessageMilliseconds;
    assert.deepEqual(room.list(), []);
  });

  it('fits into its message whatever is said', () => {
    const { room } = setUp();
    for (let number = 0; number < 100; number += 1) {
      room.badMessage({ topic: `topic-${number}`, field: '', reason: '\u0001"é'.repeat(300) });
      room.raise({
        code: `${number}`,
        severity: 'info',
        title: '"'.repeat(900),
        text: '\n"'.repeat(900),
      });
    }
    room.raise({ code: 'worst', severity: 'error', title: 'Worst', text: 'seen first' });
    const warnings = room.list();
    assert.equal(warnings[0]?.code, 'worst');
    assert.ok(warnings.length <= limits.healthWarningsMax);
    encode('nodeHealth', { nodeId: 'x' }, { v: wireVersion, warnings });
  });

  it('says hot at one temperature and cool at a lower one', () => {
    const calm = {
      diskFreeBytes: 1e12,
      temperatureCelsius: null,
      wasHot: false,
      throttledNow: null,
      benchmarkProblem: null,
      hasEngines: true,
      engines: [],
    };
    const found = (change: Partial<Parameters<typeof troublesOf>[0]>): string[] =>
      Object.entries(troublesOf({ ...calm, ...change })).flatMap(([code, trouble]) =>
        trouble === null ? [] : [`${code} ${trouble.severity}`],
      );
    assert.deepEqual(found({}), []);
    assert.deepEqual(found({ temperatureCelsius: 85 }), []);
    assert.deepEqual(found({ temperatureCelsius: 88 }), ['heat warning']);
    assert.deepEqual(found({ temperatureCelsius: 85, wasHot: true }), ['heat warning']);
    assert.deepEqual(found({ diskFreeBytes: 300e6 }), ['disk-low warning']);
    assert.deepEqual(found({ diskFreeBytes: 100e6 }), ['disk-low error']);
    assert.deepEqual(found({ throttledNow: true }), ['throttled warning']);
    assert.deepEqual(found({ hasEngines: false, benchmarkProblem: 'none' }), ['no-engine error']);
    assert.deepEqual(found({ benchmarkProblem: 'no room' }), ['benchmark warning']);
  });
});
