// Every bound of the planner outside the gateway, in one place.

export const limits = {
  /** Nodes that may have credentials; the broker's document has room for 500. */
  nodesMax: 200,
  tokensMax: 100,
  tokenSecondsMax: 30 * 24 * 3600,
  /** How long a request waits for a placement to be fetched, loaded and ready. */
  acquireMillisecondsMax: 180_000,
  /** A node that was lost may come back within this long before another place is asked for. */
  nodeBackMilliseconds: 20_000,
  /** After a start, how long to wait for nodes to say hello before saying "no nodes". */
  helloGraceMilliseconds: 15_000,
  /** A node whose engine failed is not asked again for this long. */
  failedMilliseconds: 60_000,
  /** A model nobody asked for is unloaded after this long. */
  keepReadyMilliseconds: 15 * 60_000,
  commandMillisecondsMax: 15_000,
  commandsWaitingMax: 100,
  /** Links are measured again after this long, one pair at a time. */
  linkAgeMillisecondsMax: 6 * 3600_000,
  /** Messages from the broker that wait for the control loop. */
  inboxMax: 2_000,
  placementsMax: 100,
  /** Engines that one node is wished; its document has room for 16. */
  enginesPerNodeMax: 12,
  warningsMax: 64,
  /** Warnings in the published status, which is one small message. */
  warningsPublishedMax: 20,
} as const;
