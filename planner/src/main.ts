// The planner's process: settings, then one running planner, then signals.
import { homedir } from 'node:os';
import { parseArgs } from 'node:util';
import { describeFailure, dieWithParent, foldersOf, loadConfig } from '@salvage/kit';
import { PlannerConfig, plannerEnvironment } from './config.ts';
import { startPlanner } from './planner.ts';

/** Runs until SIGTERM or SIGINT; `flags` are settings from a command line. */
export async function plannerMain(flags: Record<string, unknown>): Promise<void> {
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

// Run as a program, not when the command line imports it.
if (process.argv[1] !== undefined && import.meta.filename === process.argv[1]) {
  try {
    await plannerMain(flagsOf(process.argv.slice(2)));
  } catch (error) {
    process.stderr.write(`${describeFailure(error)}\n`);
    process.exit(1);
  }
}
