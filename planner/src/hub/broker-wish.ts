// What the planner wishes of the broker: who may connect, and whether the TLS door is open to the
// network. One retained document, published again whenever it changes.
import {
  type BrokerDesired,
  type BrokerStatus,
  type Credential,
  type Message,
  wireVersion,
} from '@salvage/contract';
import type { Clock, Session } from '@salvage/kit';

export interface BrokerWish {
  readonly lanOpen: boolean;
  /** Publishes when something changed; cheap to call. */
  refresh(): void;
  /** Resolves when the broker has taken in the newest document, or after `milliseconds`. */
  settled(milliseconds: number): Promise<void>;
}

export interface BrokerWishOptions {
  clock: Clock;
  session: () => Session | null;
  status: () => BrokerStatus | null;
  lanOpen(): boolean;
  credentials(): Credential[];
  onDoor(open: boolean): void;
}

export function createBrokerWish(options: BrokerWishOptions): BrokerWish {
  const { clock } = options;
  let published: BrokerDesired | null = null;
  return {
    get lanOpen() {
      return published?.lanOpen ?? false;
    },
    refresh: () => {
      const session = options.session();
      if (session === null) return;
      const next = { lanOpen: options.lanOpen(), credentials: options.credentials() };
      const same =
        published !== null &&
        published.lanOpen === next.lanOpen &&
        JSON.stringify(published.credentials) === JSON.stringify(next.credentials);
      if (same) return;
      if (published?.lanOpen !== next.lanOpen) options.onDoor(next.lanOpen);
      const revision = Math.max((published?.revision ?? 0) + 1, clock.unixMilliseconds());
      const message: Message<'brokerDesired'> = { v: wireVersion, revision, ...next };
      published = message;
      session.publish('brokerDesired', {}, message);
    },
    settled: async (milliseconds) => {
      const until = clock.monotonicMilliseconds() + milliseconds;
      const reached = (): boolean =>
        (options.status()?.desiredRevision ?? 0) >= (published?.revision ?? 0);
      while (!reached() && clock.monotonicMilliseconds() < until) await clock.sleep(50);
    },
  };
}
