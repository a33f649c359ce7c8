// Announced by one mDNS socket, found by another: the real protocol on this machine's interfaces.
import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import { serviceTypes } from '@salvage/contract';
import { silentLog } from '@salvage/kit';
import { Bonjour, type Service } from 'bonjour-service';
import { announce } from './announce.ts';

function find(browser: Bonjour, type: string, cluster: string): Promise<Service> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${type} in 20 s`)), 20_000);
    const search = browser.find({ type }, (service) => {
      if ((service.txt as { cluster?: string }).cluster !== cluster) return;
      clearTimeout(timer);
      search.stop();
      resolve(service);
    });
  });
}

describe('the announcement', () => {
  it('names broker and hub with their ports, and the cluster', async () => {
    const clusterId = `test${process.pid}`;
    const browser = new Bonjour();
    const announcement = announce({
      name: 'salvage',
      clusterId,
      mqttPort: 28883,
      hubPort: 21443,
      log: silentLog,
    });
    try {
      const broker = await find(browser, serviceTypes.broker, clusterId);
      const hub = await find(browser, serviceTypes.planner, clusterId);
      assert.deepEqual([broker.port, hub.port], [28883, 21443]);
    } finally {
      announcement.stop();
      browser.destroy();
    }
  });
});
