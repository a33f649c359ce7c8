// The queue of jobs, pure: one lane a model, a fixed number of slots in each, and round robin over
// the clients that wait, so that one client with fifty jobs delays another by one job at most.
// Bounded in total and per client. Every function returns a new queue.
import { strict as assert } from 'node:assert';

export interface Ticket {
  id: string;
  /** Jobs of one lane compete for the same slots: the model id. */
  lane: string;
  client: string;
  /** How long the job itself is expected to take, seconds; null when no speed is known. */
  seconds: number | null;
}

interface Running {
  ticket: Ticket;
  startedAtSeconds: number;
}

export interface Lane {
  /** Jobs that run at once, at least 1. */
  slots: number;
  running: readonly Running[];
  /** In order of arrival. */
  waiting: readonly Ticket[];
  /** Clients that wait, the next one first. A client is in it once, and only while it waits. */
  rotation: readonly string[];
}

export type Queue = ReadonlyMap<string, Lane>;

export interface QueueBounds {
  waitingMax: number;
  waitingPerClientMax: number;
}

export const emptyQueue: Queue = new Map();

/** Puts a job at its client's end; says no, and which bound it was, when the queue is full. */
export function enqueue(
  queue: Queue,
  ticket: Ticket,
  bounds: QueueBounds,
): { ok: true; queue: Queue } | { ok: false; bound: 'total' | 'client' } {
  const waiting = [...queue.values()].flatMap((lane) => lane.waiting);
  if (waiting.length >= bounds.waitingMax) return { ok: false, bound: 'total' };
  const ofClient = waiting.filter((other) => other.client === ticket.client).length;
  if (ofClient >= bounds.waitingPerClientMax) return { ok: false, bound: 'client' };
  const lane = queue.get(ticket.lane) ?? { slots: 1, running: [], waiting: [], rotation: [] };
  const rotation = lane.rotation.includes(ticket.client)
    ? lane.rotation
    : [...lane.rotation, ticket.client];
  const next = { ...lane, waiting: [...lane.waiting, ticket], rotation };
  return { ok: true, queue: withLane(queue, ticket.lane, next) };
}

/** Sets how many jobs of a lane may run at once; more slots than before start nothing by themselves. */
export function setSlots(queue: Queue, laneName: string, slots: number): Queue {
  assert(Number.isInteger(slots) && slots >= 1, `a lane has ${slots} slots`);
  const lane = queue.get(laneName);
  return lane === undefined || lane.slots === slots
    ? queue
    : withLane(queue, laneName, { ...lane, slots });
}

/** Starts the job whose turn it is, if a slot of the lane is free. */
export function startNext(
  queue: Queue,
  laneName: string,
  nowSeconds: number,
): { queue: Queue; ticket: Ticket } | null {
  const lane = queue.get(laneName);
  if (lane === undefined || lane.running.length >= lane.slots) return null;
  const taken = takeNext(lane);
  if (taken === null) return null;
  const running = [...lane.running, { ticket: taken.ticket, startedAtSeconds: nowSeconds }];
  return {
    queue: withLane(queue, laneName, { ...lane, ...taken.rest, running }),
    ticket: taken.ticket,
  };
}

/** Takes a job out, whether it runs or waits; an unknown id changes nothing. */
export function leave(queue: Queue, id: string): Queue {
  for (const [name, lane] of queue) {
    const running = lane.running.filter((entry) => entry.ticket.id !== id);
    const waiting = lane.waiting.filter((ticket) => ticket.id !== id);
    if (running.length === lane.running.length && waiting.length === lane.waiting.length) continue;
    const rotation = lane.rotation.filter((client) => waiting.some((t) => t.client === client));
    return withLane(queue, name, { ...lane, running, waiting, rotation });
  }
  return queue;
}

/**
 * Seconds until a waiting job starts, if nobody else comes: the lane is played forward in the
 * order it would be served. 0 for a running job, null when a job ahead has no known duration.
 */
export function expectedWaitSeconds(queue: Queue, id: string, nowSeconds: number): number | null {
  const lane = [...queue.values()].find((l) => l.waiting.some((ticket) => ticket.id === id));
  if (lane === undefined) return 0;
  const ends = lane.running.map((entry) => remainingSeconds(entry, nowSeconds));
  if (ends.includes(null)) return null;
  const free = (ends as number[])
    .sort((a, b) => a - b)
    .slice(Math.max(0, ends.length - lane.slots));
  while (free.length < lane.slots) free.unshift(0);
  for (const ticket of servingOrder(lane)) {
    const start = free.shift() ?? 0;
    if (ticket.id === id) return start;
    if (ticket.seconds === null) return null;
    free.push(start + ticket.seconds);
    free.sort((a, b) => a - b);
  }
  return null;
}

/** Seconds until the first running job is expected to end; null when nothing known runs. */
export function secondsUntilRoom(queue: Queue, nowSeconds: number): number | null {
  const ends = [...queue.values()]
    .flatMap((lane) => lane.running.map((entry) => remainingSeconds(entry, nowSeconds)))
    .filter((seconds) => seconds !== null);
  return ends.length === 0 ? null : Math.min(...ends);
}

/** The waiting jobs of a lane in the order they would be served. */
export function servingOrder(lane: Lane): Ticket[] {
  const order: Ticket[] = [];
  let rest: Pick<Lane, 'waiting' | 'rotation'> = lane;
  for (;;) {
    const taken = takeNext(rest);
    if (taken === null) return order;
    order.push(taken.ticket);
    rest = taken.rest;
  }
}

/** The oldest job of the client whose turn it is; that client goes to the end of the rotation. */
function takeNext(
  lane: Pick<Lane, 'waiting' | 'rotation'>,
): { ticket: Ticket; rest: Pick<Lane, 'waiting' | 'rotation'> } | null {
  const [client, ...others] = lane.rotation;
  if (client === undefined) return null;
  const index = lane.waiting.findIndex((ticket) => ticket.client === client);
  const ticket = lane.waiting[index];
  assert(ticket !== undefined, 'the rotation names only clients that wait');
  const waiting = lane.waiting.toSpliced(index, 1);
  const waitsOn = waiting.some((other) => other.client === client);
  return { ticket, rest: { waiting, rotation: waitsOn ? [...others, client] : others } };
}

function remainingSeconds(entry: Running, nowSeconds: number): number | null {
  if (entry.ticket.seconds === null) return null;
  return Math.max(0, entry.startedAtSeconds + entry.ticket.seconds - nowSeconds);
}

function withLane(queue: Queue, name: string, lane: Lane): Queue {
  const next = new Map(queue);
  if (lane.running.length + lane.waiting.length === 0) next.delete(name);
  else next.set(name, lane);
  return next;
}
