// A request's JSON body, bounded in bytes and depth before anything is parsed.
import type { FailureCode } from '@salvage/kit';

export type Body =
  | { ok: true; value: Record<string, unknown> }
  | { ok: false; status: 400 | 413 | 415; code: FailureCode; message: string };

/**
 * Reads and parses. A missing content type is refused too: a web page can send any text without
 * asking first, but not `application/json`.
 */
export async function readJsonBody(
  request: Request,
  bounds: { bytesMax: number; depthMax: number },
): Promise<Body> {
  const type = request.headers.get('content-type') ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    return refusal(415, 'send JSON, with the header content-type: application/json');
  }
  const encoding = request.headers.get('content-encoding') ?? 'identity';
  if (encoding !== 'identity') return refusal(415, 'send the body without a content-encoding');
  const tooLarge = `the body is larger than ${bounds.bytesMax} bytes`;
  if (Number(request.headers.get('content-length') ?? 0) > bounds.bytesMax) {
    return refusal(413, tooLarge);
  }
  let bytes: Uint8Array | null;
  try {
    bytes = await readBytes(request, bounds.bytesMax);
  } catch {
    return refusal(400, 'the body broke off');
  }
  if (bytes === null) return refusal(413, tooLarge);
  return parse(bytes, bounds.depthMax);
}

function parse(bytes: Uint8Array, depthMax: number): Body {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return refusal(400, 'the body is not UTF-8');
  }
  if (jsonDepth(text) > depthMax) {
    return refusal(400, `the body is nested more than ${depthMax} deep`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the body, which has no place in logs.
    return refusal(400, 'the body is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refusal(400, 'the body is not a JSON object');
  }
  return { ok: true, value: value as Record<string, unknown> };
}

/** Deepest nesting of brackets outside strings; of text that is not JSON, some number. */
function jsonDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === 0x5c) index += 1;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      deepest = Math.max(deepest, depth);
    } else if (code === 0x7d || code === 0x5d) depth -= 1;
  }
  return deepest;
}

async function readBytes(request: Request, bytesMax: number): Promise<Uint8Array | null> {
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = request.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks);
    length += value.byteLength;
    if (length > bytesMax) {
      reader.cancel().catch(() => undefined);
      return null;
    }
    chunks.push(value);
  }
}

function refusal(status: 400 | 413 | 415, message: string): Body {
  return { ok: false, status, code: 'SLV_REQUEST', message };
}
