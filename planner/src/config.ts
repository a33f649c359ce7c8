// The planner's settings, parsed once in main.
import { defaultPorts } from '@salvage/contract';
import * as v from 'valibot';

const Port = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65535));

export const PlannerConfig = v.object({
  state: v.string(),
  cache: v.string(),
  mqttUrl: v.optional(v.string(), `mqtt://127.0.0.1:${defaultPorts.mqtt}`),
  gatewayPort: v.optional(Port, defaultPorts.gateway),
  hubPort: v.optional(Port, defaultPorts.hub),
  /** Where the hub's TLS door listens once a token exists. */
  hubHost: v.optional(v.string(), '0.0.0.0'),
  brokerTlsPort: v.optional(Port, defaultPorts.mqttTls),
  /** True never opens a door to the network, token or not. */
  local: v.optional(v.boolean(), false),
  /** Addresses that other machines reach this one at; empty: those of its interfaces. */
  addresses: v.optional(v.array(v.string()), []),
  /** Name under which the hub announces itself by mDNS; empty: it does not. */
  announce: v.optional(v.string(), 'salvage'),
  speedFloorTokensPerSecond: v.optional(v.pipe(v.number(), v.minValue(0)), 1),
  contextTokens: v.optional(v.pipe(v.number(), v.integer(), v.minValue(64)), 4096),
  logLevel: v.optional(v.picklist(['debug', 'info', 'warn', 'error']), 'info'),
});
export type PlannerConfig = v.InferOutput<typeof PlannerConfig>;

/** Environment variable -> setting. */
export const plannerEnvironment = {
  SALVAGE_MQTT_URL: 'mqttUrl',
  SALVAGE_GATEWAY_PORT: 'gatewayPort',
  SALVAGE_HUB_PORT: 'hubPort',
  SALVAGE_LOCAL: 'local',
  SALVAGE_LOG_LEVEL: 'logLevel',
} as const;
