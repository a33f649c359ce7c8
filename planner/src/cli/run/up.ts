// salvage up: everything on this machine, from one command.
import { realClock } from '@salvage/kit';
import type { Command } from '../command.ts';
import { createSay } from '../up/say.ts';
import { up } from '../up/up.ts';

interface Args {
  state: string;
  cache: string;
  once: boolean;
  model?: string;
  prompt?: string;
  raw: boolean;
  local: boolean;
  verbose: boolean;
  broker?: 'aedes' | 'mosquitto';
  tokensMax: number;
  gatewayPort?: number;
  hubPort?: number;
  mqttPort?: number;
  mqttTlsPort?: number;
  tunnelPort?: number;
  address: string[];
}

export const command: Command<Args> = {
  command: 'up',
  describe: 'start broker, planner and an agent here, and ask a first question',
  builder: (yargs) =>
    yargs
      .option('once', { type: 'boolean', default: false, describe: 'end after the answer' })
      .option('model', { type: 'string', describe: 'a GGUF file, URL or hf:OWNER/REPO' })
      .option('prompt', { type: 'string', describe: 'the question' })
      .option('raw', {
        type: 'boolean',
        default: false,
        describe: 'plain completion, without the model’s chat template',
      })
      .option('tokens-max', { type: 'number', default: 200, describe: 'longest answer' })
      .option('local', { type: 'boolean', default: false, describe: 'keep all doors closed' })
      .option('broker', { choices: ['aedes', 'mosquitto'], describe: 'which MQTT broker' })
      .option('address', {
        type: 'string',
        array: true,
        default: [],
        describe: 'address that other machines reach this one at',
      })
      .option('verbose', { type: 'boolean', default: false, describe: 'show the programs’ logs' })
      .option('gateway-port', { type: 'number', describe: 'HTTP for clients (11434)' })
      .option('hub-port', { type: 'number', describe: 'HTTPS for nodes (11443)' })
      .option('mqtt-port', { type: 'number', describe: 'MQTT on loopback (1883)' })
      .option('mqtt-tls-port', { type: 'number', describe: 'MQTT over TLS (8883)' })
      .option('tunnel-port', { type: 'number', describe: 'this node’s engines (11435)' })
      .example('salvage up --once', 'one answer, then end')
      .example('salvage up --model ./tiny.gguf --prompt "Hello"', 'with a model of yours'),
  handler: async (args) => {
    const stopping = new AbortController();
    const stop = (): void => stopping.abort();
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
    const ports = {
      gateway: args.gatewayPort,
      hub: args.hubPort,
      mqtt: args.mqttPort,
      mqttTls: args.mqttTlsPort,
      tunnel: args.tunnelPort,
    };
    await up({
      state: args.state,
      cache: args.cache,
      once: args.once,
      model: args.model ?? null,
      prompt: args.prompt ?? null,
      raw: args.raw,
      local: args.local,
      verbose: args.verbose,
      server: args.broker ?? null,
      ports: Object.fromEntries(Object.entries(ports).filter(([, port]) => port !== undefined)),
      addresses: args.address,
      tokensMax: args.tokensMax,
      clock: realClock,
      say: createSay((text) => process.stdout.write(text)),
      signal: stopping.signal,
    }).catch((error) => {
      if (!stopping.signal.aborted) throw error;
    });
  },
};
