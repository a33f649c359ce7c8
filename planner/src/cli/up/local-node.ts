// The agent of this machine: enrolled once through the hub's own door, like any other node, but by
// a token that opens nothing to the network.
import { execFile } from 'node:child_process';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readTextIfAny, SalvageError } from '@salvage/kit';
import type { OperatorClient } from '../../operator/client.ts';

const run = promisify(execFile);
const tree = fileURLToPath(new URL('../../../..', import.meta.url));
export const agentModule = join('node-agent', 'src', 'main.ts');

/** Enrols this machine unless it is a node of this cluster already; returns its node id. */
export async function enrolThisMachine(options: {
  operator: OperatorClient;
  agentState: string;
  hubPort: number;
  pin: string;
}): Promise<string> {
  const known = nodeIdOfIdentity(await readTextIfAny(join(options.agentState, 'identity.json')));
  const { nodes } = await options.operator.status();
  if (known !== null && nodes.some((node) => node.nodeId === known)) return known;
  const { token } = await options.operator.createToken({
    for: 'node',
    name: 'this machine',
    expiresSeconds: 300,
    local: true,
  });
  const args = [
    '--import',
    import.meta.resolve('tsx'),
    join(tree, agentModule),
    'enrol',
    ...['--state', options.agentState],
    ...['--hub', `https://127.0.0.1:${options.hubPort}`],
    ...['--pin', options.pin],
    ...['--token', token],
    ...['--name', hostname()],
    '--again',
  ];
  try {
    await run(process.execPath, args, { cwd: tree, timeout: 30_000 });
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    throw new SalvageError('SLV_STATE', `this machine could not enrol:\n${stderr ?? ''}`, {
      hint: 'start afresh: salvage reset',
      cause: error,
    });
  }
  const nodeId = nodeIdOfIdentity(await readTextIfAny(join(options.agentState, 'identity.json')));
  if (nodeId === null) throw new SalvageError('SLV_STATE', 'enrolment left no identity');
  return nodeId;
}

function nodeIdOfIdentity(text: string | null): string | null {
  try {
    const { nodeId } = JSON.parse(text ?? 'null') as { nodeId?: string };
    return nodeId ?? null;
  } catch {
    return null; // absent or unreadable: enrolled anew
  }
}
