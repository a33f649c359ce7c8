import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { NodeRecord } from '../cluster/state.ts';
import { explain } from './explain.ts';
import { place } from './place.ts';
import { sampleCard, sampleNode, sampleProfile } from './sample-cluster.ts';
import type { PlaceRequest, Refusal } from './types.ts';

const model = sampleCard();

function request(nodes: NodeRecord[], over: Partial<PlaceRequest> = {}): PlaceRequest {
  return {
    model,
    contextTokens: 4_096,
    speedFloorTokensPerSecond: 1,
    nodes,
    profiles: new Map(),
    memoryTakenBytes: new Map(),
    ready: new Set(),
    failed: new Map(),
    ...over,
  };
}

function refusalOf(node: NodeRecord, over: Partial<PlaceRequest> = {}): Refusal {
  const answer = place(request([node], over));
  assert.ok(!answer.ok, explain(answer));
  const [refusal] = answer.refusals;
  assert.ok(refusal);
  return refusal;
}

describe('placing one model', () => {
  it('takes the fewest joules, and says so', () => {
    const fast = sampleNode('fast', { bytesPerSecond: 16e9 });
    const frugal = sampleNode('frugal', { bytesPerSecond: 8e9 });
    const profiles = new Map([
      ['fast', sampleProfile('desktop', 60)],
      ['frugal', sampleProfile('mini', 15)],
    ]);
    const asleep = sampleNode('asleep', { powerState: 'asleep' });
    const answer = place(request([fast, asleep, frugal], { profiles }));
    assert.ok(answer.ok);
    assert.equal(answer.winner.candidate.head, 'frugal');
    assert.equal(answer.runnersUp[0]?.candidate.head, 'fast');
    const text = explain(answer);
    assert.match(text, /goes to frugal .*over these candidates, under this cost model/);
    assert.match(text, /J E a token where fast takes/);
    assert.match(text, /asleep: no \(not-awake\): it is asleep/);
  });

  it('goes by speed where no machine has a figure, and keeps joules null', () => {
    const slow = sampleNode('slow', { bytesPerSecond: 4e9 });
    const quick = sampleNode('quick', { bytesPerSecond: 5e9 });
    const answer = place(request([slow, quick]));
    assert.ok(answer.ok);
    assert.equal(answer.winner.candidate.head, 'quick');
    assert.equal(answer.winner.price.joulesPerToken, null);
    assert.match(explain(answer), /no joule figure .*CPU s\/token/);
    assert.match(answer.because, /as if it drew 34 W/);
  });

  it('stays where it is ready unless moving saves a tenth', () => {
    const here = sampleNode('here', { bytesPerSecond: 8e9, runningContextTokens: 4_096 });
    const ready = new Set(['here']);
    const little = place(request([here, sampleNode('b', { bytesPerSecond: 8.4e9 })], { ready }));
    assert.ok(little.ok && little.winner.candidate.head === 'here');
    assert.equal(little.winner.price.loadSeconds, 0);
    assert.match(explain(little), /ready now/);
    const much = place(request([here, sampleNode('b', { bytesPerSecond: 12e9 })], { ready }));
    assert.ok(much.ok && much.winner.candidate.head === 'b');
  });

  it('keeps a running engine although its memory is gone, and grows it only whole', () => {
    const full = { memoryAvailableBytes: 100e6, runningContextTokens: 1_024 };
    const ready = new Set(['a']);
    const kept = place(request([sampleNode('a', full)], { ready }));
    assert.ok(kept.ok);
    assert.equal(kept.winner.candidate.contextTokens, 1_024);
    const roomy = place(request([sampleNode('a', { runningContextTokens: 1_024 })], { ready }));
    assert.ok(roomy.ok);
    assert.equal(roomy.winner.candidate.contextTokens, 4_096);
    assert.ok(roomy.winner.price.loadSeconds > 0);
  });

  it('shortens the context before it gives up', () => {
    const small = sampleNode('small', { memoryTotalBytes: 2e9, memoryAvailableBytes: 1.7e9 });
    const answer = place(request([small]));
    assert.ok(answer.ok);
    assert.equal(answer.winner.candidate.contextTokens, 2_048);
    const large = sampleNode('large', { bytesPerSecond: 3e9 });
    const both = place(request([small, large]));
    assert.ok(both.ok && both.winner.candidate.head === 'large');
    assert.match(both.because, /memory for a context of 4096, small for 2048/);
  });

  it('refuses with a code and numbers', () => {
    const tiny = sampleNode('a', { memoryTotalBytes: 512e6, memoryAvailableBytes: 300e6 });
    assert.equal(refusalOf(tiny).code, 'memory');
    assert.match(refusalOf(tiny).text, /needs 1\.\d+ GB with a context of 512; 22\d MB are free/);
    const tight = sampleNode('a', { memoryTotalBytes: 2e9, memoryAvailableBytes: 1.2e9 });
    assert.equal(refusalOf(tight).code, 'context');
    assert.equal(refusalOf(sampleNode('a', { drained: true })).code, 'drained');
    assert.equal(refusalOf(sampleNode('a', { engines: ['rpc-server'] })).code, 'no-engine');
    assert.equal(refusalOf({ ...sampleNode('a'), state: null }).code, 'not-awake');
    assert.equal(
      refusalOf(sampleNode('a'), { failed: new Map([['a', 'x']]) }).code,
      'failed-before',
    );
    assert.equal(refusalOf(sampleNode('a', { cacheLimitBytes: 100e6 })).code, 'disk');
    const big = sampleCard({ bytes: 3.1e9 });
    const board = { architecture: 'armv7l', memoryTotalBytes: 8e9 } as const;
    assert.equal(refusalOf(sampleNode('a', board), { model: big }).code, 'address-bits');
    const slow = refusalOf(sampleNode('a', { bytesPerSecond: 0.3e9 }));
    assert.equal(slow.code, 'speed-floor');
    assert.match(slow.text, /0\.47 tokens\/s \(measured\) are below the floor of 1 tokens\/s/);
    const none = place(request([]));
    assert.ok(!none.ok && none.refusals[0]?.code === 'no-nodes');
    const taken = new Map([['a', 3e9]]);
    assert.equal(refusalOf(sampleNode('a'), { memoryTakenBytes: taken }).code, 'memory');
  });

  it('lets a guess refuse only when even its high end is too slow', () => {
    const unknown = sampleNode('a', { bytesPerSecond: null, architecture: 'arm64' });
    assert.ok(place(request([unknown], { speedFloorTokensPerSecond: 4 })).ok);
    assert.equal(refusalOf(unknown, { speedFloorTokensPerSecond: 6 }).code, 'speed-floor');
  });
});

const anyNode = fc
  .record({
    memoryTotalBytes: fc.integer({ min: 256e6, max: 16e9 }),
    availableShare: fc.double({ min: 0.05, max: 1, noNaN: true }),
    bytesPerSecond: fc.option(fc.integer({ min: 2e8, max: 30e9 })),
    inCache: fc.boolean(),
    architecture: fc.constantFrom('x64', 'arm64', 'armv7l'),
    powerState: fc.constantFrom('awake', 'awake', 'awake', 'asleep'),
    drained: fc.constantFrom(false, false, false, true),
    runningContextTokens: fc.option(fc.constantFrom(512, 2_048, 4_096, 8_192)),
    loadWatts: fc.option(fc.integer({ min: 2, max: 150 })),
  })
  .map(({ availableShare, ...rest }) => ({
    ...rest,
    memoryAvailableBytes: Math.floor(rest.memoryTotalBytes * availableShare),
  }));

const anyRequest = fc
  .record({
    nodes: fc.array(anyNode, { maxLength: 8 }),
    contextTokens: fc.integer({ min: 1, max: 50_000 }),
    bytes: fc.integer({ min: 1e6, max: 8e9 }),
    takenBytes: fc.integer({ min: 0, max: 2e9 }),
  })
  .map(({ nodes, contextTokens, bytes, takenBytes }) => {
    const ids = nodes.map((_, index) => `node-${index}`);
    const idsWhere = (isSo: (node: (typeof nodes)[number]) => boolean): string[] =>
      ids.filter((_, index) => isSo(nodes[index] as (typeof nodes)[number]));
    return request(
      nodes.map((node, index) => sampleNode(`node-${index}`, node)),
      {
        contextTokens,
        model: sampleCard({ bytes, bytesPerToken: bytes }),
        ready: new Set(idsWhere(({ runningContextTokens }) => runningContextTokens !== null)),
        profiles: new Map(
          nodes.flatMap(({ loadWatts }, index) =>
            loadWatts === null ? [] : [[`node-${index}`, sampleProfile('p', loadWatts)]],
          ),
        ),
        memoryTakenBytes: new Map(ids.slice(0, 2).map((id) => [id, takenBytes])),
      },
    );
  });

describe('whatever the cluster', () => {
  it('nothing goes beyond memory or the floor, and every node is accounted for', () => {
    fc.assert(
      fc.property(anyRequest, (asked) => {
        const answer = place(asked);
        const considered = answer.ok ? [answer.winner, ...answer.runnersUp] : [];
        for (const { candidate, price } of considered) {
          assert.ok(price.memoryBytes <= price.memoryFreeBytes);
          assert.ok(candidate.contextTokens >= Math.min(512, asked.contextTokens));
          if (!asked.ready.has(candidate.head)) {
            const node = asked.nodes.find(({ nodeId }) => nodeId === candidate.head);
            assert.ok(price.memoryBytes < (node?.state?.memoryAvailableBytes ?? 0));
          }
          const { low, value, high } = price.decodeTokensPerSecond;
          assert.ok(low <= value && value <= high && low > 0);
          assert.equal(price.joulesPerToken === null, price.joulesNullBecause !== null);
        }
        const named = answer.refusals.filter(({ nodeId }) => nodeId !== null).length;
        assert.equal(considered.length + named, asked.nodes.length);
        assert.ok(explain(answer).length > 0);
      }),
      { numRuns: 500 },
    );
  });

  it('the order of the nodes changes nothing', () => {
    fc.assert(
      fc.property(anyRequest, fc.infiniteStream(fc.nat()), (asked, chance) => {
        const shuffled = [...asked.nodes]
          .map((node) => ({ node, key: chance.next().value ?? 0 }))
          .sort((a, b) => a.key - b.key)
          .map(({ node }) => node);
        assert.deepEqual(place({ ...asked, nodes: shuffled }), place(asked));
      }),
      { numRuns: 300 },
    );
  });

  it('a loser that leaves and a node that cannot never change the winner', () => {
    fc.assert(
      fc.property(anyRequest, fc.nat(), (asked, chance) => {
        const answer = place(asked);
        const cannot = sampleNode('cannot', { powerState: 'off' });
        const more = place({ ...asked, nodes: [cannot, ...asked.nodes] });
        if (!answer.ok) return assert.equal(more.ok, false);
        assert.ok(more.ok);
        assert.deepEqual(more.winner, answer.winner);
        const { head } = answer.winner.candidate;
        const losers = asked.nodes.filter(({ nodeId }) => nodeId !== head);
        const leaver = losers[chance % Math.max(1, losers.length)];
        const fewer = place({ ...asked, nodes: asked.nodes.filter((node) => node !== leaver) });
        assert.ok(fewer.ok);
        assert.deepEqual(fewer.winner, answer.winner);
      }),
      { numRuns: 300 },
    );
  });
});
