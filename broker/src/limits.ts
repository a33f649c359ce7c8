// Every bound of the broker in one place: what one client, one address and all of them together may
// take. A cluster of twenty nodes says two small messages a second, so all of this is generous.

export const limits = {
  /** Largest MQTT frame, counted from its header before any parser sees the bytes. */
  frameBytesMax: 256 * 1024,
  /** Largest CONNECT: a last will of the largest kind that the topic table knows, and names. */
  connectBytesMax: 40 * 1024,
  clientIdCharactersMax: 100,

  /** Clients beside the planner and the broker's own: 200 nodes, homes, plugs and operators. */
  clientsMax: 300,
  /** Sockets of one door that have not yet sent a valid CONNECT. */
  socketsPendingMax: 256,
  /** Sockets of one address, unless it is this machine. */
  socketsPerAddressMax: 32,
  subscriptionsPerClientMax: 100,

  connectMilliseconds: 10_000,
  /** How long a refused client may take to read why. */
  farewellMilliseconds: 2_000,
  keepaliveSecondsMax: 120,
  /** A subscriber that reads nothing for this long is cut, so that it cannot hold up the others. */
  drainMilliseconds: 4_000,
  /** Bytes that wait for one client in this process before its messages are held back. */
  clientBufferBytes: 64 * 1024,

  /** Aedes: packets of one client that wait for its CONNACK. */
  queuedBeforeConnackMax: 200,
  /** Aedes: messages on their way at once. */
  messagesAtOnce: 200,

  /** Mosquitto: messages, and their bytes, that wait for one client. */
  messagesWaitingMax: 200,
  bytesWaitingMax: 4 * 1024 * 1024,
  memoryBytesMax: 256 * 1024 * 1024,
  mosquittoStartMilliseconds: 10_000,
  mosquittoReloadMilliseconds: 5_000,
  mosquittoLineCharactersMax: 400,
  /** Longest path of a UNIX socket that Linux takes (unix(7) allows 108 with the final zero). */
  socketPathBytesMax: 100,

  wardenConnectMilliseconds: 15_000,
  stopMilliseconds: 2_000,
  problemCharactersMax: 500,

  /** Refusals that are logged in one window; the rest are counted. */
  denialLinesMax: 20,
  denialWindowMilliseconds: 60_000,
} as const;
