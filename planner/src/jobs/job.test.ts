import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Timings } from '@salvage/contract';
import { hasEnded, nextJob, queuedJob } from './job.ts';
import { learnSpeed, workSeconds } from './quote.ts';

const queued = queuedJob({
  jobId: 'job-aaaaaaaa',
  client: 'anna',
  modelId: 'words',
  dialect: 'openai',
  at: 1,
});

const timings: Timings = {
  promptTokens: 100,
  cachedTokens: 0,
  promptMilliseconds: 1_000,
  outputTokens: 20,
  outputMilliseconds: 4_000,
  cpuSeconds: null,
};

describe('a job', () => {
  it('remembers when it first ran and how often it was taken up again', () => {
    let job = nextJob(queued, { event: 'placing' });
    job = nextJob(job, { event: 'running', nodeId: 'node-a', at: 2 });
    job = nextJob(job, { event: 'first-token', at: 3 });
    job = nextJob(job, { event: 'replay', problem: 'lost' });
    assert.equal(job.phase, 'placing');
    job = nextJob(job, { event: 'running', nodeId: 'node-b', at: 4 });
    job = nextJob(job, { event: 'first-token', at: 5 });
    job = nextJob(job, { event: 'done', at: 6, endReason: 'stop', timings, energy: null });
    assert.deepEqual(
      [job.nodeId, job.startedAt, job.firstTokenAt, job.endedAt, job.replays],
      ['node-b', 2, 3, 6, 1],
    );
    assert(hasEnded(job));
    assert.throws(() => nextJob(job, { event: 'cancelled', at: 7 }), /cancelled after done/);
  });

  it('can fail or be cancelled from every phase that is not an end', () => {
    const placing = nextJob(queued, { event: 'placing' });
    const running = nextJob(queued, { event: 'running', nodeId: 'node-a', at: 2 });
    for (const job of [queued, placing, running]) {
      assert.equal(nextJob(job, { event: 'failed', at: 3, problem: 'no' }).phase, 'failed');
      assert.equal(nextJob(job, { event: 'cancelled', at: 3 }).endReason, 'cancelled');
    }
    assert.throws(() => nextJob(queued, { event: 'first-token', at: 3 }));
  });
});

describe('a quote', () => {
  const predicted = { decodeTokensPerSecond: 10, promptTokensPerSecond: 100, answerTokens: null };

  it('adds reading and writing', () => {
    const work = { promptTokens: 200, outputTokens: 50, outputTokensDefault: 1_000 };
    assert.equal(workSeconds(work, predicted), 7);
    assert.equal(workSeconds(work, { ...predicted, decodeTokensPerSecond: 0 }), null);
  });

  it('takes an average answer where the client set no bound', () => {
    const work = { promptTokens: 0, outputTokens: null, outputTokensDefault: 1_000 };
    assert.equal(workSeconds(work, predicted), 100);
    assert.equal(workSeconds(work, { ...predicted, answerTokens: 30 }), 3);
  });

  it('moves towards what was measured, and not for an answer too short to tell', () => {
    let speed = predicted as Parameters<typeof learnSpeed>[0];
    for (let count = 0; count < 40; count += 1) speed = learnSpeed(speed, timings);
    assert(Math.abs(speed.decodeTokensPerSecond - 5) < 0.01);
    assert.equal(speed.answerTokens, 20);
    assert.equal(learnSpeed(speed, { ...timings, outputTokens: 1 }), speed);
  });
});
