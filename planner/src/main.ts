// The planner's process: settings, then one running planner, then signals.
import { homedir } from 'node:os';
import { parseArgs } from 'node:util';
import {
  describeFailure,
  dieWithParent,
  foldersOf,
  loadConfig,
  messageOf,
  SalvageError,
} from '@salvage/kit';
import { PlannerConfig, plannerEnvironment } from './config.ts';
import { startPlanner } from './planner.ts';

/** Runs until SIGTERM or SIGINT. */
async function plannerMain(flags: Record<string, unknown>): Promise<void> {
  dieWithParent();
  const folders = foldersOf(process.env, homedir());
  const config = loadConfig(PlannerConfig, {
    file: null,
    environment: process.env,
    environmentKeys: plannerEnvironment,
    flags: { ...folders, ...flags },
  });
  const planner = await startPlanner(config);
  process.send?.({ ready: true, gatewayPort: planner.gatewayPort, hubPort: planner.hubPort });
  const stop = (): void => {
    void planner.stop().finally(() => process.exit(0));
    setTimeout(() => process.exit(0), 5_000).unref();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

const help = `salvage planner: planner, gateway and hub of a cluster

  --state DIR             keys, nodes, tokens, ledger (SALVAGE_STATE)
  --cache DIR             models and join packs (SALVAGE_CACHE)
  --mqtt-url URL          the broker; mqtt://127.0.0.1:1883 (SALVAGE_MQTT_URL)
  --gateway-port PORT     HTTP for clients on loopback; 11434 (SALVAGE_GATEWAY_PORT)
  --hub-port PORT         HTTPS for nodes and for clients with a key; 11443 (SALVAGE_HUB_PORT)
  --hub-host ADDRESS      where it listens once a token exists; 0.0.0.0
  --broker-tls-port PORT  where joined nodes reach the broker; 8883
  --address ADDRESS       how other machines reach this one; may be repeated
  --announce NAME         name in mDNS; empty for none
  --context N             context of new placements in tokens; 4096
  --local                 never open a door to the network (SALVAGE_LOCAL)
  --log-level LEVEL       debug, info, warn or error (SALVAGE_LOG_LEVEL)
`;

/** Wrong options are SLV_CONFIG, as wrong settings are. */
function settingsOf(argv: string[]): Record<string, unknown> {
  try {
    return flagsOf(argv);
  } catch (error) {
    throw new SalvageError('SLV_CONFIG', messageOf(error), { hint: 'see salvage planner --help' });
  }
}

function flagsOf(argv: string[]): Record<string, unknown> {
  const { values } = parseArgs({
    args: argv,
    options: {
      state: { type: 'string' },
      cache: { type: 'string' },
      'mqtt-url': { type: 'string' },
      'gateway-port': { type: 'string' },
      'hub-port': { type: 'string' },
      'hub-host': { type: 'string' },
      'broker-tls-port': { type: 'string' },
      address: { type: 'string', multiple: true },
      announce: { type: 'string' },
      context: { type: 'string' },
      local: { type: 'boolean' },
      'log-level': { type: 'string' },
    },
  });
  const number = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : Number(text);
  return {
    state: values.state,
    cache: values.cache,
    mqttUrl: values['mqtt-url'],
    gatewayPort: number(values['gateway-port']),
    hubPort: number(values['hub-port']),
    hubHost: values['hub-host'],
    brokerTlsPort: number(values['broker-tls-port']),
    addresses: values.address,
    announce: values.announce,
    contextTokens: number(values.context),
    local: values.local,
    logLevel: values['log-level'],
  };
}

try {
  if (process.argv.includes('--help')) process.stdout.write(help);
  else await plannerMain(settingsOf(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`${describeFailure(error)}\n`);
  process.exit(1);
}
