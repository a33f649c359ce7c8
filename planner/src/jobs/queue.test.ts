import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  emptyQueue,
  enqueue,
  expectedWaitSeconds,
  leave,
  type Queue,
  secondsUntilRoom,
  setSlots,
  startNext,
  type Ticket,
} from './queue.ts';

const bounds = { waitingMax: 1_000, waitingPerClientMax: 1_000 };

function ticket(id: string, client: string, seconds: number | null = 10): Ticket {
  return { id, lane: 'model', client, seconds };
}

function queueOf(tickets: Ticket[], slots = 1): Queue {
  let queue = emptyQueue;
  for (const each of tickets) {
    const taken = enqueue(queue, each, bounds);
    assert(taken.ok);
    queue = taken.queue;
  }
  return setSlots(queue, 'model', slots);
}

/** Starts jobs one after the other, each ended before the next; the clients in that order. */
function drain(queue: Queue): Ticket[] {
  const order: Ticket[] = [];
  for (let rest = queue; ; ) {
    const next = startNext(rest, 'model', 0);
    if (next === null) return order;
    order.push(next.ticket);
    rest = leave(next.queue, next.ticket.id);
  }
}

const clients = fc.array(fc.constantFrom('anna', 'ben', 'cleo', 'dora'), { maxLength: 40 });

describe('the queue', () => {
  it('serves everybody once, each client in its own order', () => {
    fc.assert(
      fc.property(clients, (names) => {
        const tickets = names.map((name, index) => ticket(String(index), name));
        const order = drain(queueOf(tickets));
        assert.equal(order.length, tickets.length);
        for (const name of new Set(names)) {
          const ids = order.filter((t) => t.client === name).map((t) => Number(t.id));
          assert.deepEqual(
            ids,
            [...ids].sort((a, b) => a - b),
          );
        }
      }),
    );
  });

  it('lets no client pass another one twice while that one waits', () => {
    fc.assert(
      fc.property(clients, (names) => {
        const order = drain(queueOf(names.map((name, index) => ticket(String(index), name))));
        const remaining = new Map<string, number>();
        for (const { client } of order) remaining.set(client, (remaining.get(client) ?? 0) + 1);
        const since = new Map([...remaining.keys()].map((name) => [name, new Map()]));
        for (const { client } of order) {
          for (const [waiter, passed] of since) {
            if (waiter === client || (remaining.get(waiter) ?? 0) === 0) continue;
            passed.set(client, (passed.get(client) ?? 0) + 1);
            assert(passed.get(client) <= 1, `${client} passed ${waiter} twice`);
          }
          since.get(client)?.clear();
          remaining.set(client, (remaining.get(client) ?? 0) - 1);
        }
      }),
    );
  });

  it('keeps every invariant under any mixture of acts', () => {
    const act = fc.oneof(
      fc.record({ do: fc.constant('enqueue' as const), client: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ do: fc.constant('start' as const) }),
      fc.record({ do: fc.constant('leave' as const), pick: fc.nat(30) }),
      fc.record({ do: fc.constant('slots' as const), slots: fc.integer({ min: 1, max: 4 }) }),
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const small = { waitingMax: 8, waitingPerClientMax: 4 };
        let queue: Queue = emptyQueue;
        let count = 0;
        for (const each of acts) {
          const slots = queue.get('model')?.slots ?? 1;
          const runningBefore = queue.get('model')?.running.length ?? 0;
          if (each.do === 'enqueue') {
            const taken = enqueue(queue, ticket(String(count++), each.client), small);
            if (taken.ok) queue = taken.queue;
          } else if (each.do === 'start') {
            queue = startNext(queue, 'model', 0)?.queue ?? queue;
            const running = queue.get('model')?.running.length ?? 0;
            assert(running <= Math.max(slots, runningBefore));
          } else if (each.do === 'leave') queue = leave(queue, String(each.pick));
          else queue = setSlots(queue, 'model', each.slots);
          const lane = queue.get('model');
          const waiting = lane?.waiting ?? [];
          assert(waiting.length <= small.waitingMax);
          const names = new Set(waiting.map((t) => t.client));
          assert.deepEqual(new Set(lane?.rotation ?? []), names);
          assert.equal(lane?.rotation.length ?? 0, names.size);
          for (const name of names) {
            assert(waiting.filter((t) => t.client === name).length <= small.waitingPerClientMax);
          }
          assert.equal(queue.has('model'), waiting.length + (lane?.running.length ?? 0) > 0);
        }
      }),
    );
  });

  it('says which bound it was', () => {
    const one = queueOf([ticket('1', 'anna')]);
    const client = enqueue(one, ticket('2', 'anna'), { waitingMax: 9, waitingPerClientMax: 1 });
    assert.deepEqual(client, { ok: false, bound: 'client' });
    const total = enqueue(one, ticket('2', 'ben'), { waitingMax: 1, waitingPerClientMax: 1 });
    assert.deepEqual(total, { ok: false, bound: 'total' });
  });

  it('quotes the wait that then comes, for any durations and slots', () => {
    const job = fc.record({
      client: fc.constantFrom('anna', 'ben', 'cleo'),
      seconds: fc.integer({ min: 1, max: 50 }),
    });
    fc.assert(
      fc.property(
        fc.array(job, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 3 }),
        (jobs, slots) => {
          let queue = queueOf(
            jobs.map((each, index) => ticket(String(index), each.client, each.seconds)),
            slots,
          );
          const quoted = jobs.map((_, index) => expectedWaitSeconds(queue, String(index), 0));
          const started = new Map<string, number>();
          const ends = new Map<string, number>();
          for (let now = 0; started.size < jobs.length; now += 1) {
            for (const [id, end] of ends) {
              if (end !== now) continue;
              queue = leave(queue, id);
              ends.delete(id);
            }
            for (
              let next = startNext(queue, 'model', now);
              next !== null;
              next = startNext(queue, 'model', now)
            ) {
              queue = next.queue;
              started.set(next.ticket.id, now);
              ends.set(next.ticket.id, now + (next.ticket.seconds ?? 0));
            }
          }
          assert.deepEqual(
            quoted,
            jobs.map((_, index) => started.get(String(index))),
          );
        },
      ),
    );
  });

  it('quotes nothing when a job ahead has no known duration', () => {
    const queue = queueOf([ticket('1', 'anna', null), ticket('2', 'ben')]);
    assert.equal(expectedWaitSeconds(queue, '2', 0), null);
    const started = startNext(queue, 'model', 0);
    assert(started !== null);
    assert.equal(secondsUntilRoom(started.queue, 5), null);
  });
});
