// The hub door: what agents ask of the planner over HTTPS.
//
//   GET  /join/<token>                  the join script (text/x-shellscript)
//   GET  /join/<token>/pack/<file>      files that the script names with their SHA-256
//   POST /join/enrol                    EnrolRequest -> EnrolAnswer (uses the token up)
//   GET  /store/models/<sha256>         a GGUF, with Range; client certificate of a node required
//
// Errors are HubError with a 4xx or 5xx status.
import * as v from 'valibot';
import { NodeId } from './ids.ts';
import { Name, Text } from './messages/shared.ts';

export const EnrolRequest = v.object({
  token: v.pipe(v.string(), v.maxLength(100)),
  /** What the machine calls itself; the planner makes a free node id of it. */
  name: Name,
  /** SPKI, PEM: the private key never leaves the node. */
  publicKeyPem: v.pipe(v.string(), v.maxLength(4_000)),
  architecture: Name,
});
export type EnrolRequest = v.InferOutput<typeof EnrolRequest>;

export const EnrolAnswer = v.object({
  nodeId: NodeId,
  clusterId: Name,
  caPem: v.pipe(v.string(), v.maxLength(8_000)),
  certificatePem: v.pipe(v.string(), v.maxLength(8_000)),
  mqtt: v.object({ url: Name, user: Name, password: Name }),
  hubUrl: Name,
});
export type EnrolAnswer = v.InferOutput<typeof EnrolAnswer>;

export const HubError = v.object({ code: Name, message: Text, hint: v.optional(Text, '') });
export type HubError = v.InferOutput<typeof HubError>;

/** DNS-SD service types under which broker and planner announce themselves. */
export const serviceTypes = { broker: 'salvage-mqtt', planner: 'salvage-hub' } as const;

/** Ports, unless told otherwise. 11434 is Ollama's, so that its clients find us. */
export const defaultPorts = {
  mqtt: 1883,
  mqttTls: 8883,
  gateway: 11434,
  hub: 11443,
  tunnel: 11435,
} as const;
