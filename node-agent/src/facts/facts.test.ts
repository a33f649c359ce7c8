import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Facts } from '@salvage/contract';
import * as v from 'valibot';
import { architectureOf, hostOf, readFacts } from './facts.ts';
import { readBootId } from './machine.ts';
import { readEngineCpuSeconds } from './processes.ts';
import { readCpuTicks, readVitals, type Vitals } from './vitals.ts';

const rootOf = (machine: string): string =>
  fileURLToPath(new URL(`./fixtures/${machine}`, import.meta.url));
const host = { architecture: 'x64', glibc: '2.41', diskFreeBytes: 1e9 } as const;

function check(machine: string, want: Partial<Facts>): void {
  const facts = readFacts(rootOf(machine), host);
  v.parse(Facts, facts);
  const have = Object.fromEntries(Object.keys(want).map((key) => [key, facts[key as keyof Facts]]));
  assert.deepEqual(have, want);
}

describe('facts of a machine', () => {
  it('reads a laptop with hyper-threads and a battery', () => {
    check('thinkpad-x220', {
      machineVendor: 'LENOVO',
      machineProduct: 'ThinkPad X220',
      cpuName: 'Intel(R) Core(TM) i5-2520M CPU @ 2.50GHz',
      coresPhysical: 2,
      coresLogical: 4,
      cacheLastLevelBytes: 3_145_728,
      memoryTotalBytes: 8_018_204 * 1024,
      distribution: 'Debian GNU/Linux 13 (trixie)',
      kernel: '6.12.48+deb13-amd64',
      hasBattery: true,
      network: [
        {
          name: 'enp0s25',
          kind: 'wired',
          speedMegabits: 1000,
          macAddress: 'f0:de:f1:0a:0b:0c',
        },
        {
          name: 'wlp3s0',
          kind: 'wireless',
          speedMegabits: null,
          macAddress: 'a0:88:b4:01:02:03',
        },
      ],
    });
    assert.ok(readFacts(rootOf('thinkpad-x220'), host).cpuFlags.includes('avx'));
  });

  it('reads a board that has a device tree instead of DMI', () => {
    check('raspberry-pi-4', {
      machineVendor: 'raspberrypi',
      machineProduct: 'Raspberry Pi 4 Model B Rev 1.4',
      cpuName: 'Cortex-A72',
      cpuFlags: ['fp', 'asimd', 'evtstrm', 'crc32', 'cpuid'],
      coresPhysical: 4,
      coresLogical: 4,
      cacheLastLevelBytes: 1_048_576,
      hasBattery: false,
    });
  });

  it('reads a virtual machine without cache folders, topology or a real DMI', () => {
    check('virtual-machine', {
      machineVendor: 'QEMU',
      machineProduct: null,
      cpuName: 'AMD EPYC 7B13',
      coresPhysical: 1,
      coresLogical: 2,
      cacheLastLevelBytes: 524_288,
      distribution: 'Debian GNU/Linux 12 (bookworm)',
      network: [
        { name: 'ens4', kind: 'wired', speedMegabits: null, macAddress: '42:01:0a:80:00:02' },
        { name: 'docker0', kind: 'other', speedMegabits: null, macAddress: '02:42:ac:11:00:01' },
      ],
    });
  });

  it('reads a mini PC, whose mouse’s battery is not its own', () => {
    check('n100-mini-pc', {
      machineVendor: 'AZW',
      machineProduct: 'EQ',
      cpuName: 'Intel(R) N100',
      coresPhysical: 4,
      cacheLastLevelBytes: 6_291_456,
      hasBattery: false,
    });
  });

  it('says little, and nothing false, of an empty root', () => {
    check('no-such-machine', {
      machineVendor: null,
      cpuName: null,
      coresPhysical: 1,
      coresLogical: 1,
      cacheLastLevelBytes: null,
      memoryTotalBytes: 0,
      kernel: 'unknown',
      network: [],
    });
  });

  it('reads the machine it runs on', async () => {
    const facts = v.parse(Facts, readFacts('/', await hostOf('/')));
    assert.ok(facts.coresLogical >= facts.coresPhysical && facts.memoryTotalBytes > 0);
  });

  it('refuses an architecture that no engine runs on', () => {
    assert.equal(architectureOf('arm'), 'armv7l');
    assert.throws(() => architectureOf('mips'), { code: 'SLV_UNSUPPORTED' });
  });
});

describe('vitals', () => {
  const cases: [machine: string, want: Vitals][] = [
    [
      'thinkpad-x220',
      {
        memoryAvailableBytes: 6_210_440 * 1024,
        loadAverage: 0.42,
        temperatureCelsius: 61, // the processor's, though the board's sensor says 97
        throttleCount: 14,
        throttledNow: null,
      },
    ],
    [
      'raspberry-pi-4',
      {
        memoryAvailableBytes: 3_402_112 * 1024,
        loadAverage: 3.98,
        temperatureCelsius: 80.341,
        throttleCount: null,
        throttledNow: true,
      },
    ],
    [
      'no-such-machine',
      {
        memoryAvailableBytes: 0,
        loadAverage: 0,
        temperatureCelsius: null,
        throttleCount: null,
        throttledNow: null,
      },
    ],
  ];
  for (const [machine, want] of cases) {
    it(`reads ${machine}`, () => assert.deepEqual(readVitals(rootOf(machine)), want));
  }

  it('counts waiting for a disk as idle, and time stolen by other machines not at all', () => {
    assert.deepEqual(readCpuTicks(rootOf('virtual-machine')), { busy: 155, total: 9165 });
    assert.equal(readCpuTicks(rootOf('no-such-machine')), null);
  });

  it('reads the boot id and the CPU seconds of child processes', () => {
    assert.equal(readBootId(rootOf('thinkpad-x220')), '0a9d1d5e-9a44-4a3e-8c27-7b1f0de8c1aa');
    assert.ok((readEngineCpuSeconds('/', process.pid) ?? -1) >= 0);
    assert.equal(readEngineCpuSeconds(rootOf('n100-mini-pc'), 1), null);
  });
});
