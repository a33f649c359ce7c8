// The three files that tell mosquitto (2.0) what Aedes is told in calls: settings, password file,
// access list. Pure: text in, text out. Formats: mosquitto.conf(5), mosquitto_passwd(1).
import { type Credential, readFilters, writeFilters } from '@salvage/contract';
import { limits } from './limits.ts';

export interface MosquittoPaths {
  socket: string;
  passwords: string;
  access: string;
}

/**
 * The settings. Mosquitto listens on a socket in our private folder alone, so nobody passes by the
 * doors and their guards; it stays this user (`user`), who owns that folder, and writes nothing.
 */
export function printSettings(paths: MosquittoPaths, user: string): string {
  return lines([
    `listener 0 ${paths.socket}`,
    'max_qos 1',
    `user ${user}`,
    'allow_anonymous false',
    `password_file ${paths.passwords}`,
    `acl_file ${paths.access}`,
    'persistence false',
    `max_packet_size ${limits.frameBytesMax}`,
    `max_queued_messages ${limits.messagesWaitingMax}`,
    `max_queued_bytes ${limits.bytesWaitingMax}`,
    `memory_limit ${limits.memoryBytesMax}`,
    'sys_interval 0',
    'log_dest stderr',
    'log_type error',
    'log_type warning',
    'log_type notice',
    'log_type information',
    'connection_messages false',
  ]);
}

/** The hashes are in mosquitto's own form already. */
export function printPasswords(credentials: readonly Credential[]): string {
  return lines(credentials.map(({ user, hash }) => `${user}:${hash}`));
}

/** The access law, from the same rows as everywhere: what is not listed is denied. */
export function printAccess(credentials: readonly Credential[]): string {
  return lines(
    credentials.flatMap((who) => [
      `user ${who.user}`,
      ...writeFilters(who).map((filter) => `topic write ${filter}`),
      ...readFilters(who).map((filter) => `topic read ${filter}`),
      '',
    ]),
  );
}

function lines(list: readonly string[]): string {
  return `${list.join('\n')}\n`;
}
