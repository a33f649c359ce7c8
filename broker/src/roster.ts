// The connections that were admitted, so that they can be counted and those of a user ended.
import type { Identity } from './admission.ts';
import type { GuardedConnection } from './guarded-connection.ts';
import { limits } from './limits.ts';

export interface Roster {
  readonly size: number;
  /** Whether one more client may come in; planner and broker always may. */
  hasRoom(identity: Identity): boolean;
  add(connection: GuardedConnection): void;
  /** Ends every connection of these users and says how many there were. */
  disconnect(users: ReadonlySet<string>): number;
}

export function createRoster(): Roster {
  const connections = new Set<GuardedConnection>();
  return {
    get size() {
      return connections.size;
    },
    hasRoom: ({ principal }) =>
      principal.role === 'planner' ||
      principal.role === 'broker' ||
      connections.size < limits.clientsMax,
    add: (connection) => {
      connections.add(connection);
      connection.once('close', () => connections.delete(connection));
    },
    disconnect: (users) => {
      const ended = [...connections].filter(
        ({ identity }) => identity !== null && users.has(identity.user),
      );
      for (const connection of ended) connection.destroy();
      return ended.length;
    },
  };
}
