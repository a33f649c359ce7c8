// What people may type as a model's source: a path, an address, or `hf:OWNER/REPO[:QUANT]`. Pure.
import { SalvageError } from '@salvage/kit';

export type Source =
  | { kind: 'path'; path: string }
  | { kind: 'url'; url: string }
  | { kind: 'hugging-face'; owner: string; repository: string; choice: string | null };

const sourceLengthMax = 2_000;
const huggingFacePattern =
  /^hf:([A-Za-z0-9][\w.-]{0,95})\/([A-Za-z0-9][\w.-]{0,95})(?::([\w./-]{1,200}))?$/;

/** Throws SLV_REQUEST when it is none of the three. */
export function parseSource(text: string): Source {
  const source = text.trim();
  if (source === '' || source.length > sourceLengthMax || source.includes('\0')) {
    throw new SalvageError(
      'SLV_REQUEST',
      'a model’s source is a file, an address or hf:OWNER/REPO',
    );
  }
  if (source.startsWith('hf:')) {
    const match = huggingFacePattern.exec(source);
    if (match === null || source.includes('..')) {
      throw new SalvageError('SLV_REQUEST', `${source} is not of the form hf:OWNER/REPO[:QUANT]`, {
        hint: 'for example hf:Qwen/Qwen3-0.6B-GGUF:Q8_0',
      });
    }
    const [, owner = '', repository = '', choice] = match;
    return { kind: 'hugging-face', owner, repository, choice: choice ?? null };
  }
  if (/^https?:\/\//i.test(source)) return { kind: 'url', url: checkUrl(source) };
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(source)) {
    throw new SalvageError('SLV_REQUEST', `${source} is neither http:// nor https://`);
  }
  return { kind: 'path', path: source };
}

function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.username !== '' || url.password !== '') {
    throw new SalvageError('SLV_REQUEST', 'this is not an address without a user and a password');
  }
  url.hash = '';
  return url.href;
}

/** The source as it is kept and shown: signed addresses carry secrets behind the question mark. */
export function sourceToKeep(text: string): string {
  const source = text.trim();
  return /^https?:\/\//i.test(source) ? source.replace(/[?#].*$/s, '') : source;
}
