// The operator's key: made at the first start, readable by the user who runs the planner alone.
import { readTextIfAny, writeFileWhole } from '@salvage/kit';

export async function openOperatorKey(
  file: string,
  random: (bytes: number) => Uint8Array,
): Promise<string> {
  const saved = (await readTextIfAny(file))?.trim();
  if (saved) return saved;
  const key = `salvage-operator-${Buffer.from(random(24)).toString('base64url')}`;
  await writeFileWhole(file, `${key}\n`);
  return key;
}
