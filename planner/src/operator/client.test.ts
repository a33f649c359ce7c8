import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SalvageError } from '@salvage/kit';
import { openStubDoor, type StubDoor } from '../cli/testing/stub-door.ts';
import * as views from '../cli/testing/stub-views.ts';
import { openOperator } from './client.ts';

let door: StubDoor;
before(async () => {
  door = await openStubDoor();
});
after(() => door.close());

const failsWith = (code: string, message: RegExp) => (error: unknown) =>
  error instanceof SalvageError && error.code === code && message.test(error.message);

describe('operator client', () => {
  it('has a method for each route of the door', async () => {
    const operator = await openOperator({ state: door.state });
    door.heard.length = 0;
    assert.deepEqual(await operator.status(), views.status);
    assert.equal((await operator.changeNode('attic-x230', { drained: true })).drained, true);
    await operator.removeNode('pi shelf/1');
    assert.deepEqual(await operator.nodeLogs('attic-x230', 7), ['first line', 'second line']);
    assert.equal((await operator.models()).length, 2);
    assert.equal((await operator.catalogue()).length, 3);
    assert.equal((await operator.inspectModel('x.gguf')).source, 'x.gguf');
    await operator.removeModel('qwen3-0.6b:q8_0');
    assert.equal((await operator.place({ modelId: 'm' })).answer.ok, true);
    assert.equal((await operator.tokens()).length, 2);
    const wish = { for: 'node', name: 'n', expiresSeconds: 60, local: false } as const;
    assert.equal((await operator.createToken(wish)).token, 'join-token');
    await operator.revokeToken('k3m9px');
    assert.equal((await operator.energy({ since: 1, until: 2 })).nodes.length, 3);
    assert.deepEqual(await operator.jobs(5), []);
    assert.equal((await operator.doctor()).length, 2);
    assert.deepEqual(
      door.heard.map(({ method, path }) => `${method} ${path}`),
      [
        ...['GET /status', 'PATCH /nodes/attic-x230', 'DELETE /nodes/pi shelf/1'],
        ...['GET /nodes/attic-x230/logs?lines=7', 'GET /models', 'GET /catalogue'],
        ...['POST /models/inspect', 'DELETE /models/qwen3-0.6b:q8_0', 'POST /place'],
        ...['GET /tokens', 'POST /tokens', 'DELETE /tokens/k3m9px', 'GET /energy?since=1&until=2'],
        ...['GET /jobs?limit=5', 'GET /doctor'],
      ],
    );
  });

  it('streams events however the network cuts them', async () => {
    const operator = await openOperator({ state: door.state });
    const seen: string[] = [];
    for await (const event of operator.addModel({ source: 'x', modelId: 'new:q4_0' })) {
      seen.push(event.event === 'progress' ? `${event.step} ${event.doneBytes}` : event.event);
    }
    assert.deepEqual(seen, ['fetch 0', 'fetch 400000000', 'verify 730000000', 'added']);
  });

  it('throws the door’s own code and hint, in answers and in streams', async () => {
    const operator = await openOperator({ state: door.state });
    await assert.rejects(operator.removeModel('gone'), (error) => {
      assert.ok(error instanceof SalvageError);
      assert.deepEqual([error.code, error.hint], ['SLV_MODEL_UNKNOWN', 'see what there is']);
      return true;
    });
    const stream = operator.addModel({ source: 'https://example.org/cut.gguf' });
    await assert.rejects(
      async () => {
        for await (const event of stream) assert.equal(event.event, 'progress');
      },
      failsWith('SLV_DOWNLOAD', /10 of 100/),
    );
  });

  it('says that no planner runs: no folder, a dead process, a closed port', async () => {
    const state = mkdtempSync(join(tmpdir(), 'salvage-client-'));
    const other = await openStubDoor();
    try {
      await assert.rejects(
        openOperator({ state }),
        failsWith('SLV_TIMEOUT', /no planner runs here/),
      );
      const operator = await openOperator({ state: other.state });
      await other.close();
      await assert.rejects(operator.status(), failsWith('SLV_TIMEOUT', /no planner runs here/));
    } finally {
      rmSync(state, { recursive: true });
    }
  });

  it('does not trip over a run file that is damaged or of a dead process', async () => {
    const other = await openStubDoor();
    const file = join(other.state, 'run', 'planner.json');
    for (const text of ['{', '{}', '{"gatewayUrl":"http://127.0.0.1:1","pid":4194305}']) {
      writeFileSync(file, text);
      await assert.rejects(
        openOperator({ state: other.state }),
        failsWith('SLV_TIMEOUT', /no pla/),
      );
    }
    await other.close();
  });

  it('shows a refused key as such', async () => {
    const other = await openStubDoor();
    writeFileSync(join(other.state, 'keys', 'operator'), 'wrong\n');
    const operator = await openOperator({ state: other.state });
    await assert.rejects(operator.status(), failsWith('SLV_DENIED', /operator/));
    await other.close();
  });
});
