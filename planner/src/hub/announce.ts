// Announces broker and hub by mDNS (DNS-SD) while they are open to the network, so that cards and
// home automation find them; addresses and ports in the join line are the fall-back.
import { serviceTypes } from '@salvage/contract';
import { type Log, messageOf } from '@salvage/kit';
import { Bonjour } from 'bonjour-service';

export interface Announcement {
  stop(): void;
}

export function announce(options: {
  name: string;
  clusterId: string;
  mqttPort: number;
  hubPort: number;
  log: Log;
}): Announcement {
  const bonjour = new Bonjour({}, (error: unknown) => {
    options.log.warn('announce-failed', { problem: messageOf(error) });
  });
  const txt = { cluster: options.clusterId };
  const publish = (type: string, port: number): void => {
    bonjour.publish({ name: `${options.name} ${options.clusterId}`, type, port, txt });
  };
  publish(serviceTypes.broker, options.mqttPort);
  publish(serviceTypes.planner, options.hubPort);
  return {
    stop: () => bonjour.unpublishAll(() => bonjour.destroy()),
  };
}
