// One engine: the agent's end of the fork that holds a model.

import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import type { CompletionEvent, CompletionRequest } from '@salvage/contract';
import { endChild, fullSpeedArguments, SalvageError } from '@salvage/kit';
import type { Engine, EngineSpec } from '../engine.ts';
import { createEventQueue, type EventQueue } from '../event-queue.ts';
import { engineLimits } from '../limits.ts';
import { readCpuSeconds, readMemoryBytes } from '../process-stat.ts';
import type { BindingOptions } from './kind.ts';
import { createLastLines } from './last-lines.ts';
import type { FromChild, ToChild } from './protocol.ts';

export function createBindingEngine(spec: EngineSpec, options: BindingOptions): Engine {
  const { clock, log } = options;
  const lines = createLastLines((line) =>
    log.debug('engine line', { engine: spec.engineId, line }),
  );
  const calls = new Map<number, EventQueue>();
  const whenEnded = deferred<string>();
  let child: ChildProcess | null = null;
  let reason: string | null = null;
  let callsMade = 0;
  let loadFailure: string | null = null;
  let onLoad: (message: FromChild) => void = () => undefined;

  const send = (message: ToChild): void => {
    if (child?.connected === true) child.send(message, () => undefined);
  };

  const settle = (cause: string): void => {
    if (reason !== null) return;
    const said = lines.text();
    reason = said === '' ? cause : `${cause}; it said last:\n${said}`;
    for (const queue of calls.values()) finish(queue, exitedEvent(spec, reason));
    calls.clear();
    whenEnded.resolve(reason);
  };

  const launch = (): void => {
    const started = fork(options.entry, options.argv, {
      execArgv: options.execArgv ?? fullSpeedArguments(process.execArgv),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'json',
    });
    child = started;
    started.stdout?.on('data', lines.add);
    started.stderr?.on('data', lines.add);
    started.on('message', (message: FromChild) => {
      if (message.kind === 'event') deliver(message.call, message.event);
      else onLoad(message);
    });
    const gone = (cause: string): void => {
      if (child === null) return;
      child = null;
      // The pipes usually close with the process; a grandchild that holds them is not waited for.
      started.once('close', () => settle(cause));
      void clock.sleep(engineLimits.lastLinesMilliseconds).then(() => settle(cause));
    };
    started.once('error', (thrown) => gone(`it could not be started: ${thrown.message}`));
    started.once('exit', (code, signal) => {
      gone(
        loadFailure ?? (signal === null ? `it exited with code ${code}` : `killed by ${signal}`),
      );
    });
    send({ kind: 'load', spec });
  };

  const deliver = (call: number, event: CompletionEvent): void => {
    const queue = calls.get(call);
    if (queue === undefined) return;
    queue.push(event);
    if (event.event !== 'end' && event.event !== 'error') return;
    queue.close();
    calls.delete(call);
  };

  return {
    spec,
    get pid() {
      return child?.pid ?? null;
    },
    start: async (onProgress) => {
      assert(child === null && reason === null, 'an engine is started once');
      const ready = deferred<void>();
      onLoad = (message) => {
        if (message.kind === 'progress') onProgress(message.share);
        if (message.kind === 'failed') loadFailure = message.message;
        if (message.kind === 'ready') ready.resolve();
      };
      launch();
      await Promise.race([ready.promise, whenEnded.promise]);
      if (reason !== null) {
        const message = `engine ${spec.engineId} could not load ${spec.modelPath}: ${reason}`;
        throw new SalvageError('SLV_ENGINE_START', message);
      }
    },
    async *complete(request: CompletionRequest, signal: AbortSignal) {
      if (child === null) {
        yield exitedEvent(spec, reason ?? 'it does not run');
        return;
      }
      callsMade += 1;
      const call = callsMade;
      const queue = createEventQueue();
      calls.set(call, queue);
      const cancel = (): void => send({ kind: 'cancel', call });
      send({ kind: 'complete', call, request });
      if (signal.aborted) cancel();
      signal.addEventListener('abort', cancel, { once: true });
      try {
        yield* queue;
      } finally {
        signal.removeEventListener('abort', cancel);
        if (calls.delete(call)) cancel();
      }
    },
    memoryBytes: () => (child?.pid === undefined ? null : readMemoryBytes(child.pid)),
    cpuSeconds: () => (child?.pid === undefined ? null : readCpuSeconds(child.pid)),
    stop: async () => {
      if (child !== null) await endChild(child, engineLimits.stopGraceMilliseconds, clock);
      else settle('it was never started');
      await whenEnded.promise;
    },
    ended: whenEnded.promise,
  };
}

function finish(queue: EventQueue, event: CompletionEvent): void {
  queue.push(event);
  queue.close();
}

function exitedEvent(spec: EngineSpec, reason: string): CompletionEvent {
  const message = `engine ${spec.engineId} ended: ${reason}`;
  return { event: 'error', code: 'SLV_ENGINE_EXITED', message };
}

interface Deferred<Value> {
  promise: Promise<Value>;
  resolve(value: Value): void;
}

/** Promise.withResolvers() is not in Node 20. */
function deferred<Value>(): Deferred<Value> {
  let resolve: (value: Value) => void = () => undefined;
  const promise = new Promise<Value>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
