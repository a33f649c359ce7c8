// The planner's gateway as one Hono app: the same on the plain loopback port and behind TLS. It
// needs `incoming` of the Node server in its bindings to know who is local.
import type { Clock, Log } from '@salvage/kit';
import { type Context, Hono } from 'hono';
import { checkAccess } from './access.ts';
import { errorBody } from './dialects/openai/problem.ts';
import type { GatewayEnv } from './env.ts';
import { type GatewayLimits, gatewayLimits } from './limits.ts';
import { createLine } from './line.ts';
import { addOpenaiRoutes, refuse } from './openai-routes.ts';
import type { GatewayPorts } from './ports.ts';
import { faultFields } from './refusal.ts';

export type GatewayApp = Hono<GatewayEnv>;

export interface GatewayOptions {
  clock: Clock;
  /** `bytes` random bytes. */
  random: (bytes: number) => Uint8Array;
  log: Log;
  /** Host names by which this machine's keyless door may be called, besides localhost. */
  extraHosts: () => string[];
  limits?: Partial<GatewayLimits>;
}

/** The app; everything under `/v1` is checked for access. There are no CORS headers anywhere. */
export function createGatewayApp(ports: GatewayPorts, options: GatewayOptions): GatewayApp {
  const { clock, log, random, extraHosts } = options;
  const limits: GatewayLimits = { ...gatewayLimits, ...options.limits };
  const app = new Hono<GatewayEnv>();
  app.use('/v1/*', async (c, next) => {
    const access = checkAccess((name) => c.req.header(name), c.env?.incoming, {
      ports,
      extraHosts,
    });
    if (!access.ok) {
      const { message, status } = access;
      const headers: Record<string, string> =
        status === 401 ? { 'www-authenticate': 'Bearer' } : {};
      return refuse(c, { code: 'SLV_DENIED', message, param: null }, { status, headers });
    }
    c.set('client', access.client);
    return await next();
  });
  const line = createLine(clock, limits);
  addOpenaiRoutes(app, { desk: { ports, clock, log, limits, line }, random });
  const nothing = (c: Context<GatewayEnv>): Response => {
    const message = `there is nothing at ${c.req.method} ${c.req.path.slice(0, 200)}`;
    return c.json(errorBody({ code: 'SLV_REQUEST', message, param: null }), 404);
  };
  // A route as well, because an app that mounts this one brings its own `notFound`.
  app.all('/v1/*', nothing);
  app.notFound(nothing);
  app.onError((error, c) => {
    log.error('gateway-bug', { ...faultFields(error), path: c.req.path.slice(0, 200) });
    const message = 'the gateway broke on this request';
    return c.json(errorBody({ code: 'SLV_STATE', message, param: null }), 500);
  });
  return app;
}
