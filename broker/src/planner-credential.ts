// The planner's way in. It must exist before anything else does, so the broker makes it at its
// first start and leaves it where only this machine's own user can read it. Delete the file to have
// a new one made.
import { join } from 'node:path';
import type { Credential } from '@salvage/contract';
import {
  hashPassword,
  randomPassword,
  readTextIfAny,
  verifyPassword,
  writeFileWhole,
} from '@salvage/kit';
import type { CredentialStore } from './credential-store.ts';

const user = 'planner';

/** Reads or makes `<state>/keys/planner-mqtt.json` (mode 0600); only its hash goes to SQLite. */
export async function openPlannerCredential(
  state: string,
  store: CredentialStore,
): Promise<Credential> {
  const file = join(state, 'keys', 'planner-mqtt.json');
  const kept = passwordIn(await readTextIfAny(file));
  const password = kept ?? randomPassword();
  let hash = store.plannerHash();
  if (hash === null || !verifyPassword(password, hash)) {
    hash = hashPassword(password);
    store.setPlannerHash(hash);
  }
  if (kept === null) await writeFileWhole(file, `${JSON.stringify({ user, password })}\n`, 0o600);
  return { user, role: 'planner', nodeId: null, hash };
}

/** The password in the file's text; null when there is none to read, and a new one is due. */
function passwordIn(text: string | null): string | null {
  if (text === null) return null;
  try {
    const { password } = JSON.parse(text) as { password?: unknown };
    return typeof password === 'string' && password.length >= 20 ? password : null;
  } catch {
    return null;
  }
}
