// Identifiers that travel in topics. MQTT gives `+`, `#`, `/` and `$` a meaning, and the broker's
// access law compares ids to topic levels letter by letter, so an id holds none of them.
import * as v from 'valibot';

/** Roles that a credential can have; `node` reaches only its own node's topics. */
export const roles = ['planner', 'node', 'home', 'plug', 'operator', 'broker'] as const;
export type Role = (typeof roles)[number];

/** Names that are roles, or words of JavaScript's object prototype, are never node ids. */
const reserved = new Set<string>([
  ...roles,
  ...Object.getOwnPropertyNames(Object.prototype).map((name) => name.toLowerCase()),
]);

/** Lower-case letters, digits and inner hyphens, at most 40: safe in topics and host names. */
export const nodeIdPattern = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

export const NodeId = v.pipe(
  v.string(),
  v.regex(nodeIdPattern, 'a node id is 1-40 lower-case letters, digits and inner hyphens'),
  v.check((id) => !reserved.has(id), 'this name is reserved'),
);
export type NodeId = string;

/** A model variant as people type it, for example `qwen3-0.6b:q8_0`. */
export const ModelId = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9][a-z0-9._-]{0,79}(?::[a-z0-9][a-z0-9._-]{0,31})?$/),
);
export type ModelId = string;

export const JobId = v.pipe(v.string(), v.regex(/^job-[a-z0-9]{8,40}$/));
export type JobId = string;

export const EngineId = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,60}$/));
export type EngineId = string;

/** Lower-case hexadecimal SHA-256. */
export const Sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
export type Sha256 = string;

/** Makes a node id of a host name or of anything people type; `''` when nothing is left. */
export function nodeIdOf(name: string): NodeId {
  const id = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replace(/^-+|-+$/g, '');
  return reserved.has(id) ? `${id}-node` : id;
}
