import { strict as assert } from 'node:assert';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { agentVersion } from './version.ts';

const run = promisify(execFile);
const script = fileURLToPath(new URL('../../scripts/bundle-agent.ts', import.meta.url));

describe('the bundled agent', () => {
  const folder = mkdtempSync(join(tmpdir(), 'salvage-bundle-'));
  const agent = join(folder, 'agent.mjs');
  after(() => rmSync(folder, { recursive: true, force: true }));
  // Fails when the packages in it are not those of the committed list.
  before(async () => {
    await run(process.execPath, ['--import', 'tsx', script, '--out', folder]);
  });

  it('runs alone, far from any node_modules', async () => {
    const environment = { ...process.env, NODE_OPTIONS: '', NODE_PATH: '' };
    const at = { cwd: folder, env: environment };
    assert.equal(
      (await run(process.execPath, [agent, '--version'], at)).stdout,
      `${agentVersion}\n`,
    );
    assert.match(
      (await run(process.execPath, [agent, '--help'], at)).stdout,
      /salvage-agent enrol/,
    );
  });

  it('says what to do on a machine that has not joined, and about wrong settings', async () => {
    const state = join(folder, 'state');
    await assert.rejects(run(process.execPath, [agent, '--state', state]), {
      code: 1,
      stderr: /has not joined a cluster[\s\S]*salvage token create/,
    });
    await assert.rejects(run(process.execPath, [agent, 'enrol']), {
      code: 78,
      stderr: /SLV_CONFIG/,
    });
  });
});
