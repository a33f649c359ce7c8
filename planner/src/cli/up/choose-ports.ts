// The ports of one cluster on one machine. Machines that joined remember them, so the ones of the
// last run come first; a taken one is replaced by the next free one, and said with its holder.
import { createServer } from 'node:net';
import { join } from 'node:path';
import { defaultPorts } from '@salvage/contract';
import { readTextIfAny, SalvageError, writeFileWhole } from '@salvage/kit';
import { portHolder } from './port-holder.ts';

export type PortName = keyof typeof defaultPorts;
export type Ports = Record<PortName, number>;

export interface Moved {
  name: PortName;
  wanted: number;
  holder: string;
  used: number;
}

const attemptsMax = 50;
const remembered: readonly PortName[] = ['hub', 'mqttTls'];

/** Finds a free port for each name; what was asked for by flag must be free. */
export async function choosePorts(
  state: string,
  asked: Partial<Ports>,
): Promise<{ ports: Ports; moved: Moved[] }> {
  const file = join(state, 'ports.json');
  const saved = parse(await readTextIfAny(file));
  const ports: Ports = { ...defaultPorts };
  const moved: Moved[] = [];
  const given = new Set<number>();
  for (const name of Object.keys(defaultPorts) as PortName[]) {
    const fixed = asked[name];
    const wanted = fixed ?? saved[name] ?? defaultPorts[name];
    const used = await firstFree(wanted, fixed !== undefined, given);
    given.add(used);
    ports[name] = used;
    if (used !== wanted) {
      moved.push({ name, wanted, holder: portHolder(wanted) ?? 'another program', used });
    }
  }
  // Only what machines that joined know, and nothing that was asked for once.
  const kept = remembered.filter((name) => asked[name] === undefined);
  const next = { ...saved, ...Object.fromEntries(kept.map((name) => [name, ports[name]])) };
  await writeFileWhole(file, `${JSON.stringify(next)}\n`);
  return { ports, moved };
}

async function firstFree(wanted: number, fixed: boolean, given: Set<number>): Promise<number> {
  if (wanted === 0) return isFree(0);
  for (let port = wanted; port < Math.min(65_536, wanted + attemptsMax); port += 1) {
    if (!given.has(port) && (await isFree(port)) !== 0) return port;
    if (fixed) {
      throw new SalvageError(
        'SLV_PORT_TAKEN',
        `port ${port} is held by ${portHolder(port) ?? 'another program'}`,
      );
    }
  }
  throw new SalvageError('SLV_PORT_TAKEN', `no port from ${wanted} on is free`);
}

/** The port that could be bound on every address (0 asks for any), or 0 when it is taken. */
function isFree(port: number): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(0));
    server.listen(port, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(bound));
    });
  });
}

function parse(text: string | null): Partial<Ports> {
  try {
    const saved = text === null ? {} : (JSON.parse(text) as Record<string, unknown>);
    return Object.fromEntries(
      Object.entries(saved).filter(
        ([name, port]) =>
          remembered.some((one) => one === name) && Number.isInteger(port) && (port as number) > 0,
      ),
    ) as Partial<Ports>;
  } catch {
    return {};
  }
}
