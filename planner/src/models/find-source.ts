// A source that a person typed -> where its file is and what its header says. Nothing is fetched
// but the header.
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf, SalvageError } from '@salvage/kit';
import type { ShapeOfModel } from '../gguf/describe.ts';
import type { Fetch } from './http.ts';
import { findInRepository } from './hugging-face.ts';
import { stemOf } from './names.ts';
import { readHeaderOfFile, readHeaderOfUrl } from './read-header.ts';
import { parseSource } from './source.ts';

export interface Found {
  /** A file's real path, or the address that would be fetched. */
  location: string;
  isRemote: boolean;
  /** Null where the source does not tell it. */
  sha256: string | null;
  shape: ShapeOfModel;
}

/** Rejects with SLV_REQUEST, SLV_DOWNLOAD or SLV_MODEL_FORMAT. */
export async function findSource(
  text: string,
  options: { fetch: Fetch; huggingFaceBase: string; signal: AbortSignal | undefined },
): Promise<Found> {
  const source = parseSource(text);
  if (source.kind === 'path') {
    const location = await realpath(resolve(source.path)).catch((error: unknown) => {
      throw new SalvageError('SLV_REQUEST', `cannot read ${source.path}: ${messageOf(error)}`);
    });
    const { shape } = await readHeaderOfFile(location, stemOf(source.path));
    return { location, isRemote: false, sha256: null, shape };
  }
  const file =
    source.kind === 'url'
      ? { url: source.url, path: new URL(source.url).pathname, bytes: null, sha256: null }
      : await findInRepository(source, { ...options, base: options.huggingFaceBase });
  const fileName = stemOf(file.path);
  const { shape, fileBytes } = await readHeaderOfUrl(file.url, fileName, options);
  if (file.bytes !== null && file.bytes !== fileBytes) {
    const problem = `${fileName} should have ${file.bytes} bytes and has ${fileBytes}`;
    throw new SalvageError('SLV_DOWNLOAD', problem);
  }
  return { location: file.url, isRemote: true, sha256: file.sha256, shape };
}
