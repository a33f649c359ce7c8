// Who this node is: what enrolment gave it, in `<state>/identity.json`, readable by its user alone.
// The private key was made here and never leaves.
import { join } from 'node:path';
import { EnrolAnswer } from '@salvage/contract';
import { readTextIfAny, SalvageError, writeFileWhole } from '@salvage/kit';
import * as v from 'valibot';

export const Identity = v.object({
  ...EnrolAnswer.entries,
  keyPem: v.pipe(v.string(), v.maxLength(8_000)),
  /** What the machine was called when it joined. */
  name: v.optional(v.string(), ''),
  /** What a person called it since; newer than any setting. */
  renamed: v.optional(v.nullable(v.string()), null),
});
export type Identity = v.InferOutput<typeof Identity>;

export function identityFileOf(state: string): string {
  return join(state, 'identity.json');
}

/** Null before the first enrolment. Throws SLV_STATE when the file is damaged or unreadable. */
export async function readIdentity(state: string): Promise<Identity | null> {
  const file = identityFileOf(state);
  let saved: unknown;
  try {
    const text = await readTextIfAny(file);
    if (text === null) return null;
    saved = JSON.parse(text);
  } catch (error) {
    throw damaged(file, error);
  }
  const checked = v.safeParse(Identity, saved);
  if (!checked.success) throw damaged(file, checked.issues[0]);
  return checked.output;
}

/** The identity of a node that must have one. Throws SLV_STATE. */
export async function requireIdentity(state: string): Promise<Identity> {
  const identity = await readIdentity(state);
  if (identity !== null) return identity;
  throw new SalvageError('SLV_STATE', `this machine has not joined a cluster (no ${state})`, {
    hint: 'make a join line on the hub with: salvage token create; then run it here',
  });
}

export async function saveIdentity(state: string, identity: Identity): Promise<void> {
  const text = `${JSON.stringify(identity, null, 1)}\n`;
  try {
    await writeFileWhole(identityFileOf(state), text, 0o600);
  } catch (error) {
    throw new SalvageError('SLV_STATE', `cannot write ${identityFileOf(state)}`, { cause: error });
  }
}

function damaged(file: string, cause: unknown): SalvageError {
  return new SalvageError('SLV_STATE', `cannot read ${file}`, {
    hint: 'join this node again: its file is damaged, or belongs to another user',
    cause,
  });
}
