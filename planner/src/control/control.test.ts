// Waiting for an engine, on a clock turned by hand: grace for nodes that may still come, a refusal at
// once when none can, room made where memory is short, and nothing waited for without a bound.
import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import { silentLog } from '@salvage/kit';
import { createHandClock } from '@salvage/kit/hand-clock';
import { emptyCluster } from '../cluster/apply.ts';
import type { ModelCard } from '../models/card.ts';
import { sampleCard, sampleNode } from '../placement/sample-cluster.ts';
import type { Candidate, PlaceAnswer, RefusalCode } from '../placement/types.ts';
import { type AcquirePorts, acquirePlacement, type Standing } from './acquire.ts';
import { createChanges } from './changes.ts';
import { nextPair } from './links.ts';
import { createPlacements, isGivenUp, leastUsed, type Placed } from './placements.ts';
import { silentNodes } from './presence.ts';

const modelCard = (modelId: string): ModelCard => sampleCard({ modelId });

function answerOn(nodeId: string, card: ModelCard): PlaceAnswer {
  const candidate: Candidate = {
    kind: 'whole',
    modelId: card.modelId,
    head: nodeId,
    workers: [],
    layers: [],
    engine: 'binding',
    contextTokens: 512,
    parallel: 1,
    threads: 0,
  };
  const speed = { value: 10, low: 8, high: 12 };
  const price = {
    decodeTokensPerSecond: speed,
    promptTokensPerSecond: speed,
    loadSeconds: 1,
    memoryBytes: 1,
    memoryFreeBytes: 2,
    cpuSecondsPerToken: 0.1,
    joulesPerToken: null,
    joulesNullBecause: 'no profile',
    basis: 'guess',
  } as const;
  return {
    ok: true,
    winner: { candidate, price },
    runnersUp: [],
    refusals: [],
    because: 'it fits',
  };
}

const refused = (code: RefusalCode): PlaceAnswer => ({
  ok: false,
  refusals: [{ nodeId: 'a', code, text: `no: ${code}` }],
});

function setUp(given: Partial<AcquirePorts> = {}) {
  const clock = createHandClock();
  const ports: AcquirePorts = {
    clock,
    log: silentLog,
    changes: createChanges(clock),
    placements: createPlacements(),
    standing: () => ({ kind: 'coming' }) as Standing,
    place: (card) => answerOn('a', card),
    publish: () => undefined,
    mayYetCome: () => false,
    ...given,
  };
  const wanted = (modelId: string, signal = new AbortController().signal) =>
    acquirePlacement(modelCard(modelId), ports, signal);
  return { clock, ports, wanted };
}

describe('waiting for an engine', () => {
  it('ends when the node says that it is ready', async () => {
    let standing: Standing = { kind: 'coming' };
    const { clock, ports, wanted } = setUp({ standing: () => standing });
    const placed = wanted('m');
    await clock.advance(5_000);
    assert.equal(ports.placements.get('m')?.candidate.head, 'a');
    standing = { kind: 'ready' };
    ports.changes.notify();
    await clock.settle();
    assert.equal((await placed).card.modelId, 'm');
  });

  it('is refused at once, in words, when no node can and none may come', async () => {
    const { clock, wanted } = setUp({ place: () => refused('speed-floor') });
    await assert.rejects(wanted('m'), { code: 'SLV_NO_PLACE', message: /a: no: speed-floor/ });
    assert.equal(clock.monotonicMilliseconds(), 0);
  });

  it('waits for nodes that may still say hello', async () => {
    let there = false;
    const { clock, wanted } = setUp({
      place: (card) => (there ? answerOn('a', card) : refused('no-nodes')),
      mayYetCome: () => !there,
      standing: () => ({ kind: 'ready' }),
    });
    const placed = wanted('m');
    await clock.advance(4_000);
    there = true;
    await clock.advance(2_000);
    assert.equal((await placed).candidate.head, 'a');
  });

  it('places again when the node is lost', async () => {
    const places = ['a', 'b'];
    const { clock, wanted } = setUp({
      place: (card) => answerOn(places.shift() ?? 'c', card),
      standing: ({ candidate }) => ({ kind: candidate.head === 'a' ? 'gone' : 'ready' }),
    });
    const placed = wanted('m');
    await clock.advance(3_000);
    assert.equal((await placed).candidate.head, 'b');
  });

  it('remembers where an engine failed, and says so to the next placement', async () => {
    const { clock, ports, wanted } = setUp({
      standing: () => ({ kind: 'failed', problem: 'out of memory', giveUp: true }),
    });
    const placed = wanted('m');
    placed.catch(() => undefined);
    await clock.advance(1_000);
    const now = clock.unixMilliseconds();
    assert.deepEqual([...ports.placements.failuresOf('m', now)], [['a', 'out of memory']]);
    assert.equal(ports.placements.failuresOf('m', now + 61_000).size, 0);
  });

  it('makes room by unloading what was used longest ago, and nothing that works', async () => {
    const helps = (without?: ReadonlySet<string>): boolean =>
      without?.has('older') === true || ports.placements.get('older') === null;
    const { clock, ports, wanted } = setUp({
      standing: () => ({ kind: 'ready' }),
      place: (card, without) => (helps(without) ? answerOn('a', card) : refused('memory')),
    });
    for (const one of [old('busy', 1, 1), old('older', 2, 0), old('newer', 3, 0)]) {
      ports.placements.set(one);
    }
    const placed = wanted('m');
    await clock.advance(5_000);
    await placed;
    const kept = ports.placements.list().map(({ card }) => card.modelId);
    assert.deepEqual(kept, ['busy', 'newer', 'm']);
  });

  it('unloads nothing for a model that would not fit even then', async () => {
    const { ports, wanted } = setUp({ place: () => refused('memory') });
    for (const one of [old('one', 1, 0), old('two', 2, 0)]) ports.placements.set(one);
    await assert.rejects(wanted('m'), { code: 'SLV_NO_PLACE' });
    assert.equal(ports.placements.list().length, 2);
  });

  it('never wishes more of a node than its document holds', async () => {
    const { clock, ports, wanted } = setUp({ standing: () => ({ kind: 'ready' }) });
    for (let number = 0; number < 14; number += 1) {
      const placed = wanted(`m${number}`);
      await clock.advance(1_000);
      await placed;
    }
    const kept = ports.placements.list().map((placed) => placed.card.modelId);
    assert.equal(kept.length, 12);
    assert.ok(!kept.includes('m0') && !kept.includes('m1'), 'the oldest went');
  });

  it('has an end: three minutes, or when the client leaves', async () => {
    const { clock, wanted } = setUp();
    const late = assert.rejects(wanted('m'), { code: 'SLV_TIMEOUT', message: /not ready on a/ });
    await clock.advance(200_000);
    await late;
    const leaving = new AbortController();
    const left = assert.rejects(wanted('m', leaving.signal), { code: 'SLV_TIMEOUT' });
    leaving.abort();
    await clock.settle();
    await left;
  });
});

function old(modelId: string, usedAt: number, jobsRunning: number): Placed {
  return { ...answerPlaced(modelId), usedAt, jobsRunning };
}

function answerPlaced(modelId: string): Placed {
  const card = modelCard(modelId);
  const answer = answerOn('a', card);
  assert.ok(answer.ok);
  return {
    candidate: answer.winner.candidate,
    card,
    reason: '',
    price: null,
    placedAt: 0,
    usedAt: 0,
    jobsRunning: 0,
    failedSince: null,
  };
}

describe('what is held against an engine', () => {
  const engine = { restarts: 0 } as Parameters<typeof isGivenUp>[0];
  it('is a failure that lasts, or that comes back', () => {
    assert.equal(isGivenUp(engine, 0, 1_000), false);
    assert.equal(isGivenUp(engine, 0, 8_000), true);
    assert.equal(isGivenUp({ ...engine, restarts: 4 }, 0, 0), true);
  });
  it('never costs a place that works', () => {
    assert.equal(leastUsed([{ ...answerPlaced('a'), jobsRunning: 1 }], 'b'), null);
    assert.equal(leastUsed([answerPlaced('a')], 'a'), null);
  });
});

describe('presence', () => {
  const nodes = new Map([['a', sampleNode('a')]]);
  const cluster = { ...emptyCluster, nodes };
  const silent = (at: number, connectedSince: number | null, now: number) =>
    silentNodes(cluster, { at: new Map([['a', at]]), connectedSince }, now);
  it('is not doubted while the broker is away', () => assert.deepEqual(silent(0, null, 1e9), []));
  it('is doubted when a node did not come back with the broker', () => {
    assert.deepEqual(silent(50, 100, 40_000), []);
    assert.deepEqual(silent(50, 100, 50_000), ['a']);
    assert.deepEqual(silent(150, 100, 50_000), []);
  });
  it('is doubted after two minutes of silence', () => {
    assert.deepEqual(silent(1_000, 100, 120_000), []);
    assert.deepEqual(silent(1_000, 100, 122_000), ['a']);
  });
});

describe('links', () => {
  const nodes = new Map(['a', 'b', 'c'].map((id) => [id, sampleNode(id)]));
  it('are measured pair by pair, the unknown ones first, and not again too soon', () => {
    const day = 24 * 3600_000;
    const cluster = { ...emptyCluster, nodes };
    assert.deepEqual(nextPair(cluster, new Map(), day), { from: 'a', to: 'b' });
    const failed = new Map([['a b', day - 60_000]]);
    assert.deepEqual(nextPair(cluster, failed, day), { from: 'a', to: 'c' });
    const link = { roundTripMilliseconds: 1, bytesPerSecond: 1, measuredAt: day };
    const links = { b: link, c: link };
    const fresh = new Map([...nodes].map(([id, node]) => [id, { ...node, links }]));
    assert.equal(nextPair({ ...emptyCluster, nodes: fresh }, new Map(), day), null);
  });
});
