// Who is asking. A web page must not reach the keyless door of this machine: neither by a name
// that it lets point to 127.0.0.1 (the Host check), nor from its own origin (the Origin check;
// without CORS headers it could not read the answer, but it could start work).
import type { HttpBindings } from '@hono/node-server';
import type { Client, GatewayPorts } from './ports.ts';

export type Access =
  | { ok: true; client: Client }
  | { ok: false; status: 401 | 403; message: string };

const localNames: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);
const keyCharactersMax = 500;

/**
 * Decides from the headers and the peer. Without a socket (`incoming` undefined) nobody counts as
 * local, and neither does what a proxy on this machine passes on.
 */
export function checkAccess(
  header: (name: string) => string | undefined,
  incoming: HttpBindings['incoming'] | undefined,
  options: { ports: Pick<GatewayPorts, 'authenticate'>; extraHosts: () => string[] },
): Access {
  const proxied = header('forwarded') ?? header('x-forwarded-for');
  const local = isLoopback(incoming?.socket.remoteAddress) && proxied === undefined;
  const key = bearerKeyOf(header('authorization'));
  const client = options.ports.authenticate(key, local);
  if (client === null) {
    const message = key === null ? 'a key is needed here' : 'this key is not valid';
    return { ok: false, status: 401, message };
  }
  // A page can send any key it likes, so whoever passes as `local` is checked as well.
  if (local && (key === null || client.name === 'local')) {
    const extra = options.extraHosts();
    const host = header('host');
    if (!isLocalName(host, extra)) {
      return { ok: false, status: 403, message: 'the Host header names another machine' };
    }
    const origin = header('origin');
    if (origin !== undefined && !isLocalName(origin.replace(/^https?:\/\//i, ''), extra)) {
      return { ok: false, status: 403, message: 'web pages of other origins may not ask here' };
    }
  }
  return { ok: true, client };
}

function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  const plain = address.replace(/^::ffff:/i, '');
  return plain === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(plain);
}

/** `host` or `host:port`, compared without the port and without regard to case. */
function isLocalName(hostAndPort: string | undefined, extra: readonly string[]): boolean {
  const name = (hostAndPort ?? '').toLowerCase().replace(/:\d{1,5}$/, '');
  return localNames.has(name) || extra.some((allowed) => allowed.toLowerCase() === name);
}

function bearerKeyOf(authorization: string | undefined): string | null {
  const match = /^Bearer +(\S+) *$/i.exec(authorization ?? '');
  const key = match?.[1];
  return key === undefined || key.length > keyCharactersMax ? null : key;
}
