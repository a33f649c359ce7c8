// What the broker needs of an MQTT server. Two can take the place: Aedes in this process, or
// Debian's mosquitto as a child. Doors, guards and admission stand in front of both.
import type { Credential } from '@salvage/contract';
import type { Clock, Log } from '@salvage/kit';
import type { DenialLog } from './denial-log.ts';
import type { GuardedConnection } from './guarded-connection.ts';

export const serverNames = ['aedes', 'mosquitto'] as const;
export type ServerName = (typeof serverNames)[number];

export interface MqttServer {
  readonly name: ServerName;
  readonly version: string;
  /** Takes over a connection whose CONNECT was admitted and is the first thing to be read. */
  accept(connection: GuardedConnection): void;
  /** Brings changed credentials into force. Rejects with SLV_BROKER when that did not work. */
  refresh(): Promise<void>;
  stop(): Promise<void>;
}

export interface ServerOptions {
  state: string;
  /** The credentials in force now, the broker's own included. */
  credentials(): Credential[];
  clock: Clock;
  log: Log;
  denied: DenialLog;
}
