// (message, state) -> state and (placements, state) -> documents: pure, so tables and properties.
import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import { type Decoded, NodeDesired } from '@salvage/contract';
import fc from 'fast-check';
import * as v from 'valibot';
import { sampleCard, sampleNode } from '../placement/sample-cluster.ts';
import type { Candidate } from '../placement/types.ts';
import { applyMessage, change, emptyCluster, forget, setLink } from './apply.ts';
import { adoptable, desiredOf, engineIdOf } from './wishes.ts';

const status = (nodeId: string, state: 'awake' | 'gone'): Decoded => ({
  ok: true,
  name: 'nodeStatus',
  ids: { nodeId },
  message: { v: 1, state, since: null, wakeExpectedAt: null },
});
const health = (nodeId: string): Decoded => ({
  ok: true,
  name: 'nodeHealth',
  ids: { nodeId },
  message: { v: 1, warnings: [] },
});

describe('the cluster', () => {
  it('is the same whatever order topics come in', () => {
    const messages = [status('a', 'awake'), health('a'), status('b', 'gone'), health('b')];
    const shuffled = fc.shuffledSubarray(messages, { minLength: 4 });
    const fold = (list: Decoded[]) => [...list.reduce(applyMessage, emptyCluster).nodes].sort();
    fc.assert(
      fc.property(shuffled, (order) => {
        assert.deepEqual(fold(order), fold(messages));
      }),
    );
  });

  it('takes the last writer, and nothing from other topics', () => {
    const twice = [status('a', 'awake'), status('a', 'gone')].reduce(applyMessage, emptyCluster);
    assert.equal(twice.nodes.get('a')?.status?.state, 'gone');
    const other: Decoded = {
      ok: true,
      name: 'homeSignal',
      ids: { signalName: 'price' },
      message: { v: 1, at: 1, value: 0.3 },
    };
    assert.equal(applyMessage(twice, other), twice);
  });

  it('keeps what people decided beside what nodes say, until the node is forgotten', () => {
    const drained = change(applyMessage(emptyCluster, status('a', 'awake')), 'a', {
      drained: true,
    });
    const link = { roundTripMilliseconds: 1, bytesPerSecond: 1e7, measuredAt: 5 };
    const linked = setLink(applyMessage(drained, health('a')), 'a', 'b', link);
    assert.equal(linked.nodes.get('a')?.drained, true);
    assert.deepEqual(linked.nodes.get('a')?.links, { b: link });
    assert.equal(forget(linked, 'a').nodes.has('a'), false);
  });
});

describe('wishes', () => {
  const card = sampleCard();
  const candidate: Candidate = {
    kind: 'whole',
    modelId: card.modelId,
    head: 'a',
    workers: [],
    layers: [],
    engine: 'binding',
    contextTokens: 2048,
    parallel: 1,
    threads: 0,
  };

  it('go to the node that was chosen, and to no other', () => {
    const options = { placements: [{ candidate, card }], profile: null, storeUrl: 'https://h:1/s' };
    const [own, other] = ['a', 'b'].map((id) => desiredOf({ ...options, node: sampleNode(id) }));
    assert.deepEqual(
      own?.engines.map((wish) => wish.engineId),
      [engineIdOf(card)],
    );
    assert.deepEqual(other?.engines, []);
    assert.ok(v.is(NodeDesired, { ...own, revision: 1 }));
  });

  it('say no work to a drained node', () => {
    const node = sampleNode('a', { drained: true });
    assert.equal(desiredOf({ node, placements: [], profile: null, storeUrl: '' }).work, false);
  });

  it('are found again in what a node runs after the planner was away', () => {
    const node = sampleNode('a');
    const running = (phase: 'ready' | 'failed') => ({
      ...node,
      state: {
        ...(node.state as NonNullable<typeof node.state>),
        engines: [
          {
            engineId: engineIdOf(card),
            engine: 'binding' as const,
            modelId: card.modelId,
            modelSha256: card.sha256,
            phase,
            progress: 1,
            contextTokens: 2048,
            threads: 2,
            memoryBytes: null,
            jobsRunning: 0,
            restarts: 0,
            problem: null,
          },
        ],
      },
    });
    assert.deepEqual(
      adoptable(running('ready'), [card]).map((found) => found.candidate),
      [candidate],
    );
    assert.deepEqual(adoptable(running('failed'), [card]), []);
    assert.deepEqual(adoptable(running('ready'), []), [], 'of a model that was removed');
  });
});
