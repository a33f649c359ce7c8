import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sampleCard, sampleNode } from '../placement/sample-cluster.ts';
import { energyOf } from './energy.ts';
import { addressBytesMax, kvBytesPerToken, memoryOf, reserveBytes } from './memory.ts';
import { priceOf } from './price.ts';
import { loadProfiles, matchProfile } from './profiles.ts';
import { speedOf } from './speed.ts';

const model = sampleCard();
const profiles = await loadProfiles();
const pi4 = profiles.find(({ profileId }) => profileId === 'rpi-4b');
assert.ok(pi4);

describe('memory', () => {
  it('is weights, KV cache and compute buffers', () => {
    const llama8b = { layers: 32, headsKv: 8, headSizeKey: 128, headSizeValue: 128 };
    assert.equal(kvBytesPerToken(llama8b), 131_072);
    const shape = { ...llama8b, bytes: 4.92e9, width: 4_096, vocabulary: 128_256 };
    const need = memoryOf(shape, { contextTokens: 4_096, parallel: 1 });
    assert.equal(need.kvBytes, 512 * 1024 * 1024);
    assert.equal(need.totalBytes, need.weightsBytes + need.kvBytes + need.computeBytes);
    // llama.cpp prints a CPU compute buffer of about 260 MiB for this model; never below it.
    assert.ok(need.computeBytes > 260 * 1024 * 1024 && need.computeBytes < 500 * 1024 * 1024);
    const four = memoryOf(shape, { contextTokens: 4_096, parallel: 4 });
    assert.equal(four.kvBytes, 4 * need.kvBytes);
  });

  it('leaves the system its part, within bounds', () => {
    assert.equal(reserveBytes(256e6), 64 * 1024 * 1024);
    assert.equal(reserveBytes(4e9), 6e8);
    assert.equal(reserveBytes(64e9), 1024 * 1024 * 1024);
    assert.ok(addressBytesMax({ addressBits: 32 }) < 3.1e9);
  });
});

describe('speed', () => {
  it('follows the measured bandwidth, and is wider the less was measured', () => {
    const full = speedOf(model, sampleNode('a', { bytesPerSecond: 10e9 }), null);
    const quick = speedOf(model, sampleNode('b', { bytesPerSecond: 10e9, kind: 'quick' }), null);
    const cached = speedOf(model, sampleNode('c', { bytesPerSecond: 10e9, inCache: true }), null);
    assert.ok(full && quick && cached);
    assert.equal(full.basis, 'measured');
    const ideal = 10e9 / model.bytesPerToken;
    assert.ok(full.decode.value < ideal && full.decode.value > 0.9 * ideal);
    for (const speed of [full, quick, cached]) {
      assert.ok(speed.decode.low < speed.decode.value && speed.decode.value < speed.decode.high);
      assert.ok(speed.prompt.low < speed.prompt.value && speed.prompt.value < speed.prompt.high);
    }
    assert.ok(quick.decode.low < full.decode.low && quick.decode.high > full.decode.high);
    assert.ok(cached.decode.low < quick.decode.low);
  });

  it('comes from a profile, else from a guess, and never from nothing', () => {
    const node = sampleNode('a', { bytesPerSecond: null });
    const known = speedOf(model, node, pi4);
    const guess = speedOf(model, node, null);
    assert.equal(known?.basis, 'profile');
    assert.equal(guess?.basis, 'guess');
    assert.ok(guess && guess.decode.high / guess.decode.low > 5);
    assert.equal(speedOf(model, { hello: null }, pi4), null);
  });

  it('reproduces published speeds from the profiles', () => {
    // Llama 3.2 3B Q4_K_M is a file of 2.008 GB: 1.6 tokens/s at 6 W on a Pi 400.
    const llama = { ...model, bytes: 2.008e9, bytesPerToken: 2.008e9, layers: 28 };
    const pi400 = profiles.find(({ profileId }) => profileId === 'rpi-400') ?? null;
    const speed = speedOf(llama, sampleNode('a', { bytesPerSecond: null }), pi400);
    assert.ok(speed && Math.abs(speed.decode.value - 1.6) < 0.05);
    const energy = energyOf(speed.decode, pi400, 'Pi 400');
    assert.ok(energy.joulesPerToken && Math.abs(energy.joulesPerToken.value - 3.75) < 0.2);
  });
});

describe('energy', () => {
  it('is an interval with a profile and null with a reason without', () => {
    const decode = { value: 2, low: 1, high: 4 };
    const energy = energyOf(decode, { ...pi4, loadWatts: 10, relativeError: 0.1 }, 'x');
    assert.deepEqual(energy.joulesPerToken, { value: 5, low: 2.25, high: 11 });
    const none = energyOf(decode, null, 'LENOVO ThinkPad X999');
    assert.equal(none.joulesPerToken, null);
    assert.match(none.joulesNullBecause ?? '', /no device profile matches LENOVO ThinkPad X999/);
  });

  it('is priced with the seconds until it is ready', () => {
    const node = sampleNode('a', { bytesPerSecond: 10e9 });
    const candidate = {
      kind: 'whole' as const,
      modelId: model.modelId,
      head: 'a',
      workers: [],
      layers: [],
      engine: 'binding' as const,
      contextTokens: 1_024,
      parallel: 1,
      threads: 0,
    };
    const request = { candidate, model, node, profile: null, memoryFreeBytes: 1e9 };
    const far = priceOf({ ...request, isRunning: false });
    assert.ok(node.state);
    const state = { ...node.state, cache: { ...node.state.cache, models: [model.sha256] } };
    const cached = priceOf({ ...request, node: { ...node, state }, isRunning: false });
    const ready = priceOf({ ...request, isRunning: true });
    assert.ok(far && cached && ready);
    assert.ok(far.loadSeconds > cached.loadSeconds && cached.loadSeconds > 0);
    assert.equal(ready.loadSeconds, 0);
    assert.ok(ready.cpuSecondsPerToken > 0);
  });
});

describe('device profiles', () => {
  const match = (over: Partial<Parameters<typeof matchProfile>[0]>): string | null => {
    const nothing = { machineProduct: null, cpuName: null, cpuFlags: [], hasBattery: false };
    return matchProfile({ ...nothing, ...over }, profiles)?.profileId ?? null;
  };

  it('are all there, with watts, errors and sources', () => {
    assert.equal(profiles.length, 27);
    assert.equal(new Set(profiles.map(({ profileId }) => profileId)).size, 27);
    for (const profile of profiles) {
      assert.ok(profile.loadWatts >= profile.idleWatts, profile.profileId);
      assert.ok([0.1, 0.4].includes(profile.relativeError), profile.profileId);
      assert.ok(profile.source.length > 0 && profile.source.length <= 200, profile.profileId);
    }
  });

  it('match by the names that machines give themselves', () => {
    const cases: [string, Partial<Parameters<typeof matchProfile>[0]>][] = [
      ['rpi-zero-2w', { machineProduct: 'Raspberry Pi Zero 2 W Rev 1.0' }],
      ['rpi-3b', { machineProduct: 'Raspberry Pi 3 Model B Rev 1.2' }],
      ['rpi-3b-plus', { machineProduct: 'Raspberry Pi 3 Model B Plus Rev 1.3' }],
      ['rpi-4b', { machineProduct: 'Raspberry Pi 4 Model B Rev 1.4' }],
      ['rpi-5', { machineProduct: 'Raspberry Pi 5 Model B Rev 1.0' }],
      ['rpi-5', { machineProduct: 'Raspberry Pi Compute Module 5 Rev 1.0' }],
      ['orange-pi-5', { machineProduct: 'Xunlong Orange Pi 5' }],
      ['thinkpad-x220', { machineProduct: 'ThinkPad X220', hasBattery: true }],
      ['macbook-pro-13-2011', { machineProduct: 'MacBookPro8,1', hasBattery: true }],
      ['n100-mini', { machineProduct: 'EQ', cpuName: 'Intel(R) N100' }],
      ['desktop-i5-6500-ddr3', { cpuName: 'Intel(R) Core(TM) i5-6500 CPU @ 3.20GHz' }],
    ];
    for (const [profileId, facts] of cases) assert.equal(match(facts), profileId);
  });

  it('do not match by likeness, nor in virtual machines', () => {
    for (const machineProduct of [
      'Raspberry Pi 4',
      'Raspberry Pi Compute Module 4 Rev 1.0',
      'Orange Pi 5 Plus',
      'ThinkPad X220 Tablet',
      'ThinkPad T420s',
      'MacBookPro8,2',
      '',
    ]) {
      assert.equal(match({ machineProduct }), null, machineProduct);
    }
    assert.equal(match({ cpuName: 'Intel(R) N100', cpuFlags: ['hypervisor'] }), null);
    assert.equal(match({ cpuName: 'Intel(R) N100', hasBattery: true }), null);
    assert.equal(match({ cpuName: 'Intel(R) Core(TM) i5-6500T CPU @ 2.50GHz' }), null);
  });
});
