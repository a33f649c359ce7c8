// The wire as others have it: fixtures of every version decode for ever, decoding never throws,
// unknown keys are ignored, missing ones refused, and the law is what the table says.
import { strict as assert } from 'node:assert';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  decode,
  encode,
  matchTopic,
  mayRead,
  mayWrite,
  NodeId,
  nodeIdOf,
  readFilters,
  roles,
  topicNames,
  topics,
  wireVersion,
} from '@salvage/contract';
import fc from 'fast-check';
import * as v from 'valibot';
import { samples } from './samples.ts';

const fixtures = join(import.meta.dirname, 'fixtures');
const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

describe('fixtures', () => {
  it('cover every topic of this version', () => {
    assert.deepEqual(samples.map((sample) => sample.name).sort(), [...topicNames].sort());
    for (const { name, ids, message } of samples) {
      const file = join(fixtures, `v${wireVersion}`, `${name}.json`);
      const packet = encode(name, ids as never, message as never);
      const text = `${JSON.stringify({ topic: packet.topic, payload: JSON.parse(packet.payload) }, null, 2)}\n`;
      // A fixture is written once; afterwards it is what old cards say, and must never change.
      if (!existsSync(file) && process.env['CI'] === undefined) writeFileSync(file, text);
      assert.equal(
        readFileSync(file, 'utf8'),
        text,
        `${name}: raise the version, keep the fixture`,
      );
    }
  });

  for (const version of readdirSync(fixtures)) {
    it(`of ${version} decode`, () => {
      for (const file of readdirSync(join(fixtures, version))) {
        const { topic, payload } = JSON.parse(readFileSync(join(fixtures, version, file), 'utf8'));
        const decoded = decode(topic, bytes(payload));
        assert.ok(decoded.ok, `${version}/${file}: ${JSON.stringify(decoded)}`);
      }
    });
  }
});

describe('decode', () => {
  it('ignores keys that it does not know', () => {
    for (const { name, ids, message } of samples) {
      const { topic } = encode(name, ids as never, message as never);
      const decoded = decode(topic, bytes({ ...message, laterKey: { deep: [1] } }));
      assert.ok(decoded.ok, name);
    }
  });

  it('refuses a message that lacks a key, naming topic and field', () => {
    const decoded = decode('salvage/v1/node/x220/status', bytes({ v: 1, since: null }));
    assert.ok(!decoded.ok);
    assert.deepEqual(
      [decoded.problem.topic, decoded.problem.field],
      ['salvage/v1/node/x220/status', 'state'],
    );
  });

  it('refuses what is too large before it is parsed', () => {
    const large = Buffer.from(`{"v":1,${' '.repeat(600)}`); // no JSON at all
    const decoded = decode('salvage/v1/node/x220/status', large);
    assert.ok(!decoded.ok && /bytes/.test(decoded.problem.reason));
  });

  it('never throws, whatever comes', () => {
    const packets = samples.map(({ name, ids, message }) =>
      encode(name, ids as never, message as never),
    );
    const mutated = fc
      .tuple(fc.constantFrom(...packets), fc.nat(), fc.uint8Array({ maxLength: 8 }))
      .map(([packet, place, patch]) => {
        const payload = Buffer.from(packet.payload);
        payload.set(
          patch.slice(0, Math.max(0, payload.length - (place % payload.length))),
          place % payload.length,
        );
        return { topic: packet.topic, payload };
      });
    fc.assert(
      fc.property(mutated, ({ topic, payload }) => {
        const decoded = decode(topic, payload);
        assert.equal(typeof decoded.ok, 'boolean');
      }),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(
        fc.string(),
        fc.uint8Array(),
        (topic, payload) => decode(topic, payload).ok === false,
      ),
    );
  });
});

describe('the access law', () => {
  const x220 = { role: 'node', nodeId: 'x220' } as const;

  it('lets a node write and read its own topics alone', () => {
    assert.ok(mayWrite(x220, 'salvage/v1/node/x220/state'));
    assert.ok(!mayWrite(x220, 'salvage/v1/node/x221/state'));
    assert.ok(!mayWrite(x220, 'salvage/v1/node/x220/desired'));
    assert.ok(mayRead(x220, 'salvage/v1/node/x220/desired'));
    for (const filter of [
      '#',
      'salvage/#',
      'salvage/v1/node/+/desired',
      'salvage/v1/node/x221/desired',
    ]) {
      assert.ok(!mayRead(x220, filter), filter);
    }
  });

  it('is the table, row by row', () => {
    for (const { name, ids, message } of samples) {
      const { topic } = encode(name, ids as never, message as never);
      for (const role of roles) {
        const who = { role, nodeId: role === 'node' ? 'x220' : null };
        assert.equal(
          mayWrite(who, topic),
          (topics[name].writers as readonly string[]).includes(role),
        );
        assert.equal(
          mayRead(who, topic),
          (topics[name].readers as readonly string[]).includes(role),
        );
      }
    }
  });

  it('lets everybody subscribe to what it lists for them, and to nothing wider', () => {
    for (const role of roles) {
      const who = { role, nodeId: role === 'node' ? 'x220' : null };
      for (const filter of readFilters(who)) {
        assert.ok(mayRead(who, filter), filter);
        assert.ok(!mayRead(who, filter.replace(/[^/]+$/, '#')), filter);
      }
    }
  });
});

describe('ids', () => {
  it('made of any name are ids, or nothing', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const id = nodeIdOf(name);
        return (
          id === '' || (v.is(NodeId, id) && matchTopic(`salvage/v1/node/${id}/hello`) !== null)
        );
      }),
    );
    assert.equal(nodeIdOf('Old ThinkPad (X220)'), 'old-thinkpad-x220');
    assert.equal(nodeIdOf('broker'), 'broker-node');
  });
});
