import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CompletionEvent } from '@salvage/contract';
import { createEventQueue } from './event-queue.ts';
import { startWatch, stuckReason, usualTokenTime, watchEvent } from './watchdog.ts';

const tokens: CompletionEvent = { event: 'tokens', tokens: [1], text: 'a' };
const alive = (promptProgress: number): CompletionEvent => ({ event: 'alive', promptProgress });

describe('watchdog', () => {
  const at = (now: number, usual: number | null = null, engineEventAt = 0) => ({
    now,
    usual,
    engineEventAt,
  });

  it('believes a prompt that advances, for hours', () => {
    let watch = startWatch(0);
    for (let minute = 1; minute < 300; minute += 1) {
      watch = watchEvent(watch, alive(minute / 300), minute * 15_000);
      assert.equal(stuckReason(watch, at(minute * 15_000 + 14_000)), null);
    }
  });

  it('does not believe one that only says it is alive', () => {
    let watch = watchEvent(startWatch(0), alive(0.5), 2_000);
    for (let now = 4_000; now < 122_000; now += 2_000) {
      watch = watchEvent(watch, alive(0.5), now);
      assert.equal(stuckReason(watch, at(now)), null);
    }
    watch = watchEvent(watch, alive(0.5), 122_000);
    assert.match(stuckReason(watch, at(122_000)) ?? '', /stood still/);
    // A node that needs a second for a token has more time for a chunk.
    assert.equal(stuckReason(watch, at(122_000, 1_000)), null);
  });

  it('is patient while neighbours on the same engine move, but not for ever', () => {
    const watch = watchEvent(startWatch(0), tokens, 0);
    assert.match(stuckReason(watch, at(20_000, 100)) ?? '', /said nothing for 20 s/);
    assert.equal(stuckReason(watch, at(20_000, 100, 19_000)), null);
    assert.match(stuckReason(watch, at(120_000, 100, 119_000)) ?? '', /120 s/);
  });

  it('learns the usual time slowly', () => {
    assert.equal(usualTokenTime(null, { milliseconds: 300, tokens: 3 }), 100);
    assert.equal(usualTokenTime(100, { milliseconds: 200, tokens: 1 }), 110);
    assert.equal(usualTokenTime(100, { milliseconds: 200, tokens: 0 }), 100);
  });
});

describe('event queue', () => {
  it('merges what a slow reader has not fetched, and loses nothing', async () => {
    const queue = createEventQueue();
    queue.push({ event: 'prompt', tokens: [9] });
    for (const event of [alive(0.1), alive(0.2), tokens, tokens, tokens]) queue.push(event);
    queue.close();
    queue.push(tokens);
    const events: CompletionEvent[] = [];
    for await (const event of queue) events.push(event);
    assert.deepEqual(events, [
      { event: 'prompt', tokens: [9] },
      alive(0.2),
      { event: 'tokens', tokens: [1, 1, 1], text: 'aaa' },
    ]);
  });
});
