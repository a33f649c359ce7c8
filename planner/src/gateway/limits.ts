// Every bound of the gateway, in one place. Tests shorten some of them.

export interface GatewayLimits {
  /** Request bodies, bytes and depth of nested JSON. */
  bodyBytesMax: number;
  bodyDepthMax: number;
  messagesMax: number;
  /** Jobs that wait, in total and of one client. */
  waitingMax: number;
  waitingPerClientMax: number;
  /** Models whose measured speed is remembered. */
  speedsMax: number;
  /** A stream's headers wait this long for the first token, so that a failure can be a status. */
  headersMillisecondsMax: number;
  /** Silence in a stream after which a comment line is sent. */
  keepAliveMilliseconds: number;
  /** A client that takes nothing of its stream for this long is given up. */
  stallMillisecondsMax: number;
  /** An engine that says nothing for this long is given up. */
  watchdogMilliseconds: number;
  /** Times one answer is taken up again, and the waits before each. */
  replaysMax: number;
  replayWaitMilliseconds: readonly number[];
  /** After a lost engine, no new attempt to get another begins later than this. */
  recoverMillisecondsMax: number;
  /** The longest life of a job, waiting included. */
  jobMillisecondsMax: number;
  /** Tokens of an answer when the client names no bound. */
  outputTokensDefault: number;
  /** Said in Retry-After where the queue cannot tell; and the most that is ever said. */
  retryAfterSecondsDefault: number;
  retryAfterSecondsMax: number;
}

export const gatewayLimits: GatewayLimits = {
  bodyBytesMax: 4 * 1024 * 1024,
  bodyDepthMax: 64,
  messagesMax: 2_000,
  waitingMax: 64,
  waitingPerClientMax: 16,
  speedsMax: 200,
  headersMillisecondsMax: 5_000,
  keepAliveMilliseconds: 5_000,
  stallMillisecondsMax: 60_000,
  watchdogMilliseconds: 30_000,
  replaysMax: 3,
  replayWaitMilliseconds: [200, 1_000, 3_000],
  recoverMillisecondsMax: 20_000,
  jobMillisecondsMax: 3600_000,
  outputTokensDefault: 1_024,
  retryAfterSecondsDefault: 10,
  retryAfterSecondsMax: 3_600,
};

/** Bounds of the HTTP server itself. */
export const serverLimits = {
  headerBytesMax: 16 * 1024,
  headersMax: 100,
  headersMillisecondsMax: 10_000,
  /** The whole request: 4 MB must fit through a poor wireless link. */
  requestMillisecondsMax: 60_000,
  keepAliveMilliseconds: 30_000,
  connectionsMax: 256,
  connectionsPerAddressMax: 128,
  /** Open answers get this long when the server stops. */
  stopMillisecondsMax: 1_000,
} as const;

/** Sampling where the client says nothing: llama.cpp's own defaults, which suit small models. */
export const samplingDefaults = { temperature: 0.8, topP: 0.95, topK: 40, minP: 0.05 } as const;

/** Characters a token stands for when a prompt's length must be guessed before it is tokenised. */
export const charactersPerToken = 4;
