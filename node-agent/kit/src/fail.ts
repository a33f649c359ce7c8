// The three kinds of error: a bug asserts and dies; an expected "no" is data; a failing world is
// one SalvageError from this table, which says what, where and what to do next.

/** Code -> what to do next, unless the place that throws knows better. */
export const failures = {
  SLV_CONFIG: 'correct the setting it names and start again',
  SLV_STATE: 'check that the state folder exists and that this user may write to it',
  SLV_PORT_TAKEN: 'stop the program that holds the port, or choose another port',
  SLV_BROKER: 'check that the broker runs: salvage status',
  SLV_BROKER_REFUSED: 'the broker does not know these credentials: join this node again',
  SLV_ENGINE_START: 'see the engine’s last lines: salvage nodes logs NODE',
  SLV_ENGINE_EXITED: 'it is started again by itself; salvage nodes logs NODE shows its last lines',
  SLV_ENGINE_STUCK: 'it was ended and is started again; if this comes back, use fewer threads',
  SLV_ENGINE_CANNOT: 'ask for something this engine can do, or place the model on another engine',
  SLV_ENGINE_UNKNOWN: 'the placement has changed: ask again',
  SLV_MODEL_FORMAT: 'the file is not a GGUF model that llama.cpp v0.5.0 reads: get it again',
  SLV_MODEL_UNKNOWN: 'see what there is: salvage models list',
  SLV_MODEL_DAMAGED: 'its checksum is wrong: fetch it again with salvage models add',
  SLV_DOWNLOAD: 'check the address and the network, then run the same command: it resumes',
  SLV_DISK_FULL: 'free some space, or lower the cache’s limit',
  SLV_NO_PLACE: 'see why no node can run it: salvage place MODEL --explain',
  SLV_QUEUE_FULL: 'wait as long as Retry-After says and ask again',
  SLV_DEADLINE: 'ask for fewer tokens, or choose a smaller model',
  SLV_NODE_LOST: 'ask again; salvage status shows which nodes are there',
  SLV_NODE_UNKNOWN: 'see which nodes there are: salvage nodes list',
  SLV_REQUEST: 'correct the request',
  SLV_PROMPT_TOO_LONG: 'shorten the prompt, or place the model with a larger context',
  SLV_TEMPLATE: 'use plain completion (--raw) with this model',
  SLV_TOKEN: 'make a new join token: salvage token create',
  SLV_DENIED: 'send a valid key: salvage token create --for client prints one',
  SLV_PACK_MISSING: 'prepare it on the hub: salvage join prepare --arch ARCH',
  SLV_NEEDS_TOOL: 'install the tool it names',
  SLV_UNSUPPORTED: 'salvage runs on Linux with Node 20.19 or newer',
  SLV_TIMEOUT: 'try again; salvage doctor shows what does not answer',
} as const;

export type FailureCode = keyof typeof failures;

export class SalvageError extends Error {
  readonly code: FailureCode;
  readonly hint: string;

  constructor(
    code: FailureCode,
    message: string,
    options: { hint?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SalvageError';
    this.code = code;
    this.hint = options.hint ?? failures[code];
  }
}

/** Any thrown thing as a SalvageError; what already is one stays itself. */
export function asFailure(thrown: unknown, code: FailureCode, doing: string): SalvageError {
  if (thrown instanceof SalvageError) return thrown;
  return new SalvageError(code, `${doing}: ${messageOf(thrown)}`, { cause: thrown });
}

export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The lines a person sees: what happened, and what to do next. */
export function describeFailure(thrown: unknown): string {
  if (thrown instanceof SalvageError)
    return `${thrown.message}\n  -> ${thrown.hint} (${thrown.code})`;
  return messageOf(thrown);
}
