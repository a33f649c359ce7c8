// The agent's command line. A forked engine comes through here too, and must load nothing of the
// agent: everything else is imported only after that was decided.

const help = `salvage-agent: one node of a salvage cluster

  salvage-agent enrol --hub https://HOST:PORT --pin sha256//… --token TOKEN [--name NAME] [--again]
      joins this machine to a cluster; the hub prints the line (salvage token create)
  salvage-agent [run]
      runs the agent

Options of both
  --state DIR               identity, last wish, benchmark (SALVAGE_STATE)
  --name NAME               what people call this node (SALVAGE_NAME; else its host name)

Options of run, with their environment variables; DIR/agent.json of the state folder is read first
  --cache DIR               models (SALVAGE_CACHE)
  --local-store DIR         use the models in this folder instead of fetching (SALVAGE_LOCAL_STORE)
  --local                   keep the tunnel on loopback (SALVAGE_LOCAL)
  --tunnel-host ADDRESS     where the tunnel listens; 0.0.0.0 (SALVAGE_TUNNEL_HOST)
  --tunnel-port PORT        11435, or a free one when it is taken (SALVAGE_TUNNEL_PORT)
  --address ADDRESS         how others reach this node; may be repeated (SALVAGE_ADDRESS)
  --mqtt-url URL            another broker address than the one it joined with (SALVAGE_MQTT_URL)
  --threads N               at most N threads in an engine (SALVAGE_THREADS)
  --cache-limit-bytes N     at most N bytes of models (SALVAGE_CACHE_LIMIT_BYTES)
  --log-level LEVEL         debug, info, warn or error (SALVAGE_LOG_LEVEL)
  --root DIR                where /proc and /sys are read (SALVAGE_ROOT)

  --help, --version
`;

/** sysexits.h: a wrong setting does not get better by starting again. */
const exitConfig = 78;

async function main(): Promise<void> {
  const [first = 'run', ...rest] = process.argv.slice(2);
  if (first === 'engine-binding') {
    (await import('./engine/binding/child.ts')).runBindingChild();
    return;
  }
  if (first === 'benchmark') {
    (await import('./benchmark/process.ts')).benchmarkMain(process.argv[1] ?? '');
    return;
  }
  const command = first.startsWith('-') ? 'run' : first;
  const args = first.startsWith('-') ? [first, ...rest] : rest;
  if (args.includes('--help') || command === 'help') {
    process.stdout.write(help);
  } else if (args.includes('--version')) {
    process.stdout.write(`${(await import('./version.ts')).agentVersion}\n`);
  } else {
    await (await import('./run.ts')).runCommand(command, args, process.argv[1] ?? '');
  }
}

main().catch(async (error: unknown) => {
  const { describeFailure, SalvageError } = await import('@salvage/kit');
  process.stderr.write(`${describeFailure(error)}\n`);
  process.exit(error instanceof SalvageError && error.code === 'SLV_CONFIG' ? exitConfig : 1);
});
