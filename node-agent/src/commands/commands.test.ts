import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import type { Benchmark, Command, NodeReply } from '@salvage/contract';
import { type Clock, SalvageError, silentLog } from '@salvage/kit';
import { limits } from '../limits.ts';
import { type CommandActs, createCommands, lastLines } from './commands.ts';

const clock: Clock = {
  unixMilliseconds: () => 1_000_000,
  monotonicMilliseconds: () => 0,
  sleep: () => Promise.resolve(),
};
const benchmark = { kind: 'quick', threadsBest: 2 } as Benchmark;

function setUp(change: Partial<CommandActs> = {}) {
  const replies: NodeReply[] = [];
  const done: string[] = [];
  const commands = createCommands({
    acts: {
      benchmark: async () => benchmark,
      measureLink: async () => ({ roundTripMilliseconds: 1.5, bytesPerSecond: 1e7 }),
      logs: (lines) => ['a', 'b', 'c'].slice(-lines),
      evictModel: async (sha256) => void done.push(`evict ${sha256.slice(0, 4)}`),
      rename: async (name) => void done.push(`rename ${name}`),
      ...change,
    },
    reply: (reply) => replies.push(reply),
    clock,
    log: silentLog,
  });
  const take = (commandId: string, command: Command, expiresAt = 2_000_000): void =>
    commands.take({ v: 1, commandId, expiresAt, command });
  return { commands, replies, done, take };
}

/** All promises that are under way have had their turn. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('commands', () => {
  it('answers each kind with its result', async () => {
    const { replies, done, take } = setUp();
    take('1', { kind: 'benchmark', depth: 'quick' });
    take('2', { kind: 'measure-link', peer: 'pi', addresses: ['10.0.0.2'], port: 11435 });
    take('3', { kind: 'logs', lines: 2 });
    take('4', { kind: 'evict-model', modelSha256: 'ab'.repeat(32) });
    take('5', { kind: 'rename', name: ' Shelf ' });
    await settled();
    const byId = Object.fromEntries(replies.map((reply) => [reply.commandId, reply.result]));
    assert.deepEqual(byId, {
      '1': { ...benchmark },
      '2': { roundTripMilliseconds: 1.5, bytesPerSecond: 1e7 },
      '3': { lines: ['b', 'c'] },
      '4': {},
      '5': { name: 'Shelf' },
    });
    assert.deepEqual(done, ['evict abab', 'rename Shelf']);
  });

  it('gives a repeated command the answer it got, and does it once', async () => {
    const { replies, done, take } = setUp();
    take('1', { kind: 'rename', name: 'a' });
    take('1', { kind: 'rename', name: 'a' }); // while it is at work
    await settled();
    assert.equal(replies.length, 1);
    take('1', { kind: 'rename', name: 'a' });
    assert.deepEqual(replies[1], replies[0]);
    assert.deepEqual(done, ['rename a']);
  });

  it('refuses what has expired, and says by how much', () => {
    const { replies, done, take } = setUp();
    take('1', { kind: 'rename', name: 'a' }, 998_500);
    assert.equal(replies[0]?.ok, false);
    assert.equal(replies[0]?.code, 'SLV_TIMEOUT');
    assert.match(replies[0]?.message ?? '', /2 s after its end/);
    assert.deepEqual(done, []);
  });

  it('says why an act failed, in the code of its failure', async () => {
    const { replies, take } = setUp({
      evictModel: () => Promise.reject(new SalvageError('SLV_MODEL_UNKNOWN', 'not here')),
      rename: () => Promise.reject(new Error('disk gone')),
    });
    take('1', { kind: 'evict-model', modelSha256: 'ab'.repeat(32) });
    take('2', { kind: 'rename', name: 'a' });
    take('3', { kind: 'rename', name: ' ' });
    await settled();
    assert.deepEqual(replies.map(({ code, message }) => [code, message]).sort(), [
      ['SLV_MODEL_UNKNOWN', 'not here'],
      ['SLV_REQUEST', 'a name is not empty'],
      ['SLV_REQUEST', 'rename failed: disk gone'],
    ]);
  });

  it('works on eight at a time and refuses a ninth', async () => {
    const waiting: (() => void)[] = [];
    const { commands, replies, take } = setUp({
      rename: () => new Promise((resolve) => waiting.push(resolve)),
    });
    for (let number = 0; number < 9; number += 1) take(`${number}`, { kind: 'rename', name: 'a' });
    assert.equal(commands.running, limits.commandsRunningMax);
    assert.deepEqual(
      replies.map(({ commandId, code }) => [commandId, code]),
      [['8', 'SLV_QUEUE_FULL']],
    );
    for (const end of waiting) end();
    await settled();
    assert.equal(replies.length, 9);
    assert.equal(commands.running, 0);
  });

  it('keeps a bounded number of answers, and those at work whatever comes', async () => {
    const waiting: (() => void)[] = [];
    const { replies, done, take } = setUp({
      rename: (name) => new Promise((resolve) => waiting.push(() => resolve(void done.push(name)))),
    });
    take('slow', { kind: 'rename', name: 'slow' });
    for (let number = 0; number <= limits.answersKeptMax; number += 1) {
      take(`${number}`, { kind: 'logs', lines: 1 });
      await settled();
    }
    take('slow', { kind: 'rename', name: 'slow' });
    for (const end of waiting) end();
    await settled();
    assert.equal(replies.filter(({ commandId }) => commandId === 'slow').length, 1);
    assert.deepEqual(done, ['slow']);
  });

  it('sends the newest log lines that fit', () => {
    const lines = ['"quoted"', 'é'.repeat(10), 'last'];
    assert.deepEqual(lastLines(lines, 1_000), lines);
    assert.deepEqual(lastLines(lines, 7), ['last']);
    assert.deepEqual(lastLines(lines, 29), ['last']);
    assert.deepEqual(lastLines(lines, 30), ['é'.repeat(10), 'last']);
    assert.deepEqual(lastLines([], 10), []);
  });
});
