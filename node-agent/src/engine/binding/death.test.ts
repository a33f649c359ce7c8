// Children of the binding that die, and agents that do.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { realClock, silentLog } from '@salvage/kit';
import { createHandClock } from '@salvage/kit/hand-clock';
import { createEngineRoom } from '../room.ts';
import {
  bindingKind,
  enginePids,
  isRunning,
  readAnswer,
  skip,
  testEntry,
  testRequest,
  testSpec,
  until,
} from './test-engine.ts';

const endless = testRequest({ outputTokensMax: 8_000, ignoreEnd: true });

describe('death of a binding engine', { skip }, () => {
  it('says why a model could not be loaded', async () => {
    const engine = bindingKind.create(testSpec({ modelPath: testEntry }));
    await assert.rejects(
      engine.start(() => undefined),
      {
        code: 'SLV_ENGINE_START',
        message: /test-entry\.ts.*/s,
      },
    );
    await engine.ended;
    assert.equal(engine.pid, null);
  });

  it('ends while it loads when it is told to', async () => {
    const engine = bindingKind.create(testSpec());
    const started = engine.start(() => undefined);
    await engine.stop();
    await assert.rejects(started, { code: 'SLV_ENGINE_START' });
  });

  it('becomes an error event, and the room starts it again', async () => {
    const ended: string[] = [];
    const room = createEngineRoom({
      kinds: [bindingKind],
      clock: realClock,
      log: silentLog,
      meter: {
        started: () => undefined,
        ended: async (jobId) => {
          ended.push(jobId);
          return null;
        },
      },
      onChange: () => undefined,
    });
    room.start(testSpec({ contextTokens: 8_192 }));
    const ready = () => room.list()[0]?.phase === 'ready';
    await until(ready, 'ready');
    const pids = enginePids();
    const answer = await readAnswer(
      room.complete('engine-1', endless, new AbortController().signal),
      (event) => {
        if (event.event === 'tokens') for (const pid of pids) process.kill(pid, 'SIGKILL');
      },
    );
    assert.equal(answer.reason, 'SLV_ENGINE_EXITED');
    assert.match(answer.message, /SIGKILL/);
    assert.deepEqual(ended, ['job-00000001']);
    await until(() => room.list()[0]?.restarts === 1 && ready(), 'ready again');
    const again = await readAnswer(
      room.complete('engine-1', testRequest(), new AbortController().signal),
    );
    assert.equal(again.reason, 'length');
    const last = enginePids();
    await room.stopAll();
    assert.deepEqual(room.list(), []);
    for (const pid of [...pids, ...last]) await until(() => !isRunning(pid), `${pid} gone`);
  });

  it('is noticed when the child is frozen', async () => {
    const clock = createHandClock();
    const room = createEngineRoom({
      kinds: [bindingKind],
      clock,
      log: silentLog,
      meter: { started: () => undefined, ended: async () => null },
      onChange: () => undefined,
    });
    room.start(testSpec({ contextTokens: 8_192 }));
    await until(() => room.list()[0]?.phase === 'ready', 'ready');
    const [pid = 0] = enginePids();
    let over = false;
    const answer = readAnswer(
      room.complete('engine-1', endless, new AbortController().signal),
      (event) => {
        if (event.event === 'tokens' && !over) process.kill(pid, 'SIGSTOP');
        over ||= event.event === 'tokens';
      },
    );
    await until(() => over, 'first tokens');
    for (let second = 0; second < 130; second += 1) await clock.advance(1_000);
    assert.equal((await answer).reason, 'SLV_ENGINE_STUCK');
    await until(() => !isRunning(pid), 'frozen engine gone');
    await until(() => room.list()[0]?.phase === 'failed', 'noticed');
    await clock.advance(1_000);
    assert.equal(room.list()[0]?.restarts, 1);
    await room.stopAll();
  });

  it('comes with the death of its agent', async () => {
    const spec = JSON.stringify(testSpec());
    const agent = fork(testEntry, ['agent', spec], { execArgv: ['--import', 'tsx'] });
    const [pid] = (await once(agent, 'message')) as [number];
    assert.ok(isRunning(pid));
    agent.kill('SIGKILL');
    await until(() => !isRunning(pid), 'engine gone');
  });
});
