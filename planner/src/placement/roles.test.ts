import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rolesOf } from './roles.ts';
import { sampleNode } from './sample-cluster.ts';

describe('what a machine can be', () => {
  const can = (node: Parameters<typeof rolesOf>[0]): string[] =>
    rolesOf(node)
      .filter((advice) => advice.can)
      .map(({ role }) => role);

  it('follows memory, disk, bits and network', () => {
    assert.deepEqual(can(sampleNode('a')), ['worker', 'hub', 'meter gateway', 'store']);
    const zero = { architecture: 'arm64', memoryTotalBytes: 440e6, diskFreeBytes: 8e9 } as const;
    assert.deepEqual(can(sampleNode('a', zero)), ['worker', 'meter gateway']);
    const old = { architecture: 'armv7l', memoryTotalBytes: 1e9 } as const;
    assert.deepEqual(can(sampleNode('a', old)), ['worker', 'meter gateway', 'store']);
    const bare = { engines: [], diskFreeBytes: 1e9 };
    assert.deepEqual(can(sampleNode('a', bare)), ['meter gateway']);
    assert.deepEqual(can({ hello: null }), []);
  });

  it('gives a reason either way', () => {
    for (const { because } of rolesOf(sampleNode('a', { hasBattery: true }))) {
      assert.ok(because.length > 0);
    }
    assert.match(
      rolesOf(sampleNode('a', { hasBattery: true }))
        .map(({ because }) => because)
        .join(),
      /battery is a meter/,
    );
  });
});
