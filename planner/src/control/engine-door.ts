// The planner's side of a node's engine door: one HTTPS request is one answer. The node is proved
// by the name in its certificate, whatever address it was reached at. No keep-alive: an engine that
// dies must not leave a socket that the next request trips over.

import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { createInterface } from 'node:readline';
import {
  CompletionEvent,
  type CompletionRequest,
  HubError,
  type NodeHello,
} from '@salvage/contract';
import { messageOf } from '@salvage/kit';
import * as v from 'valibot';
import type { Identity } from '../hub/certificates.ts';

export interface EngineDoor {
  /** Streams one answer of one engine; a broken connection ends it with an `error` event. */
  complete(
    hello: NodeHello,
    engineId: string,
    request: CompletionRequest,
    signal: AbortSignal,
  ): AsyncIterable<CompletionEvent>;
}

const connectMillisecondsMax = 5_000;
const eventBytesMax = 1_000_000;

export function createEngineDoor(tls: Identity & { caPem: string }): EngineDoor {
  const agent = new Agent({ keepAlive: false, maxSockets: 256 });
  const open = (
    address: string,
    hello: NodeHello,
    path: string,
    body: string,
    signal: AbortSignal,
  ) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const request = httpsRequest(
        {
          agent,
          host: address,
          port: hello.tunnel.port,
          servername: `${hello.nodeId}.salvage.internal`,
          method: 'POST',
          path,
          ca: tls.caPem,
          cert: tls.certificatePem,
          key: tls.keyPem,
          minVersion: 'TLSv1.2',
          signal,
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
          },
        },
        resolve,
      );
      const timer = setTimeout(
        () => request.destroy(new Error(`no answer from ${address} in 5 s`)),
        connectMillisecondsMax,
      );
      request.once('response', () => clearTimeout(timer));
      request.once('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
      request.end(body);
    });

  return {
    complete: async function* (hello, engineId, request, signal) {
      const body = JSON.stringify(request);
      const path = `/engine/${engineId}/complete`;
      let problem = 'the node names no address';
      for (const address of hello.tunnel.addresses) {
        let response: IncomingMessage;
        try {
          response = await open(address, hello, path, body, signal);
        } catch (error) {
          problem = messageOf(error);
          if (signal.aborted) return;
          continue;
        }
        yield* eventsOf(response, signal);
        return;
      }
      yield lost(problem);
    },
  };
}

async function* eventsOf(
  response: IncomingMessage,
  signal: AbortSignal,
): AsyncGenerator<CompletionEvent> {
  if (response.statusCode !== 200) {
    yield await refusal(response);
    return;
  }
  let ended = false;
  try {
    for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
      if (line === '') continue;
      const parsed = v.safeParse(CompletionEvent, JSON.parse(line.slice(0, eventBytesMax)));
      if (!parsed.success) continue;
      ended = parsed.output.event === 'end' || parsed.output.event === 'error';
      yield parsed.output;
      if (ended) return;
    }
    if (!ended && !signal.aborted) yield lost('the node closed the connection');
  } catch (error) {
    if (!signal.aborted) yield lost(messageOf(error));
  } finally {
    response.destroy();
  }
}

async function refusal(response: IncomingMessage): Promise<CompletionEvent> {
  let text = '';
  for await (const chunk of response) {
    text += String(chunk);
    if (text.length > 10_000) break;
  }
  response.destroy();
  try {
    const { code, message } = v.parse(HubError, JSON.parse(text));
    return { event: 'error', code, message };
  } catch {
    return lost(`the node answered ${response.statusCode}`);
  }
}

function lost(message: string): CompletionEvent {
  return { event: 'error', code: 'SLV_NODE_LOST', message };
}
