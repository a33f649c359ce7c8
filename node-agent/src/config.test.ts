import { strict as assert } from 'node:assert';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { enrolConfigOf, runConfigOf, tunnelPortOf } from './config.ts';
import { agentVersion } from './version.ts';

const state = mkdtempSync(join(tmpdir(), 'salvage-config-'));
after(() => rmSync(state, { recursive: true, force: true }));
const environment = { SALVAGE_STATE: state, SALVAGE_CACHE: '/cache' };
const pin = `sha256//${'A'.repeat(43)}=`;

describe('settings of the agent', () => {
  it('have defaults', () => {
    const config = runConfigOf([], environment);
    assert.equal(config.state, state);
    assert.equal(config.cache, '/cache');
    assert.deepEqual(tunnelPortOf(config), { port: 11435, fixed: false });
    assert.deepEqual([config.threads, config.root, config.mqttUrl], [0, '/', null]);
  });

  it('come from the file, then the environment, then the flags', () => {
    writeFileSync(join(state, 'agent.json'), '{"threads":1,"name":"file","logLevel":"warn"}');
    const from = {
      ...environment,
      SALVAGE_THREADS: '2',
      SALVAGE_NAME: '42',
      SALVAGE_ADDRESS: 'a.lan, b.lan',
    };
    const args = ['--threads', '3', '--tunnel-port', '0'];
    const config = runConfigOf(args, from);
    assert.deepEqual([config.logLevel, config.name, config.threads], ['warn', '42', 3]);
    assert.deepEqual(config.addresses, ['a.lan', 'b.lan']);
    assert.deepEqual(tunnelPortOf(config), { port: 0, fixed: true });
    const told = runConfigOf(['--address', 'c.lan', '--address', 'd.lan'], from);
    assert.deepEqual(told.addresses, ['c.lan', 'd.lan']);
    rmSync(join(state, 'agent.json'));
  });

  it('that are wrong are all named at once', () => {
    const args = ['--threads', 'many', '--log-level', 'loud', '--mqtt-url', 'ws://x'];
    assert.throws(() => runConfigOf(args, environment), {
      code: 'SLV_CONFIG',
      message: /threads: .*\n.*logLevel: .*\n.*mqttUrl: mqtt:\/\/HOST/s,
    });
    assert.throws(() => runConfigOf(['--bogus'], environment), { code: 'SLV_CONFIG' });
  });

  it('of a join need hub, pin and token', () => {
    const all = ['--hub', 'https://10.0.0.2:11443', '--pin', pin, '--token', 'abc'];
    assert.equal(enrolConfigOf([...all, '--name', 'Shelf'], environment).name, 'Shelf');
    assert.ok(enrolConfigOf(all, environment).name.length > 0);
    assert.throws(() => enrolConfigOf([], environment), {
      code: 'SLV_CONFIG',
      message: /hub: .*pin: .*token: /s,
    });
    assert.throws(() => enrolConfigOf(['--hub', 'http://x', ...all.slice(2)], environment), /hub/);
  });

  it('know the version that the package has', () => {
    const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
    assert.equal((JSON.parse(text) as { version: string }).version, agentVersion);
  });
});
