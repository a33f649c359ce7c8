// The planner's side of a node's engine door: one HTTPS request is one answer. The node is proved
// by the name in its certificate, whatever address it was reached at. No keep-alive: an engine that
// dies must not leave a socket that the next request trips over.

import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
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
/** The prompt's ids come in one line: a million of them at most, by the contract. */
const eventCharactersMax = 16_000_000;

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
    for await (const line of linesOf(response)) {
      const parsed = v.safeParse(CompletionEvent, JSON.parse(line));
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

/** Lines that are not empty; throws at one that does not end within the bound. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response as AsyncIterable<Buffer>) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield line;
    if (rest.length > eventCharactersMax) throw new Error('the node sent a line without end');
  }
  if (rest !== '') yield rest;
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
