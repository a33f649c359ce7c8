// What the HTTP server hands to the app, and what the app keeps per request.
import type { HttpBindings } from '@hono/node-server';
import type { Client } from './ports.ts';

export interface GatewayEnv {
  Bindings: Partial<HttpBindings>;
  Variables: { client: Client };
}
