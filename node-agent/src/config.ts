// The agent's settings, parsed once in main and handed down: defaults < `<state>/agent.json` <
// environment < flags.
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultPorts } from '@salvage/contract';
import { foldersOf, loadConfig, messageOf, SalvageError } from '@salvage/kit';
import * as v from 'valibot';

const Whole = v.pipe(
  v.union([
    v.number(),
    v.pipe(v.string(), v.regex(/^\d+$/, 'a whole number'), v.transform(Number)),
  ]),
  v.number(),
  v.integer(),
  v.minValue(0),
);
/** The environment turns `123` into a number; a machine may be called that. */
const Words = v.pipe(
  v.union([v.string(), v.pipe(v.number(), v.transform(String))]),
  v.string(),
  v.minLength(1),
  v.maxLength(200),
);
/** Several, or one text with commas, as the environment has it. */
const Addresses = v.pipe(
  v.union([
    v.array(Words),
    v.pipe(
      Words,
      v.transform((text) => text.split(',')),
    ),
  ]),
  v.array(v.pipe(v.string(), v.trim(), v.minLength(1))),
  v.maxLength(8),
);

export const AgentConfig = v.object({
  state: v.string(),
  cache: v.string(),
  name: v.optional(v.nullable(Words), null),
  /** A folder of this machine's planner that holds models: nothing is copied out of it. */
  localStore: v.optional(v.nullable(v.string()), null),
  /** True keeps the tunnel on loopback. */
  local: v.optional(v.boolean(), false),
  tunnelHost: v.optional(v.nullable(Words), null),
  /** Null: 11435, or a free one when that is taken. */
  tunnelPort: v.optional(v.nullable(v.pipe(Whole, v.maxValue(65535))), null),
  addresses: v.optional(Addresses, []),
  /** At most this many threads in an engine; 0 leaves it to the benchmark. */
  threads: v.optional(Whole, 0),
  /** Null: a share of the disk that is free. */
  cacheLimitBytes: v.optional(v.nullable(Whole), null),
  logLevel: v.optional(v.picklist(['debug', 'info', 'warn', 'error']), 'info'),
  /** Root of /proc and /sys, for fixture trees. */
  root: v.optional(v.string(), '/'),
  /** Instead of the address that came with the enrolment. */
  mqttUrl: v.optional(
    v.nullable(
      v.pipe(v.string(), v.regex(/^mqtts?:\/\/./, 'mqtt://HOST:PORT or mqtts://HOST:PORT')),
    ),
    null,
  ),
});
export type AgentConfig = v.InferOutput<typeof AgentConfig>;

/** Environment variable -> setting. State and cache are read by kit's `foldersOf`. */
const agentEnvironment = {
  SALVAGE_NAME: 'name',
  SALVAGE_LOCAL: 'local',
  SALVAGE_LOCAL_STORE: 'localStore',
  SALVAGE_TUNNEL_HOST: 'tunnelHost',
  SALVAGE_TUNNEL_PORT: 'tunnelPort',
  SALVAGE_ADDRESS: 'addresses',
  SALVAGE_THREADS: 'threads',
  SALVAGE_CACHE_LIMIT_BYTES: 'cacheLimitBytes',
  SALVAGE_LOG_LEVEL: 'logLevel',
  SALVAGE_ROOT: 'root',
  SALVAGE_MQTT_URL: 'mqttUrl',
} as const;

const text = { type: 'string' } as const;
const yes = { type: 'boolean' } as const;

const runOptions = {
  state: text,
  cache: text,
  name: text,
  'local-store': text,
  local: yes,
  'tunnel-host': text,
  'tunnel-port': text,
  address: { type: 'string', multiple: true },
  threads: text,
  'cache-limit-bytes': text,
  'log-level': text,
  root: text,
  'mqtt-url': text,
} as const;

const enrolOptions = {
  state: text,
  name: text,
  hub: text,
  pin: text,
  token: text,
  again: yes,
} as const;

type Environment = Record<string, string | undefined>;

/** `run`'s arguments and the environment as settings. Throws SLV_CONFIG. */
export function runConfigOf(args: string[], environment: Environment): AgentConfig {
  const flags = flagsOf(() => parseArgs({ args, options: runOptions, strict: true }).values);
  const folders = foldersOf(environment, homedir());
  const state = flags.state ?? folders.state;
  return loadConfig(AgentConfig, {
    file: join(state, 'agent.json'),
    environment,
    environmentKeys: agentEnvironment,
    flags: {
      state,
      cache: flags.cache ?? folders.cache,
      name: flags.name,
      localStore: flags['local-store'],
      local: flags.local,
      tunnelHost: flags['tunnel-host'],
      tunnelPort: flags['tunnel-port'],
      addresses: flags.address,
      threads: flags.threads,
      cacheLimitBytes: flags['cache-limit-bytes'],
      logLevel: flags['log-level'],
      root: flags.root,
      mqttUrl: flags['mqtt-url'],
    },
  });
}

const EnrolConfig = v.object({
  state: v.string(),
  name: Words,
  hub: v.pipe(v.string('give the hub’s address: --hub https://HOST:PORT'), v.regex(/^https:\/\//)),
  pin: v.pipe(
    v.string('give the hub’s key: --pin sha256//…'),
    v.regex(/^sha256\/\/[A-Za-z0-9+/]{43}=$/, 'a pin is sha256// and 44 letters of base64'),
  ),
  token: v.pipe(v.string('give the join token: --token …'), v.minLength(1), v.maxLength(100)),
  again: v.optional(v.boolean(), false),
});
type EnrolConfig = v.InferOutput<typeof EnrolConfig>;

/** `enrol`'s arguments as settings. Throws SLV_CONFIG. */
export function enrolConfigOf(args: string[], environment: Environment): EnrolConfig {
  const flags = flagsOf(() => parseArgs({ args, options: enrolOptions, strict: true }).values);
  return loadConfig(EnrolConfig, {
    file: null,
    environment,
    environmentKeys: { SALVAGE_NAME: 'name' },
    flags: {
      ...flags,
      state: flags.state ?? foldersOf(environment, homedir()).state,
      name: flags.name ?? (environment['SALVAGE_NAME'] ? undefined : hostname()),
    },
  });
}

/** The first port to try for the tunnel, and whether another one will do. */
export function tunnelPortOf(config: AgentConfig): { port: number; fixed: boolean } {
  return config.tunnelPort === null
    ? { port: defaultPorts.tunnel, fixed: false }
    : { port: config.tunnelPort, fixed: true };
}

function flagsOf<Flags>(parse: () => Flags): Flags {
  try {
    return parse();
  } catch (error) {
    throw new SalvageError('SLV_CONFIG', messageOf(error), { hint: 'see salvage-agent --help' });
  }
}
