// The door to the network. Closed until the planner wishes it open; the certificate is the
// planner's to issue (`<state>/tls/hub.pem`, `hub-key.pem`) and is read again with every wish,
// because it is issued anew when this machine's addresses change.
import { join } from 'node:path';
import { messageOf, readTextIfAny } from '@salvage/kit';
import { type Certificate, type Door, type DoorOptions, openDoor } from './door.ts';

export interface TlsDoor {
  readonly address: { address: string; port: number } | null;
  /** Opens or closes. What went wrong as a sentence, null when all is as wished. Never rejects. */
  set(open: boolean): Promise<string | null>;
}

/** Calls to `set` must not overlap. */
export function createTlsDoor(state: string, options: Omit<DoorOptions, 'certificate'>): TlsDoor {
  const { host, log } = options;
  let door: Door | null = null;
  let current: Certificate | null = null;

  const open = async (): Promise<string | null> => {
    const certificate = await readCertificate(state);
    if (typeof certificate === 'string') return certificate;
    if (door === null) {
      door = await openDoor({ ...options, certificate });
      log.info('tls-door-open', { host, port: door.port });
    } else if (certificate.cert !== current?.cert || certificate.key !== current.key) {
      door.renew(certificate);
      log.info('tls-door-renewed', { port: door.port });
    }
    current = certificate;
    return null;
  };
  const close = async (): Promise<null> => {
    const closing = door;
    door = null;
    if (closing !== null) {
      await closing.close();
      log.info('tls-door-closed', { port: closing.port });
    }
    return null;
  };
  return {
    get address() {
      return door === null ? null : { address: host, port: door.port };
    },
    set: async (wish) => {
      try {
        return await (wish ? open() : close());
      } catch (error) {
        log.error('tls-door-failed', { problem: messageOf(error) });
        return `the TLS door: ${messageOf(error)}`;
      }
    },
  };
}

async function readCertificate(state: string): Promise<Certificate | string> {
  const file = join(state, 'tls', 'hub.pem');
  const cert = await readTextIfAny(file);
  const key = await readTextIfAny(join(state, 'tls', 'hub-key.pem'));
  if (cert === null || key === null) return `the TLS door stays shut: no certificate at ${file}`;
  return { cert, key };
}
