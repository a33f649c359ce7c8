// Says what there is to say, when it is due: hello when it changed, state on change and at most
// once a second, health when it changed, energy in batches. Between those times it does nothing,
// so that an idle agent sleeps.
import { randomUUID } from 'node:crypto';
import {
  type EnergyReading,
  type NodeHealth,
  type NodeHello,
  type NodeState,
  type NodeStatus,
  wireVersion,
} from '@salvage/contract';
import type { Clock } from '@salvage/kit';
import { limits } from './limits.ts';
import type { Link } from './link.ts';
import { energyBatches } from './reports.ts';

export interface ReporterOptions {
  nodeId: string;
  link: Pick<Link, 'connected' | 'publish'>;
  hello(): NodeHello;
  /** Reads memory, load and temperature: asked only when a state goes out. */
  state(): NodeState;
  /** The part of the state whose change is worth a message. */
  engines(): unknown;
  health(): NodeHealth['warnings'];
  takeEnergy(countMax: number): EnergyReading[];
  clock: Clock;
}

export interface Reporter {
  /** Sends what is due. Returns when to look again (monotonic milliseconds). */
  step(): number;
  helloChanged(): void;
  /** After a connect: everything that is said by the clock is said now. */
  sayAll(): void;
  /** A window was closed; `atOnce` when a job has ended with it. */
  energyWaits(atOnce: boolean): void;
  status(state: NodeStatus['state']): void;
  /** Before the end: the last readings. */
  sendEnergy(): void;
}

export function createReporter(options: ReporterOptions): Reporter {
  const { clock, link, nodeId } = options;
  const runId = randomUUID();
  let helloIsDue = true;
  let statePublishedAt = -Infinity;
  let saidEngines = '';
  let saidHealth = '';
  let energyIsWaiting = false;
  let energyDueAt = 0;
  let sequence = 0;

  const sendEnergy = (): void => {
    const readings = options.takeEnergy(limits.energyReadingsPerMessageMax);
    for (const batch of energyBatches(readings)) {
      sequence += 1;
      link.publish('nodeEnergy', { nodeId }, { v: wireVersion, sequence, runId, readings: batch });
    }
    const more = readings.length === limits.energyReadingsPerMessageMax;
    energyIsWaiting = more;
    const wait = more ? limits.tickMilliseconds : limits.energyPublishMilliseconds;
    energyDueAt = clock.monotonicMilliseconds() + wait;
  };
  const sayState = (now: number): number => {
    const engines = JSON.stringify(options.engines());
    const wait =
      engines === saidEngines ? limits.statePublishMilliseconds : limits.tickMilliseconds;
    if (now < statePublishedAt + wait) return statePublishedAt + wait;
    link.publish('nodeState', { nodeId }, options.state());
    statePublishedAt = now;
    saidEngines = engines;
    return now + limits.statePublishMilliseconds;
  };
  const sayHealth = (): void => {
    const warnings = options.health();
    const text = JSON.stringify(warnings);
    if (text === saidHealth) return;
    saidHealth = text;
    link.publish('nodeHealth', { nodeId }, { v: wireVersion, warnings });
  };
  const sayEnergy = (now: number): number => {
    if (!energyIsWaiting || !link.connected) return Infinity;
    if (now >= energyDueAt) sendEnergy();
    return energyIsWaiting ? energyDueAt : Infinity;
  };

  return {
    step: () => {
      const now = clock.monotonicMilliseconds();
      if (helloIsDue) {
        helloIsDue = false;
        link.publish('nodeHello', { nodeId }, options.hello());
      }
      const stateDueAt = sayState(now);
      sayHealth();
      return Math.min(stateDueAt, sayEnergy(now));
    },
    helloChanged: () => {
      helloIsDue = true;
    },
    sayAll: () => {
      helloIsDue = true;
      statePublishedAt = -Infinity;
      energyDueAt = 0;
    },
    energyWaits: (atOnce) => {
      energyIsWaiting = true;
      if (atOnce) energyDueAt = 0;
    },
    status: (state) =>
      link.publish(
        'nodeStatus',
        { nodeId },
        { v: wireVersion, state, since: clock.unixMilliseconds(), wakeExpectedAt: null },
      ),
    sendEnergy,
  };
}
