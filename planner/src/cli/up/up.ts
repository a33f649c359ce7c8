// `salvage up`: broker, planner and an agent on this machine, one model placed, one question
// asked, and then service until Ctrl-C. The order is the order of what the person reads.
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, messageOf, SalvageError, type Supervised } from '@salvage/kit';
import type { SalvageBlock } from '../../gateway/salvage-block.ts';
import { pinOf } from '../../hub/certificates.ts';
import type { ModelView, NodeView, StatusView } from '../../operator/api.ts';
import { type OperatorClient, openOperator } from '../../operator/client.ts';
import { version } from '../../version.ts';
import { openChat } from '../chat.ts';
import { nodesTable } from '../tables.ts';
import { choosePorts, type Moved, type Ports } from './choose-ports.ts';
import { bestModelLines, costLines, curlLine, nodeLine, roleLines } from './closing-words.ts';
import { agentModule, enrolThisMachine } from './local-node.ts';
import { type Program, startProgram } from './programs.ts';
import type { Say } from './say.ts';

export interface UpOptions {
  state: string;
  cache: string;
  once: boolean;
  model: string | null;
  prompt: string | null;
  raw: boolean;
  local: boolean;
  verbose: boolean;
  server: 'aedes' | 'mosquitto' | null;
  ports: Partial<Ports>;
  /** Addresses that other machines reach this one at, before those of its interfaces. */
  addresses: string[];
  tokensMax: number;
  clock: Clock;
  say: Say;
  signal: AbortSignal;
}

const tree = fileURLToPath(new URL('../../../..', import.meta.url));
const demoModel = join(tree, 'planner', 'models', 'demo', 'salvage-demo.gguf');
const demoNotice = 'a demo: it only tells stories';
const demoPrompt = 'Tell me a story about an old laptop.';
const tokenSeconds = 3_600;
const nodeMillisecondsMax = 60_000;

/** Resolves when the answer is there (`once`) or `signal` aborts; everything started has ended. */
export async function up(options: UpOptions): Promise<void> {
  const { say } = options;
  await refuseSecond(options.state);
  say.line(`salvage ${version} on ${hostname()}`);
  const { ports, moved } = await choosePorts(options.state, options.ports);
  for (const one of moved) say.line(movedLine(one));
  const running: Supervised[] = [];
  try {
    const operator = await startAll(options, ports, running);
    const model = await chosenModel(options, operator);
    say.item('model', modelLine(model));
    await firstAnswer(options, operator, model);
    if (options.once || options.signal.aborted) return;
    await closingWords(options, operator, model);
    await options.clock.sleep(2 ** 31 - 1, options.signal);
    say.line('\nstopping');
  } finally {
    // The agent first, so that it can say goodbye; the broker last.
    for (const program of running.reverse()) await program.stop(6_000);
  }
}

async function refuseSecond(state: string): Promise<void> {
  const status = await openOperator({ state })
    .then((operator) => operator.status())
    .catch(() => null);
  if (status === null) return;
  throw new SalvageError('SLV_STATE', `salvage runs here already: ${status.gatewayUrl}`, {
    hint: 'ask it: npx salvage ask "…"; see it: npx salvage status; or stop it where it runs (Ctrl-C)',
  });
}

async function startAll(
  options: UpOptions,
  ports: Ports,
  running: Supervised[],
): Promise<OperatorClient> {
  const { say, state, cache, clock } = options;
  const startOptions = {
    clock,
    logFolder: join(state, 'logs'),
    verbose: options.verbose,
    onRestart: (name: string, text: string) => {
      if (!options.signal.aborted) say.line(`  (${name} ${text})`);
    },
  };
  const local = options.local ? ['--local'] : [];
  const start = async (program: Program, readyWithoutWord = false): Promise<void> => {
    running.push(await startProgram(program, startOptions, readyWithoutWord));
  };

  const server = options.server === null ? [] : ['--server', options.server];
  const brokerPorts = ['--port', String(ports.mqtt), '--tls-port', String(ports.mqttTls)];
  await start({
    name: 'broker',
    module: join('broker', 'src', 'main.ts'),
    args: ['--state', state, ...brokerPorts, ...server],
  });
  say.item('broker', `mqtt://127.0.0.1:${ports.mqtt}`);

  await start({
    name: 'planner',
    module: join('planner', 'src', 'main.ts'),
    args: [
      ...['--state', state, '--cache', cache, '--mqtt-url', `mqtt://127.0.0.1:${ports.mqtt}`],
      ...['--gateway-port', String(ports.gateway), '--hub-port', String(ports.hub)],
      ...['--broker-tls-port', String(ports.mqttTls), ...local],
      ...options.addresses.flatMap((address) => ['--address', address]),
    ],
  });
  const operator = await openOperator({ state });
  say.item('planner', `${operator.gatewayUrl} (OpenAI-compatible)`);

  const agentState = join(state, 'agent');
  const pin = pinOf(await readFile(join(state, 'tls', 'hub-key.pem'), 'utf8'));
  const nodeId = await enrolThisMachine({ operator, agentState, hubPort: ports.hub, pin });
  await start(
    {
      name: 'agent',
      module: agentModule,
      args: [
        ...['run', '--state', agentState, '--cache', join(cache, 'agent')],
        ...['--local-store', join(cache, 'models'), '--tunnel-port', String(ports.tunnel)],
        ...['--mqtt-url', `mqtt://127.0.0.1:${ports.mqtt}`, '--local'],
      ],
    },
    true,
  );
  say.item('node', nodeLine(await waitForNode(options, operator, nodeId)));
  return operator;
}

async function waitForNode(
  options: UpOptions,
  operator: OperatorClient,
  nodeId: string,
): Promise<NodeView> {
  const until = options.clock.monotonicMilliseconds() + nodeMillisecondsMax;
  while (!options.signal.aborted) {
    const { nodes } = await operator.status();
    const node = nodes.find((one) => one.nodeId === nodeId);
    if (node?.state === 'awake' && node.cpuName !== undefined) return node;
    if (options.clock.monotonicMilliseconds() > until) break;
    await options.clock.sleep(100, options.signal);
  }
  throw new SalvageError('SLV_TIMEOUT', 'the agent of this machine did not show up', {
    hint: `its log: ${join(options.state, 'logs', 'agent.log')}`,
  });
}

async function chosenModel(options: UpOptions, operator: OperatorClient): Promise<ModelView> {
  const models = await operator.models();
  const installed = models.find((model) => model.modelId === options.model);
  if (installed !== undefined) return installed;
  const demo = options.model === null;
  const known = demo ? models.find((model) => model.notice === demoNotice) : undefined;
  if (known !== undefined && (await stillThere(known))) return known;
  const request = demo
    ? { source: demoModel, modelId: 'salvage-demo', notice: demoNotice }
    : { source: sourceOf(options.model ?? '') };
  for await (const event of operator.addModel(request)) {
    if (event.event === 'added') return event.model;
  }
  throw new SalvageError('SLV_MODEL_UNKNOWN', `${request.source} could not be added`);
}

/** A path stays a path whatever folder the planner runs in; hf: and URLs stay as they are. */
function sourceOf(model: string): string {
  return /^(hf:|https?:)/.test(model) ? model : resolve(model);
}

async function stillThere(model: ModelView): Promise<boolean> {
  const known = await readFile(demoModel).catch(() => null);
  return known === null || known.byteLength === model.bytes;
}

async function firstAnswer(
  options: UpOptions,
  operator: OperatorClient,
  model: ModelView,
): Promise<void> {
  const { say } = options;
  const chat = model.hasChatTemplate && !options.raw;
  const prompt = options.prompt ?? (chat ? demoPrompt : 'Once upon a time');
  say.line(`\n> ${prompt}\n`);
  const chatDoor = await openChat({ state: options.state, gatewayUrl: operator.gatewayUrl });
  const request = {
    model: model.modelId,
    question: prompt,
    isRaw: !chat,
    tokensMax: options.tokensMax,
    signal: options.signal,
  };
  const startedAt = options.clock.monotonicMilliseconds();
  const elapsed = (): number => options.clock.monotonicMilliseconds() - startedAt;
  let first: number | null = null;
  let cost: SalvageBlock | null = null;
  for await (const reply of chatDoor.streamed(request)) {
    if (reply.text !== '') first ??= elapsed();
    say.raw(reply.text);
    cost = reply.cost ?? cost;
  }
  say.line('\n');
  if (cost !== null)
    for (const line of costLines(cost, elapsed(), first ?? elapsed())) say.line(line);
  if (model.notice !== null) say.line(`      (${model.notice})`);
}

async function closingWords(
  options: UpOptions,
  operator: OperatorClient,
  model: ModelView,
): Promise<void> {
  const { say } = options;
  const chat = model.hasChatTemplate && !options.raw;
  const status = await operator.status();
  say.line(`\n${nodesTable(status.nodes)}`);
  const own = status.nodes.find((node) => node.local);
  if (own !== undefined) {
    say.line('This machine can be:');
    for (const line of roleLines(own.roles)) say.line(line);
  }
  say.line(
    `\nAsk it:\n  ${curlLine(operator.gatewayUrl, model.modelId, chat, options.prompt ?? demoPrompt)}`,
  );
  if (options.local) {
    say.line('\nClosed to the network (--local): no other machine can join.');
  } else {
    await joinWords(options, operator, status);
  }
  const catalogue = await operator.catalogue().catch(() => []);
  say.line();
  for (const line of bestModelLines(catalogue)) say.line(line);
  say.line('\nCtrl-C stops it.  npx salvage --help shows the rest.');
}

async function joinWords(
  options: UpOptions,
  operator: OperatorClient,
  status: StatusView,
): Promise<void> {
  const { say } = options;
  try {
    const wish = {
      for: 'node',
      name: 'from npm start',
      expiresSeconds: tokenSeconds,
      local: false,
    } as const;
    const { joinLine } = await operator.createToken(wish);
    if (joinLine === null) throw new Error('the hub door did not open');
    say.line('\nJoin a second machine (Linux; good for one machine and one hour):');
    say.line(`  ${joinLine}`);
    const { hubUrl } = await operator.status();
    say.line(
      `TLS is now open to the network at ${hubUrl ?? status.gatewayUrl}; --local keeps it closed.`,
    );
  } catch (error) {
    say.line(`\nNo second machine can join right now: ${messageOf(error)}`);
  }
}

function modelLine(model: ModelView): string {
  const notice = model.notice === null ? '' : `; ${model.notice}`;
  return `${model.modelId} (${(model.bytes / 1e6).toFixed(1)} MB, ${model.quant}${notice})`;
}

const shownNames: Record<Moved['name'], string> = {
  mqtt: 'MQTT',
  mqttTls: 'MQTT over TLS',
  gateway: 'the gateway',
  hub: 'the hub door',
  tunnel: 'the tunnel',
};

function movedLine({ name, wanted, holder, used }: Moved): string {
  return `  port ${wanted} is held by ${holder}: ${shownNames[name]} takes ${used}`;
}
