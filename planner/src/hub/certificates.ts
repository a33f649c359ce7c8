// The cluster's certificate authority: made at the first start, kept in `<state>/tls`, it signs
// public keys that others bring; a node's private key never leaves the node. Certificates by
// @peculiar/x509. Every certificate is valid from 2020: a salvaged machine without a clock battery
// believes in some year, and a late clock must not lock it out.
import 'reflect-metadata';
import { createHash, createPublicKey, generateKeyPairSync, webcrypto } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { readTextIfAny, writeFileWhole } from '@salvage/kit';

x509.cryptoProvider.set(webcrypto as never);

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const validFrom = new Date('2020-01-01T00:00:00Z');
const validUntil = new Date('2045-01-01T00:00:00Z');

export interface Identity {
  certificatePem: string;
  keyPem: string;
}

export interface IssueRequest {
  publicKeyPem: string;
  /** Becomes CN; `<name>.salvage.internal` becomes a DNS name of the certificate. */
  name: string;
  /** Becomes OU: what the bearer may be on the tunnel and hub doors. */
  role: 'hub' | 'planner' | 'node';
  addresses?: readonly string[];
}

export interface Authority {
  caPem: string;
  /** Signs a public key (SPKI, PEM). Rejects when the key is not one. */
  issue(request: IssueRequest): Promise<string>;
}

/** Opens the authority in `folder`, making it (ECDSA P-256) when there is none. */
export async function openAuthority(folder: string): Promise<Authority> {
  const certificateFile = join(folder, 'ca.pem');
  const keyFile = join(folder, 'ca-key.pem');
  if ((await readTextIfAny(certificateFile)) === null) {
    const { certificatePem, keyPem } = await makeAuthority();
    await writeFileWhole(keyFile, keyPem);
    await writeFileWhole(certificateFile, certificatePem, 0o644);
  }
  const caPem = await readFile(certificateFile, 'utf8');
  const issuer = new x509.X509Certificate(caPem);
  const signingKey = await importPrivateKey(await readFile(keyFile, 'utf8'));
  return {
    caPem,
    issue: async (request) => {
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: serialNumber(),
        subject: `CN=${request.name}, OU=${request.role}, O=salvage`,
        issuer: issuer.subject,
        notBefore: validFrom,
        notAfter: validUntil,
        signingAlgorithm: algorithm,
        publicKey: await importPublicKey(request.publicKeyPem),
        signingKey,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([
            x509.ExtendedKeyUsage.serverAuth,
            x509.ExtendedKeyUsage.clientAuth,
          ]),
          new x509.SubjectAlternativeNameExtension(alternativeNames(request)),
        ],
      });
      return certificate.toString('pem');
    },
  };
}

/** Reads `<name>.pem` and `<name>-key.pem`, issuing the certificate anew for these addresses. */
export async function openIdentity(
  authority: Authority,
  folder: string,
  request: Omit<IssueRequest, 'publicKeyPem'>,
): Promise<Identity> {
  const keyFile = join(folder, `${request.name}-key.pem`);
  let keyPem = await readTextIfAny(keyFile);
  if (keyPem === null) {
    keyPem = makeKey();
    await writeFileWhole(keyFile, keyPem);
  }
  const publicKeyPem = createPublicKey(keyPem).export({ type: 'spki', format: 'pem' }).toString();
  const certificatePem = await authority.issue({ ...request, publicKeyPem });
  await writeFileWhole(join(folder, `${request.name}.pem`), certificatePem, 0o644);
  return { certificatePem, keyPem };
}

/** curl's own pin of a key: `sha256//` and the base64 of SHA-256 over its SPKI (curl(1)). */
export function pinOf(keyPem: string): string {
  const spki = createPublicKey(keyPem).export({ type: 'spki', format: 'der' });
  return `sha256//${createHash('sha256').update(spki).digest('base64')}`;
}

function alternativeNames(request: IssueRequest): { type: 'dns' | 'ip'; value: string }[] {
  const own = { type: 'dns', value: `${request.name}.salvage.internal` } as const;
  const others = (request.addresses ?? []).map(
    (value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }) as const,
  );
  return [own, ...others];
}

async function makeAuthority(): Promise<Identity> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=salvage cluster ${serialNumber().slice(0, 8)}, O=salvage`,
    notBefore: validFrom,
    notAfter: validUntil,
    signingAlgorithm: algorithm,
    keys: keys as never,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return { certificatePem: certificate.toString('pem'), keyPem: pem('PRIVATE KEY', pkcs8) };
}

function makeKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function derOf(text: string): Buffer {
  return Buffer.from(text.replace(/-----[^-]+-----|\s/g, ''), 'base64');
}

async function importPrivateKey(text: string): Promise<webcrypto.CryptoKey> {
  return await webcrypto.subtle.importKey('pkcs8', derOf(text), algorithm, false, ['sign']);
}

async function importPublicKey(text: string): Promise<webcrypto.CryptoKey> {
  return await webcrypto.subtle.importKey('spki', derOf(text), algorithm, true, ['verify']);
}

/** Positive and 120 bits long (RFC 5280 §4.1.2.2 wants at most 20 octets). */
function serialNumber(): string {
  return `1${Buffer.from(webcrypto.getRandomValues(new Uint8Array(15)))
    .toString('hex')
    .slice(1)}`;
}
