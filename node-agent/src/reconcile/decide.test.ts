import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import type { EngineWish, NodeDesired } from '@salvage/contract';
import fc from 'fast-check';
import { type Action, decide, fulfils, type Have, type HaveEngine, wishesOf } from './decide.ts';

const drain = 60_000;

function wish(number: number, change: Partial<EngineWish> = {}): EngineWish {
  return {
    engineId: `engine-${number}`,
    engine: 'binding',
    part: 'whole',
    modelId: `model-${number}`,
    modelSha256: String(number).repeat(64),
    modelBytes: 1000,
    contextTokens: 512,
    threads: 0,
    parallel: 1,
    ...change,
  };
}

function engine(of: EngineWish, change: Partial<HaveEngine> = {}): HaveEngine {
  return {
    ...of,
    threads: of.threads || 2,
    phase: 'ready',
    jobsRunning: 0,
    unwantedSince: null,
    ...change,
  };
}

function desired(engines: EngineWish[], work = true): NodeDesired {
  return { v: 1, revision: 1, work, engines, wattsProfile: null, storeUrl: 'https://hub/models' };
}

function have(change: Partial<Have> = {}): Have {
  return {
    engines: [],
    cached: new Set(),
    fetching: null,
    fetchAgainAt: new Map(),
    kinds: new Set(['binding']),
    canFetch: true,
    startsBlocked: false,
    ...change,
  };
}

const [one, two] = [wish(1), wish(2)];
const cached = new Set([one.modelSha256, two.modelSha256]);

describe('what to do next', () => {
  const cases: [name: string, desired: NodeDesired | null, have: Have, want: Action[]][] = [
    ['changes nothing before the first wish', null, have({ engines: [engine(one)] }), []],
    [
      'fetches a model that is not here',
      desired([one, two]),
      have(),
      [{ kind: 'fetch', wish: one }],
    ],
    ['fetches one at a time', desired([one, two]), have({ fetching: one.modelSha256 }), []],
    [
      'fetches the next one while the first failed a moment ago',
      desired([one, two]),
      have({ fetchAgainAt: new Map([[one.modelSha256, 1500]]) }),
      [{ kind: 'fetch', wish: two }],
    ],
    ['fetches nothing without a store', desired([one]), have({ canFetch: false }), []],
    [
      'ends a fetch that nobody wishes any more',
      desired([two]),
      have({ fetching: one.modelSha256 }),
      [{ kind: 'cancel-fetch', modelSha256: one.modelSha256 }],
    ],
    ['starts one engine', desired([one, two]), have({ cached }), [{ kind: 'start', wish: one }]],
    [
      'loads one at a time',
      desired([one, two]),
      have({ cached, engines: [engine(one, { phase: 'loading' })] }),
      [],
    ],
    [
      'fetches while another engine works',
      desired([one, two]),
      have({ cached: new Set([one.modelSha256]), engines: [engine(one, { jobsRunning: 1 })] }),
      [{ kind: 'fetch', wish: two }],
    ],
    [
      'starts nothing while a benchmark runs',
      desired([one]),
      have({ cached, startsBlocked: true }),
      [],
    ],
    [
      'makes room before it loads',
      desired([two]),
      have({ cached, engines: [engine(one)] }),
      [{ kind: 'stop', engineId: 'engine-1' }],
    ],
    [
      'waits for the memory of an engine that is ending',
      desired([two]),
      have({ cached, engines: [engine(one, { phase: 'stopping' })] }),
      [],
    ],
    [
      'lets jobs end first',
      desired([]),
      have({ engines: [engine(one, { jobsRunning: 1 })] }),
      [{ kind: 'drain', engineId: 'engine-1' }],
    ],
    [
      'goes on letting them end',
      desired([]),
      have({ engines: [engine(one, { jobsRunning: 1, unwantedSince: 1000 - drain + 1 })] }),
      [],
    ],
    [
      'but not for ever',
      desired([]),
      have({ engines: [engine(one, { jobsRunning: 1, unwantedSince: 1000 - drain })] }),
      [{ kind: 'stop', engineId: 'engine-1' }],
    ],
    [
      'keeps an engine that is wished again',
      desired([one]),
      have({ cached, engines: [engine(one, { jobsRunning: 1, unwantedSince: 10 })] }),
      [{ kind: 'keep', engineId: 'engine-1' }],
    ],
    [
      'runs nothing on a node that is drained',
      desired([one], false),
      have({ cached, engines: [engine(one)] }),
      [{ kind: 'stop', engineId: 'engine-1' }],
    ],
    [
      'replaces an engine whose context changes',
      desired([wish(1, { contextTokens: 1024 })]),
      have({ cached, engines: [engine(one)] }),
      [{ kind: 'stop', engineId: 'engine-1' }],
    ],
    [
      'keeps an engine when only the best thread count has changed',
      desired([one]),
      have({ cached, engines: [engine(one, { threads: 7 })] }),
      [],
    ],
    [
      'leaves what it cannot run',
      desired([wish(1, { part: 'worker' }), wish(2, { engine: 'llama-server' })]),
      have({ cached }),
      [],
    ],
    [
      'leaves restarts to the room',
      desired([one]),
      have({ cached, engines: [engine(one, { phase: 'failed' })] }),
      [],
    ],
  ];
  for (const [name, wished, given, want] of cases) {
    it(name, () => assert.deepEqual(decide(wished, given, 1000, drain), want));
  }
});

/** A node that carries actions out: a load and a fetch take one step, a fetch may fail once. */
interface World {
  engines: HaveEngine[];
  cached: Set<string>;
  fetching: string | null;
  fetchAgainAt: Map<string, number>;
  failOnce: Set<string>;
  now: number;
}

const asHave = (world: World): Have => have({ ...world });

function apply(world: World, actions: Action[]): void {
  const find = (engineId: string): HaveEngine | undefined =>
    world.engines.find((candidate) => candidate.engineId === engineId);
  for (const action of actions) {
    if (action.kind === 'start') {
      assert.ok(world.cached.has(action.wish.modelSha256), 'an engine without its model');
      assert.equal(find(action.wish.engineId), undefined, 'two engines of one id');
      assert.ok(!world.engines.some(({ phase }) => phase === 'loading'), 'two loads at once');
      world.engines.push(engine(action.wish, { phase: 'loading' }));
    } else if (action.kind === 'fetch') {
      assert.equal(world.fetching, null, 'two fetches at once');
      world.fetching = action.wish.modelSha256;
    } else if (action.kind === 'cancel-fetch') {
      world.fetching = null;
    } else if (action.kind === 'stop') {
      Object.assign(find(action.engineId) ?? {}, { phase: 'stopping' });
    } else {
      const since = action.kind === 'drain' ? world.now : null;
      Object.assign(find(action.engineId) ?? {}, { unwantedSince: since });
    }
  }
}

function timePasses(world: World): void {
  world.now += 5_000;
  world.engines = world.engines
    .filter(({ phase }) => phase !== 'stopping')
    .map((one) => (one.phase === 'loading' ? { ...one, phase: 'ready' } : one));
  const { fetching } = world;
  if (fetching === null) return;
  if (world.failOnce.delete(fetching)) world.fetchAgainAt.set(fetching, world.now + 60_000);
  else world.cached.add(fetching);
  world.fetching = null;
}

const anyWish = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.constantFrom(512, 1024), fc.constantFrom(0, 1, 2))
  .map(([number, contextTokens, threads]) => wish(number, { contextTokens, threads }));
const anyEngine = fc
  .tuple(anyWish, fc.integer({ min: 0, max: 2 }))
  .map(([of, jobsRunning]) => engine(of, { jobsRunning }));
const shas = [1, 2, 3, 4].map((number) => wish(number).modelSha256);
const anyWorld = fc
  .record({
    engines: fc.uniqueArray(anyEngine, { selector: ({ engineId }) => engineId, maxLength: 4 }),
    cached: fc.subarray(shas),
    fetching: fc.option(fc.constantFrom(...shas), { nil: null }),
    failOnce: fc.subarray(shas),
  })
  .map(
    (given): World => ({
      engines: given.engines.map((one) => ({ ...one })),
      cached: new Set([...given.cached, ...given.engines.map(({ modelSha256 }) => modelSha256)]),
      fetching: given.fetching,
      fetchAgainAt: new Map(),
      failOnce: new Set(given.failOnce),
      now: 0,
    }),
  );

describe('steps towards a wish', () => {
  it('reach it from anywhere, one load and one fetch at a time, and then rest', () => {
    fc.assert(
      fc.property(
        fc.array(anyWish, { maxLength: 4 }),
        fc.boolean(),
        anyWorld,
        (wishes, work, world) => {
          const wished = desired(wishes, work);
          for (let step = 0; step < 100; step += 1) {
            apply(world, decide(wished, asHave(world), world.now, drain));
            timePasses(world);
          }
          const want = wishesOf(wished);
          assert.equal(world.engines.length, want.length);
          for (const one of want) assert.ok(world.engines.some((has) => fulfils(has, one)));
          assert.deepEqual(decide(wished, asHave(world), world.now, drain), []);
        },
      ),
    );
  });

  it('ask for nothing twice: after the actions, the same moment asks for no more', () => {
    fc.assert(
      fc.property(fc.array(anyWish, { maxLength: 4 }), anyWorld, (wishes, world) => {
        const wished = desired(wishes);
        apply(world, decide(wished, asHave(world), world.now, drain));
        const again = decide(wished, asHave(world), world.now, drain);
        assert.ok(
          again.every(({ kind }) => kind === 'fetch'),
          JSON.stringify(again),
        );
        apply(world, again); // after a cancelled fetch the next one may begin
        assert.deepEqual(decide(wished, asHave(world), world.now, drain), []);
      }),
    );
  });
});
