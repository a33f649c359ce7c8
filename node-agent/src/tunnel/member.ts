// Who is at the other end of a mutual-TLS connection: the certificate's OU is the role and its CN
// the name. Only what the cluster's authority signed gets this far.
import type { TLSSocket } from 'node:tls';

/** What a program needs to show itself to the cluster, and to know the cluster: all PEM. */
export interface TunnelIdentity {
  caPem: string;
  certificatePem: string;
  keyPem: string;
}

const memberRoles = ['hub', 'planner', 'node'] as const;
type MemberRole = (typeof memberRoles)[number];

interface Member {
  name: string;
  role: MemberRole;
}

/** The part of a socket that tells; a real one or a test's. */
type PeerSocket = Pick<TLSSocket, 'authorized' | 'getPeerCertificate'>;

/** Null for a certificate without exactly one name and exactly one known role. */
export function memberOf(socket: PeerSocket): Member | null {
  if (!socket.authorized) return null;
  // A subject with several OUs comes as a list; without a certificate there is no subject at all.
  const subject = socket.getPeerCertificate().subject as
    | { CN?: string | string[]; OU?: string | string[] }
    | undefined;
  const role = memberRoles.find((known) => known === subject?.OU);
  if (role === undefined || typeof subject?.CN !== 'string') return null;
  return { name: subject.CN, role };
}

/** The DNS name that a node's certificate carries, whatever address it is reached at. */
export function serverNameOf(nodeId: string): string {
  return `${nodeId}.salvage.internal`;
}
