// The credentials in force, in memory: the broker's own two, and the planner's list. Which entries
// of that list count is decided here, purely.
import type { Credential } from '@salvage/contract';

/** Users that belong to the broker itself: no list from outside adds, changes or removes them. */
const ownUsers = new Set(['planner', 'broker']);
const ownRoles = new Set(['planner', 'broker']);

export interface CredentialBook {
  find(user: string): Credential | null;
  /** All of them, the broker's own first. */
  all(): Credential[];
  /** Replaces the planner's list. */
  replace(listed: readonly Credential[]): BookChange;
}

export interface BookChange {
  /** Users whose credential vanished or changed: their connections no longer stand. */
  revoked: Set<string>;
  /** True when anything at all differs, new users included. */
  any: boolean;
}

export function createCredentialBook(
  own: readonly Credential[],
  listed: readonly Credential[],
): CredentialBook {
  let byUser = byUserOf(listed);
  const ownByUser = byUserOf(own);
  return {
    find: (user) => ownByUser.get(user) ?? byUser.get(user) ?? null,
    all: () => [...ownByUser.values(), ...byUser.values()],
    replace: (next) => {
      const before = byUser;
      byUser = byUserOf(next);
      return compare(before, byUser);
    },
  };
}

/**
 * The entries of a list that may come into force, and what is wrong with the others. A `node`
 * without a node id would read every node's topics, so it is refused rather than narrowed.
 */
export function sortCredentials(listed: readonly Credential[]): {
  accepted: Credential[];
  problems: string[];
} {
  const accepted = new Map<string, Credential>();
  const problems: string[] = [];
  for (const credential of listed) {
    const { user } = credential;
    const reason = refuse(credential, accepted);
    if (reason === null) accepted.set(user, credential);
    else problems.push(`credential ${user}: ${reason}`);
  }
  return { accepted: [...accepted.values()], problems };
}

function refuse(credential: Credential, accepted: ReadonlyMap<string, unknown>): string | null {
  if (ownUsers.has(credential.user)) return 'this name is the broker’s own';
  if (ownRoles.has(credential.role)) return `the role ${credential.role} is the broker’s to give`;
  if (credential.role === 'node' && credential.nodeId === null) return 'a node needs a node id';
  if (accepted.has(credential.user)) return 'listed twice';
  return null;
}

function byUserOf(list: readonly Credential[]): Map<string, Credential> {
  return new Map(list.map((credential) => [credential.user, credential]));
}

function compare(
  before: ReadonlyMap<string, Credential>,
  after: ReadonlyMap<string, Credential>,
): BookChange {
  const revoked = new Set<string>();
  for (const [user, old] of before) {
    const now = after.get(user);
    if (now === undefined || !isSame(old, now)) revoked.add(user);
  }
  const added = [...after.keys()].some((user) => !before.has(user));
  return { revoked, any: added || revoked.size > 0 };
}

function isSame(one: Credential, other: Credential): boolean {
  return one.hash === other.hash && one.role === other.role && one.nodeId === other.nodeId;
}
