// The binding as an engine kind: node-llama-cpp in a forked child. This side never imports it; a
// child may die at any moment, and then every answer at work ends with an error event.
import { resolve } from 'node:path';
import type { Clock, Log } from '@salvage/kit';
import type { EngineKind } from '../engine.ts';
import { createBindingEngine } from './engine.ts';
import { readBindingRelease } from './release.ts';

export interface BindingOptions {
  /** Path of the module that runs `runBindingChild()` when it is started with `argv`. */
  entry: string;
  argv: string[];
  execArgv?: string[];
  clock: Clock;
  log: Log;
}

/** `release()` is null where the binding or its build for this machine is not installed. */
export function createBindingKind(options: BindingOptions): EngineKind {
  const entry = resolve(options.entry);
  return {
    name: 'binding',
    release: () => readBindingRelease(entry),
    create: (spec) => createBindingEngine(spec, { ...options, entry }),
  } satisfies EngineKind;
}
