// What a machine can be in a cluster, from what it says of itself. Advice for people, with the
// reason; nothing is switched on by it. Pure.
import type { NodeRecord } from '../cluster/state.ts';
import { megabytes } from './explain.ts';

export type RoleName = 'worker' | 'hub' | 'meter gateway' | 'store';

export interface RoleAdvice {
  role: RoleName;
  can: boolean;
  because: string;
}

/** A 135M model in Q8_0 with a short context and its engine. */
const workerMemoryBytesMin = 384e6;
/** Broker, planner and gateway are two Node processes and SQLite. */
const hubMemoryBytesMin = 900e6;
const hubDiskBytesMin = 2e9;
/** An agent alone is a Node process of 65 MB. */
const gatewayMemoryBytesMin = 200e6;
const storeDiskBytesMin = 16e9;

type Facts = NonNullable<NodeRecord['hello']>['facts'];

/** Four answers in this order; all are no while the node has not said what it is. */
export function rolesOf(node: Pick<NodeRecord, 'hello'>): RoleAdvice[] {
  if (node.hello === null) {
    const because = 'it has not said what it is';
    const roles: RoleName[] = ['worker', 'hub', 'meter gateway', 'store'];
    return roles.map((role) => ({ role, can: false, because }));
  }
  const { facts, engines } = node.hello;
  const canRun = engines.some(({ name }) => name !== 'rpc-server');
  return [
    worker(facts, canRun),
    hub(facts),
    { role: 'meter gateway', ...meterGateway(facts) },
    store(facts),
  ];
}

function worker(facts: Facts, canRun: boolean): RoleAdvice {
  const memory = megabytes(facts.memoryTotalBytes);
  const say = (can: boolean, because: string): RoleAdvice => ({ role: 'worker', can, because });
  if (!canRun) return say(false, 'it has no engine');
  if (facts.memoryTotalBytes < workerMemoryBytesMin) {
    return say(false, `${memory} of memory hold no model with its engine`);
  }
  const bits = facts.addressBits === 32 ? ', 32-bit: whole models up to 3 GB' : '';
  return say(true, `${cores(facts)} and ${memory} of memory${bits}`);
}

function hub(facts: Facts): RoleAdvice {
  const say = (can: boolean, because: string): RoleAdvice => ({ role: 'hub', can, because });
  const memory = megabytes(facts.memoryTotalBytes);
  const disk = megabytes(facts.diskFreeBytes);
  if (facts.addressBits === 32) return say(false, 'a hub needs a 64-bit system');
  if (facts.memoryTotalBytes < hubMemoryBytesMin) return say(false, `${memory} of memory are few`);
  if (facts.diskFreeBytes < hubDiskBytesMin) return say(false, `${disk} of free disk are few`);
  if (facts.network.length === 0) return say(false, 'it has no network');
  const link = hasWire(facts) ? 'wired' : 'wireless only: a wired one would be better';
  return say(true, `64-bit, ${memory} of memory, ${link}`);
}

function meterGateway(facts: Facts): Omit<RoleAdvice, 'role'> {
  if (facts.network.length === 0) return { can: false, because: 'it has no network' };
  if (facts.memoryTotalBytes < gatewayMemoryBytesMin) {
    return { can: false, because: `${megabytes(facts.memoryTotalBytes)} of memory are few` };
  }
  const battery = facts.hasBattery ? '; its battery is a meter of its own' : '';
  return { can: true, because: `reading plugs takes little: it has network and memory${battery}` };
}

function store(facts: Facts): RoleAdvice {
  const say = (can: boolean, because: string): RoleAdvice => ({ role: 'store', can, because });
  const disk = megabytes(facts.diskFreeBytes);
  if (facts.diskFreeBytes < storeDiskBytesMin) return say(false, `${disk} of free disk are few`);
  if (!hasWire(facts)) return say(false, 'models travel slowly without a wired network');
  return say(true, `${disk} of free disk on a wired network`);
}

function hasWire(facts: Facts): boolean {
  return facts.network.some(({ kind }) => kind === 'wired');
}

function cores({ coresPhysical }: Facts): string {
  return coresPhysical === 1 ? '1 core' : `${coresPhysical} cores`;
}
