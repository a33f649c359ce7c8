// Device profiles and which machine has which. Matching goes by the names a machine gives itself
// and a table of patterns in the data, never by a guess: no match is a fair answer.
// `loadProfiles` is the one edge here; the match is pure.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Facts } from '@salvage/contract';
import { asFailure } from '@salvage/kit';
import * as v from 'valibot';
import type { DeviceProfile } from './device-profile.ts';

/** All that a rule names must hold; what it leaves out may be anything. */
export interface MatchRule {
  product: RegExp | null;
  cpu: RegExp | null;
  hasBattery: boolean | null;
}

export interface KnownDevice extends DeviceProfile {
  match: readonly MatchRule[];
}

const Pattern = v.pipe(
  v.string(),
  v.minLength(3),
  v.maxLength(200),
  v.transform((text) => new RegExp(text)),
);
const Watts = v.pipe(v.number(), v.minValue(0), v.maxValue(5_000));

const KnownDevices = v.object({
  profiles: v.pipe(
    v.array(
      v.object({
        profileId: v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,60}$/)),
        name: v.string(),
        idleWatts: Watts,
        loadWatts: Watts,
        suspendWatts: v.nullable(Watts),
        offWatts: v.nullable(Watts),
        decodeBytesPerSecond: v.nullable(v.pipe(v.number(), v.minValue(1))),
        scope: v.picklist(['wall', 'dc']),
        relativeError: v.pipe(v.number(), v.minValue(0), v.maxValue(0.9)),
        source: v.string(),
        match: v.array(
          v.object({
            product: v.optional(v.nullable(Pattern), null),
            cpu: v.optional(v.nullable(Pattern), null),
            hasBattery: v.optional(v.nullable(v.boolean()), null),
          }),
        ),
      }),
    ),
    v.maxLength(500),
  ),
});

const bundledFile = fileURLToPath(new URL('../../data/device-profiles.json', import.meta.url));

/** The bundled profiles, or those of another file. Rejects with SLV_STATE when it cannot be read. */
export async function loadProfiles(file: string = bundledFile): Promise<KnownDevice[]> {
  try {
    return v.parse(KnownDevices, JSON.parse(await readFile(file, 'utf8'))).profiles;
  } catch (error) {
    throw asFailure(error, 'SLV_STATE', `reading device profiles from ${file}`);
  }
}

/**
 * The profile of this machine, null when none matches. A machine's own name beats a processor's,
 * because watts belong to the machine; in virtual machines neither says anything of watts.
 */
export function matchProfile(
  facts: Pick<Facts, 'machineProduct' | 'cpuName' | 'cpuFlags' | 'hasBattery'>,
  profiles: readonly KnownDevice[],
): KnownDevice | null {
  if (facts.cpuFlags.includes('hypervisor')) return null;
  const fits = (rule: MatchRule): boolean =>
    (rule.product !== null || rule.cpu !== null) &&
    (rule.product === null || rule.product.test(facts.machineProduct ?? '')) &&
    (rule.cpu === null || rule.cpu.test(facts.cpuName ?? '')) &&
    (rule.hasBattery === null || rule.hasBattery === facts.hasBattery);
  const byName = (profile: KnownDevice): boolean =>
    profile.match.some((rule) => rule.product !== null && fits(rule));
  return profiles.find(byName) ?? profiles.find((profile) => profile.match.some(fits)) ?? null;
}
