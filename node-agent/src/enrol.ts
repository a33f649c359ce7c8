// Joining a cluster: makes a key, has its public half signed by the hub, and keeps the answer. The
// hub is proved by the pin in the join line (SHA-256 of its public key, curl's `--pinnedpubkey`)
// before a byte of the token is sent.
import { createHash, createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import {
  type Architecture,
  defaultPorts,
  EnrolAnswer,
  type EnrolRequest,
  HubError,
} from '@salvage/contract';
import { type Clock, type FailureCode, failures, messageOf, SalvageError } from '@salvage/kit';
import * as v from 'valibot';
import { type Identity, readIdentity, saveIdentity } from './identity.ts';
import { limits } from './limits.ts';

export interface EnrolOptions {
  /** `https://HOST:PORT` */
  hub: string;
  /** `sha256//` and base64. */
  pin: string;
  token: string;
  name: string;
  /** Folder of `identity.json`. */
  state: string;
  /** True joins anew although this machine belongs to the cluster already. */
  again: boolean;
  architecture: Architecture;
  clock: Clock;
}

export interface Enrolled {
  identity: Identity;
  /** True when nothing was done: the machine belongs to this cluster already. */
  kept: boolean;
}

/**
 * Enrols this machine. Rejects with SLV_TOKEN (wrong hub, bad token: with the hub's own words),
 * SLV_TIMEOUT (the hub does not answer), SLV_STATE (the state folder).
 */
export async function enrol(options: EnrolOptions): Promise<Enrolled> {
  const hub = hubOf(options.hub);
  const before = await readIdentity(options.state).catch((error) => {
    if (options.again) return null;
    throw error;
  });
  const { socket, certificate } = await reachHub(hub, options);
  try {
    if (before !== null && !options.again && isSignedBy(certificate, before.caPem)) {
      return { identity: before, kept: true };
    }
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const answer = await ask(socket, hub, {
      token: options.token,
      name: options.name.slice(0, 200),
      publicKeyPem: keys.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      architecture: options.architecture,
    });
    const keyPem = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    checkAnswer(answer, keyPem, certificate);
    const identity: Identity = { ...answer, keyPem, name: options.name, renamed: null };
    await saveIdentity(options.state, identity);
    // What another cluster wished is nothing to this one.
    await rm(join(options.state, 'desired.json'), { force: true });
    return { identity, kept: false };
  } finally {
    socket.destroy();
  }
}

interface Proved {
  socket: TLSSocket;
  certificate: X509Certificate;
}

interface Hub {
  host: string;
  port: number;
  url: string;
}

function hubOf(text: string): Hub {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol !== 'https:') {
    throw new SalvageError('SLV_CONFIG', `${text} is not an address like https://HOST:PORT`);
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? defaultPorts.hub : Number(url.port);
  return { host, port, url: url.origin };
}

/** A proved connection. Network failures are tried again, a wrong key is not. */
async function reachHub(hub: Hub, { pin, clock }: EnrolOptions): Promise<Proved> {
  let problem = '';
  for (let attempt = 0; attempt < limits.enrolAttemptsMax; attempt += 1) {
    if (attempt > 0) await clock.sleep(limits.enrolWaitMilliseconds * 2 ** (attempt - 1));
    try {
      return await connectPinned(hub, pin);
    } catch (error) {
      if (error instanceof SalvageError) throw error;
      problem = messageOf(error);
    }
  }
  throw new SalvageError('SLV_TIMEOUT', `the hub at ${hub.url} does not answer: ${problem}`, {
    hint: 'check that the hub runs, that both are on one network, and that no firewall is between',
  });
}

function connectPinned(hub: Hub, pin: string): Promise<Proved> {
  return new Promise((resolve, reject) => {
    // The pin takes the place of the certificate authority, which is not known yet.
    const socket = tlsConnect({
      host: hub.host,
      port: hub.port,
      ...(isIP(hub.host) === 0 ? { servername: hub.host } : {}),
      minVersion: 'TLSv1.2',
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(limits.enrolTimeoutMilliseconds, () => {
      fail(new Error(`silent for ${limits.enrolTimeoutMilliseconds / 1000} s`));
    });
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate();
      if (certificate === undefined || pinOf(certificate) !== pin) {
        return fail(
          new SalvageError(
            'SLV_TOKEN',
            `${hub.url} is not the hub of this join line: its key is another`,
            {
              hint: 'nothing was sent to it; make a new line on your hub: salvage token create',
            },
          ),
        );
      }
      socket.removeListener('error', fail);
      socket.on('error', () => undefined); // the request that follows reports it
      resolve({ socket, certificate });
    });
  });
}

function pinOf(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return `sha256//${createHash('sha256').update(spki).digest('base64')}`;
}

function isSignedBy(certificate: X509Certificate, caPem: string): boolean {
  return certificate.verify(new X509Certificate(caPem).publicKey);
}

/** One request: the token may be used up by it, so it is never sent twice. */
function ask(socket: TLSSocket, hub: Hub, body: EnrolRequest): Promise<EnrolAnswer> {
  const text = JSON.stringify(body);
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const request = httpsRequest(
      {
        createConnection: () => socket,
        host: hub.host,
        port: hub.port,
        method: 'POST',
        path: '/join/enrol',
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
          connection: 'close',
        },
        timeout: limits.enrolTimeoutMilliseconds,
      },
      (response) => {
        let answer = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          answer += chunk;
          if (answer.length > limits.enrolAnswerBytesMax) request.destroy(new Error('too long'));
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: answer }));
        response.on('error', reject);
      },
    );
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', reject);
    request.end(text);
  }).then(
    ({ status, text: answer }) => read(status, answer, hub),
    (error) => {
      throw new SalvageError('SLV_TIMEOUT', `no answer from ${hub.url}: ${messageOf(error)}`, {
        hint: 'run the same line again; if the token counts as used then, make a new one',
      });
    },
  );
}

function read(status: number, text: string, hub: Hub): EnrolAnswer {
  let json: unknown = null;
  try {
    json = JSON.parse(text);
  } catch {
    json = null; // told apart below
  }
  const answer = v.safeParse(EnrolAnswer, json);
  if (status >= 200 && status < 300 && answer.success) return answer.output;
  const refusal = v.safeParse(HubError, json);
  if (status >= 400 && refusal.success) {
    const { code, message, hint } = refusal.output;
    const known = code in failures ? (code as FailureCode) : 'SLV_TOKEN';
    throw new SalvageError(known, message, hint === '' ? {} : { hint });
  }
  throw new SalvageError('SLV_TOKEN', `${hub.url} answered ${status}, and nothing a hub says`, {
    hint: 'use the same version of salvage on the hub and here',
  });
}

/** The certificate must be for our key, and of the authority that also vouches for the hub. */
function checkAnswer(answer: EnrolAnswer, keyPem: string, hub: X509Certificate): void {
  try {
    const certificate = new X509Certificate(answer.certificatePem);
    const ours = certificate.checkPrivateKey(createPrivateKey(keyPem));
    if (ours && isSignedBy(certificate, answer.caPem) && isSignedBy(hub, answer.caPem)) return;
  } catch {
    // not certificates at all: refused below
  }
  throw new SalvageError('SLV_TOKEN', 'the hub’s answer holds a certificate that is not for us', {
    hint: 'make a new join line: salvage token create; if it comes back, look at the hub’s log',
  });
}
