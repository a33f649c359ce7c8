// The hub door's routes: join script, packs, enrolment and the model store. Tokens guard the first
// three, a node's client certificate the last. The gateway's own routes are mounted beside them.
import { createPublicKey } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { HttpBindings } from '@hono/node-server';
import { serveStatic } from '@hono/node-server/serve-static';
import { type EnrolAnswer, EnrolRequest, type HubError, Sha256 } from '@salvage/contract';
import { asFailure, type Clock, type Log, randomPassword, SalvageError } from '@salvage/kit';
import type { Context } from 'hono';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import * as v from 'valibot';
import type { Authority } from './certificates.ts';
import { type JoinPack, joinScript, shellQuote } from './join-script.ts';
import type { NodeRegister } from './node-register.ts';
import type { Packs } from './packs.ts';
import type { TokenStore } from './token-store.ts';

export interface JoinDoorOptions {
  clock: Clock;
  log: Log;
  authority: Authority;
  tokens: TokenStore;
  register: NodeRegister;
  packs: Packs;
  pin: string;
  fileOfModel(sha256: string): string | null;
  /** Broker's address for a node that reached the hub under `host`. */
  mqttUrl(host: string, local: boolean): string;
  hubUrl(host: string): string;
  /** Resolves when the broker knows the new node. */
  onEnrolled(nodeId: string): Promise<void>;
}

type Environment = { Bindings: HttpBindings };

export function createJoinDoor(options: JoinDoorOptions): Hono<Environment> {
  const app = new Hono<Environment>();

  app.get('/join/:token', async (c) => {
    const { token } = c.req.param();
    if (options.tokens.find(token, 'node') === null) return refuseScript(c);
    let packs: JoinPack[];
    try {
      packs = await options.packs.ready();
    } catch (error) {
      const { message, hint } = asFailure(error, 'SLV_PACK_MISSING', 'the hub has no pack');
      options.log.error('pack-failed', { problem: message });
      return c.text(scriptThatSays(`${message}. On the hub: ${hint}`), 200, shellScript);
    }
    const hubUrl = options.hubUrl(hostOf(c));
    return c.text(joinScript({ hubUrl, pin: options.pin, token, packs }), 200, shellScript);
  });

  app.get('/join/:token/pack/:file', async (c, next) => {
    const { token, file } = c.req.param();
    if (options.tokens.find(token, 'node') === null) return c.json(tokenError, 403);
    const path = options.packs.fileOf(file);
    if (path === null) return c.json(notFound(`there is no pack ${file}`), 404);
    return (await serveStatic<Environment>({ path })(c, next)) ?? c.json(notFound(file), 404);
  });

  app.post('/join/enrol', bodyLimit({ maxSize: 16_384 }), async (c) => {
    const parsed = v.safeParse(EnrolRequest, await c.req.json().catch(() => null));
    if (!parsed.success) {
      const { code, hint } = new SalvageError('SLV_REQUEST', '');
      return c.json({ code, message: 'not an enrolment request', hint } satisfies HubError, 400);
    }
    const request = parsed.output;
    const record = options.tokens.find(request.token, 'node');
    if (record === null) return c.json(tokenError, 403);
    try {
      return c.json(await enrol(request, record.local, hostOf(c), record.tokenId));
    } catch (error) {
      const { code, message, hint } = asFailure(error, 'SLV_REQUEST', 'cannot enrol');
      return c.json({ code, message, hint } satisfies HubError, 400);
    }
  });

  const enrol = async (
    request: EnrolRequest,
    local: boolean,
    host: string,
    tokenId: string,
  ): Promise<EnrolAnswer> => {
    const password = randomPassword();
    assertPublicKey(request.publicKeyPem);
    await options.tokens.use(tokenId);
    const now = options.clock.unixMilliseconds();
    const node = await options.register.enrol({ name: request.name, password, now, local });
    const { publicKeyPem } = request;
    const certificatePem = await options.authority
      .issue({ publicKeyPem, name: node.nodeId, role: 'node' })
      .catch(async (error) => {
        await options.register.remove(node.nodeId);
        throw error;
      });
    options.log.info('node-enrolled', { nodeId: node.nodeId, architecture: request.architecture });
    await options.onEnrolled(node.nodeId);
    return {
      nodeId: node.nodeId,
      clusterId: options.register.clusterId,
      caPem: options.authority.caPem,
      certificatePem,
      mqtt: { url: options.mqttUrl(host, local), user: node.nodeId, password },
      hubUrl: options.hubUrl(host),
    };
  };

  app.get('/store/models/:sha256', async (c, next) => {
    const { sha256 } = c.req.param();
    if (!isMember(c, options.register)) {
      return c.json(denied, 403);
    }
    const path = v.is(Sha256, sha256) ? options.fileOfModel(sha256) : null;
    if (path === null) return c.json(notFound(`there is no model ${sha256.slice(0, 12)}`), 404);
    return (await serveStatic<Environment>({ path })(c, next)) ?? c.json(notFound(sha256), 404);
  });

  return app;
}

const tokenError: HubError = {
  code: 'SLV_TOKEN',
  message: 'this join token is not known, was used already, or has expired',
  hint: 'make a new one on the hub: salvage token create',
};

const denied: HubError = {
  code: 'SLV_DENIED',
  message: 'the model store answers nodes of this cluster alone',
  hint: 'join this machine to the cluster first',
};

function notFound(message: string): HubError {
  return { code: 'SLV_MODEL_UNKNOWN', message, hint: '' };
}

const shellScript = { 'content-type': 'text/x-shellscript; charset=utf-8' };

/** For curl piped into sh: with -f it prints its own error and the shell gets nothing. */
function refuseScript(c: Context<Environment>): Response {
  return c.text(scriptThatSays(`${tokenError.message}; ${tokenError.hint}`), 403);
}

function scriptThatSays(text: string): string {
  return `printf '%s\\n' ${shellQuote(`salvage: ${text}`)} >&2; exit 1\n`;
}

/** Before a token is used up: an EC key on P-256, as the agents make them. */
function assertPublicKey(pem: string): void {
  const key = createPublicKey(pem);
  if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return;
  throw new SalvageError('SLV_REQUEST', 'the public key is not an EC key on P-256');
}

/** A certificate of our CA whose bearer is a node that was not removed since. */
function isMember(c: Context<Environment>, register: NodeRegister): boolean {
  const socket = c.env.incoming.socket as TLSSocket;
  if (socket.authorized !== true) return false;
  const { subject } = socket.getPeerCertificate();
  return subject?.OU === 'node' && register.get(String(subject.CN)) !== null;
}

/** The name or address under which the caller reached us. */
function hostOf(c: Context<Environment>): string {
  return new URL(c.req.url).hostname.replace(/^\[|\]$/g, '');
}
