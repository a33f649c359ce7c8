// The broker program's settings: defaults < environment < flags.
import { parseArgs } from 'node:util';
import { defaultPorts } from '@salvage/contract';
import { foldersOf, loadConfig, messageOf, SalvageError } from '@salvage/kit';
import * as v from 'valibot';
import { serverNames } from './server.ts';

const Port = v.pipe(v.number('a port is a number'), v.integer(), v.minValue(0), v.maxValue(65535));

const BrokerConfig = v.object({
  state: v.pipe(v.string(), v.minLength(1)),
  host: v.optional(v.string(), '127.0.0.1'),
  port: v.optional(Port, defaultPorts.mqtt),
  tlsHost: v.optional(v.string(), '0.0.0.0'),
  tlsPort: v.optional(Port, defaultPorts.mqttTls),
  server: v.optional(v.picklist(serverNames), 'aedes'),
  logLevel: v.optional(v.picklist(['debug', 'info', 'warn', 'error']), 'info'),
});
export type BrokerConfig = v.InferOutput<typeof BrokerConfig>;

/** Reads flags and environment. Throws SLV_CONFIG with every problem. */
export function readSettings(
  args: string[],
  environment: Record<string, string | undefined>,
  home: string,
): BrokerConfig {
  const flags = parseFlags(args);
  return loadConfig(BrokerConfig, {
    file: null,
    environment,
    environmentKeys: { SALVAGE_BROKER_SERVER: 'server', SALVAGE_LOG_LEVEL: 'logLevel' },
    flags: {
      state: flags.state ?? foldersOf(environment, home).state,
      host: flags.host,
      port: numberOf(flags.port),
      tlsHost: flags['tls-host'],
      tlsPort: numberOf(flags['tls-port']),
      server: flags.server,
      logLevel: flags['log-level'],
    },
  });
}

function parseFlags(args: string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args,
      options: {
        state: text,
        host: text,
        port: text,
        'tls-host': text,
        'tls-port': text,
        server: text,
        'log-level': text,
      },
    }).values;
  } catch (error) {
    throw new SalvageError('SLV_CONFIG', messageOf(error));
  }
}

/** What is no number stays text, so that the schema says what is wrong with it. */
function numberOf(text: string | undefined): number | string | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : text;
}
