// The broker as a process of its own. A parent that forks it is told
// `{ ready: true, port, tlsPort }`, or `{ ready: false, code, message, hint }` before it ends.
import { homedir } from 'node:os';
import { asFailure, describeFailure, dieWithParent } from '@salvage/kit';
import { writeToStream } from 'mqtt-packet';
import { startBroker } from './broker.ts';
import { createPinoLog } from './log.ts';
import { readSettings } from './settings.ts';

/** The library would keep 65,536 buffers to spare itself two-byte writes: 6 MB of a small hub. */
writeToStream.cacheNumbers = false;

const help = `salvage broker: the MQTT broker of a cluster

  --state DIR          credentials and certificates (SALVAGE_STATE)
  --server NAME        aedes or mosquitto (SALVAGE_BROKER_SERVER)
  --port PORT          MQTT on loopback; 1883
  --host ADDRESS       a loopback address; 127.0.0.1
  --tls-port PORT      MQTT over TLS, once the planner opens it; 8883
  --tls-host ADDRESS   where TLS listens then; 0.0.0.0
  --log-level LEVEL    debug, info, warn or error
`;

async function main(): Promise<void> {
  if (process.argv.includes('--help')) {
    process.stdout.write(help);
    return;
  }
  // A parent that is gone ends us at once; mosquitto, if it is ours, goes the same way.
  dieWithParent();
  const settings = readSettings(process.argv.slice(2), process.env, homedir());
  const log = createPinoLog(settings.logLevel);
  const broker = await startBroker({ ...settings, log });
  let stopping = false;
  const stop = async (signal: string): Promise<void> => {
    if (stopping) return;
    stopping = true;
    log.info('broker-stopping', { signal });
    await broker.stop();
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop('SIGTERM'));
  // Ctrl-C reaches the whole terminal; a forked broker waits for its parent, who still has goodbyes
  // to send through it.
  process.on('SIGINT', () => {
    if (!process.connected) void stop('SIGINT');
  });
  process.send?.({ ready: true, port: broker.port, tlsPort: broker.tlsPort });
}

main().catch((error: unknown) => {
  const { code, message, hint } = asFailure(error, 'SLV_BROKER', 'the broker cannot start');
  process.stderr.write(`${describeFailure(error)}\n`);
  const exit = (): never => process.exit(1);
  if (process.send === undefined) exit();
  else process.send({ ready: false, code, message, hint }, undefined, undefined, exit);
});
