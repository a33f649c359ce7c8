// Saying no over HTTP: a HubError with a status, after what the client still sends was read, so that
// it is there to hear it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HubError } from '@salvage/contract';
import { type FailureCode, failures } from '@salvage/kit';

export interface Refusal {
  status: 400 | 403 | 404 | 405 | 413 | 503;
  code: FailureCode;
  message: string;
}

/** The contract's bounds of a HubError's texts. */
const textCharactersMax = 500;

/** Answers with `refusal`; does nothing when the answer has begun or the client is gone. */
export function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent || response.destroyed) return;
  const body: HubError = {
    code: refusal.code,
    message: refusal.message.slice(0, textCharactersMax),
    hint: failures[refusal.code],
  };
  response.writeHead(refusal.status, {
    'content-type': 'application/json',
    // A connection whose request was not read to its end cannot carry another one.
    ...(request.complete ? {} : { connection: 'close' }),
  });
  response.end(`${JSON.stringify(body)}\n`);
}
