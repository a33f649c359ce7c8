// What the agent and the child that holds the model say to each other over the fork's channel.
// Both ends are this program, so the types are enough; a version would never differ.
import type { CompletionEvent, CompletionRequest } from '@salvage/contract';
import type { EngineSpec } from '../engine.ts';

export type ToChild =
  /** Once, first. */
  | { kind: 'load'; spec: EngineSpec }
  /** `call` counts up from 1 within one child. */
  | { kind: 'complete'; call: number; request: CompletionRequest }
  /** The answer ends with reason `cancelled`; unknown calls are over already. */
  | { kind: 'cancel'; call: number };

export type FromChild =
  | { kind: 'progress'; share: number }
  | { kind: 'ready' }
  /** The model cannot be loaded; the child ends itself. */
  | { kind: 'failed'; message: string }
  /** The last one of a call is `end` or `error`. */
  | { kind: 'event'; call: number; event: CompletionEvent };
