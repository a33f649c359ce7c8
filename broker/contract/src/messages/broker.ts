// What planner and broker tell each other: who may connect and which doors are open (a retained,
// whole document, like every other wish), and what the broker is.
import * as v from 'valibot';
import { NodeId, roles } from '../ids.ts';
import { Count, Name, PortNumber, Text, Time, Version } from './shared.ts';

/**
 * One credential. The hash is PBKDF2-SHA512 as Mosquitto writes it:
 * `$7$<iterations>$<salt, base64>$<hash, base64>` (mosquitto_passwd(1)).
 */
export const Credential = v.object({
  user: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,39}$/)),
  role: v.picklist(roles),
  /** The node whose topics a `node` reaches; null for the other roles. */
  nodeId: v.nullable(NodeId),
  hash: v.pipe(v.string(), v.regex(/^\$7\$\d{1,7}\$[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+$/)),
});
export type Credential = v.InferOutput<typeof Credential>;

export const BrokerDesired = v.object({
  v: Version,
  revision: Count,
  /** True opens the TLS door to the network; false keeps everything on loopback. */
  lanOpen: v.boolean(),
  credentials: v.pipe(v.array(Credential), v.maxLength(500)),
});
export type BrokerDesired = v.InferOutput<typeof BrokerDesired>;

export const BrokerStatus = v.object({
  v: Version,
  state: v.picklist(['online', 'offline']),
  server: v.picklist(['aedes', 'mosquitto']),
  version: Name,
  since: v.nullable(Time),
  desiredRevision: Count,
  /** Where the TLS door listens, null while it is closed. */
  tls: v.nullable(v.object({ address: Name, port: PortNumber })),
  problem: v.nullable(Text),
});
export type BrokerStatus = v.InferOutput<typeof BrokerStatus>;
