// Every bound of the agent in one place: what it queues, remembers, retries and waits for. A node
// is an old machine with little memory, so nothing here grows with what the network sends.

export const limits = {
  /** Commands between the MQTT callback and the next tick; `desired` has a place of its own. */
  inboxCommandsMax: 64,
  /** Answers kept so that a repeated command gets the same one. */
  answersKeptMax: 64,
  /** Commands at work at once; one more is answered with "busy". */
  commandsRunningMax: 8,
  measureLinkMilliseconds: 14_000,
  healthWarningsMax: 32,

  /** Topics whose bad messages are remembered, and for how long. */
  badMessagesMax: 8,
  badMessageMilliseconds: 10 * 60_000,

  tickMilliseconds: 1_000,
  /** However much happens, the agent looks at it at most so often. */
  tickMillisecondsMin: 20,
  /** Vitals (memory, temperature) are read again after this long. */
  vitalsMilliseconds: 5_000,
  statePublishMilliseconds: 30_000,
  energyPublishMilliseconds: 10_000,

  /** Energy windows that wait for a connection: at 30 s each, a day and a half of idling. */
  energyWindowsMax: 4_000,
  energyReadingsPerMessageMax: 64,
  /** Jobs that one reading can name (the contract's bound). */
  jobsPerReadingMax: 16,
  sampleJobMilliseconds: 1_000,
  sampleIdleMilliseconds: 30_000,
  windowJobMillisecondsMax: 10_000,
  /** Wall clock and monotonic clock may drift this far within one sample before it is a gap. */
  clockDisagreementMillisecondsMax: 1_000,

  mqttKeepaliveSeconds: 30,
  mqttConnectTimeoutMilliseconds: 10_000,
  mqttReconnectMillisecondsMin: 500,
  mqttReconnectMillisecondsMax: 30_000,
  /** Log lines of one reply, so that it stays under the topic's 64 KiB. */
  replyLogCharactersMax: 48_000,

  /** Attempts in a row without a single new byte before a download gives up. */
  downloadAttemptsMax: 6,
  downloadWaitMillisecondsMin: 500,
  downloadWaitMillisecondsMax: 30_000,
  /** A download that receives nothing for this long is cut and taken up again. */
  downloadSilenceMillisecondsMax: 30_000,
  /** Wait after a failed fetch before it is tried as a whole again. */
  fetchAgainMilliseconds: 60_000,
  /** Free disk that the cache never touches. */
  diskReserveBytes: 256 * 1024 * 1024,
  /** Below this much free disk the node says so. */
  diskLowBytes: 512 * 1024 * 1024,
  cacheModelsMax: 200,

  benchmarkAttemptsMax: 3,
  /** Times that a full benchmark waits for other programs to be done, a minute each. */
  benchmarkQuietAttemptsMax: 15,
  benchmarkAgainMilliseconds: 60_000,
  /** An engine that hangs in a benchmark must not keep the node from its work for ever. */
  benchmarkMillisecondsMax: 120_000,
  /** No job for this long, and engines settled: the full benchmark may run. */
  benchmarkIdleMilliseconds: 20_000,

  /** Jobs of an engine that is no longer wished may run on for this long. */
  drainMilliseconds: 60_000,
  /** Above the first the node says that it is hot, below the second that it is not. */
  hotCelsius: 88,
  hotCelsiusOver: 82,
  /** From the signal to the end. */
  stopMilliseconds: 5_000,
  /** For the last messages of it. */
  goodbyeMilliseconds: 1_000,

  enrolAttemptsMax: 4,
  enrolWaitMilliseconds: 1_000,
  enrolTimeoutMilliseconds: 15_000,
  enrolAnswerBytesMax: 65_536,
} as const;
