// The child that holds a model: the one process that loads llama.cpp, whose abort() must take
// nothing else with it. It serves answers to the agent that forked it, over the fork's channel,
// and ends with that agent.
import { randomInt } from 'node:crypto';
import { dieWithParent, messageOf } from '@salvage/kit';
import { engineLimits } from '../limits.ts';
import { runCompletion } from './completion.ts';
import { type LoadedModel, loadModel } from './loaded-model.ts';
import type { FromChild, ToChild } from './protocol.ts';

/** The child's whole main. */
export function runBindingChild(): void {
  // By SIGKILL: an orderly exit would wait for the native call that is under way.
  dieWithParent(() => process.kill(process.pid, 'SIGKILL'));
  // Ctrl-C in a terminal reaches the whole group; the agent decides when its engines end.
  process.on('SIGINT', () => undefined);

  let loading: Promise<LoadedModel> | null = null;
  const cancels = new Map<number, AbortController>();

  const complete = async (message: Extract<ToChild, { kind: 'complete' }>): Promise<void> => {
    if (loading === null) return;
    const { call, request } = message;
    const controller = new AbortController();
    cancels.set(call, controller);
    await runCompletion(await loading, {
      number: call,
      request,
      signal: controller.signal,
      emit: (event) => send({ kind: 'event', call, event }),
      now: () => performance.now(),
      randomSeed: () => randomInt(0xffff_ffff),
    });
    cancels.delete(call);
  };

  process.on('message', (message: ToChild) => {
    if (message.kind === 'load') {
      loading = load(message.spec);
      loading.catch(fail);
    } else if (message.kind === 'complete') void complete(message);
    else cancels.get(message.call)?.abort();
  });
}

async function load(spec: Parameters<typeof loadModel>[0]): Promise<LoadedModel> {
  let told = 0;
  const loaded = await loadModel(spec, (share) => {
    if (share < told + engineLimits.progressStep && share < 1) return;
    told = share;
    send({ kind: 'progress', share: Math.min(1, share) });
  });
  send({ kind: 'ready' });
  return loaded;
}

function fail(thrown: unknown): void {
  send({ kind: 'failed', message: messageOf(thrown) }, () => process.exit(1));
}

/** Sending to a parent that is gone fails; this process ends then by itself. */
function send(message: FromChild, sent: () => void = () => undefined): void {
  if (process.connected) process.send?.(message, undefined, undefined, sent);
}
