// The nodes that belong to this cluster: credential (hashed), name, drained or not. What a node is
// and does comes from its retained messages; this file is only what people and enrolment decided.
import { type Credential, nodeIdOf } from '@salvage/contract';
import {
  createTurns,
  hashPassword,
  readTextIfAny,
  SalvageError,
  writeFileWhole,
} from '@salvage/kit';
import { limits } from '../limits.ts';

export interface RegisteredNode {
  nodeId: string;
  name: string;
  hash: string;
  drained: boolean;
  enrolledAt: number;
  /** True for the agent that `salvage up` runs beside the planner: it needs no open door. */
  local: boolean;
}

export interface NodeRegister {
  clusterId: string;
  list(): RegisteredNode[];
  get(nodeId: string): RegisteredNode | null;
  /** Takes a node in under a free id made of its name; `password` is kept as a hash. */
  enrol(request: {
    name: string;
    password: string;
    now: number;
    local: boolean;
  }): Promise<RegisteredNode>;
  update(nodeId: string, change: Partial<Pick<RegisteredNode, 'name' | 'drained'>>): Promise<void>;
  remove(nodeId: string): Promise<void>;
  credentials(): Credential[];
}

/** Ids of removed nodes are not given out again: their certificates are good for decades. */
const retiredMax = 10_000;

export async function openNodeRegister(
  file: string,
  newClusterId: () => string,
): Promise<NodeRegister> {
  const saved = parse(await readTextIfAny(file));
  const clusterId = saved?.clusterId ?? newClusterId();
  const nodes = new Map((saved?.nodes ?? []).map((node) => [node.nodeId, node]));
  let retired = saved?.retired ?? [];
  const inTurn = createTurns();
  const save = (): Promise<void> =>
    inTurn(() => {
      const all = { clusterId, nodes: [...nodes.values()], retired };
      return writeFileWhole(file, `${JSON.stringify(all, null, 1)}\n`);
    });
  if (saved === null) await save();
  const known = (nodeId: string): RegisteredNode => {
    const node = nodes.get(nodeId);
    if (node === undefined)
      throw new SalvageError('SLV_NODE_UNKNOWN', `there is no node ${nodeId}`);
    return node;
  };
  return {
    clusterId,
    list: () => [...nodes.values()],
    get: (nodeId) => nodes.get(nodeId) ?? null,
    enrol: async ({ name, password, now, local }) => {
      if (nodes.size >= limits.nodesMax) {
        throw new SalvageError('SLV_TOKEN', `this cluster has ${nodes.size} nodes, its bound`, {
          hint: 'remove nodes that are gone: salvage nodes remove NODE',
        });
      }
      const nodeId = freeId(nodeIdOf(name) || 'machine', new Set([...nodes.keys(), ...retired]));
      const node = {
        nodeId,
        name: name.slice(0, 60) || nodeId,
        hash: hashPassword(password),
        drained: false,
        enrolledAt: now,
        local,
      };
      nodes.set(nodeId, node);
      await save();
      return node;
    },
    update: async (nodeId, change) => {
      nodes.set(nodeId, { ...known(nodeId), ...change });
      await save();
    },
    remove: async (nodeId) => {
      known(nodeId);
      nodes.delete(nodeId);
      retired = [...retired, nodeId].slice(-retiredMax);
      await save();
    },
    credentials: () =>
      [...nodes.values()].map(({ nodeId, hash }) => ({ user: nodeId, role: 'node', nodeId, hash })),
  };
}

function freeId(wish: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number += 1) {
    const id = number === 1 ? wish : `${wish.slice(0, 36)}-${number}`;
    if (!taken.has(id)) return id;
  }
}

interface Saved {
  clusterId: string;
  nodes: RegisteredNode[];
  retired?: string[];
}

function parse(text: string | null): Saved | null {
  if (text === null) return null;
  try {
    return JSON.parse(text) as Saved;
  } catch (error) {
    throw new SalvageError('SLV_STATE', 'nodes.json is not JSON', {
      hint: 'restore it from a backup, or start afresh: salvage reset',
      cause: error,
    });
  }
}
