// Which file of a Hugging Face repository is meant: its list of files (GET
// /api/models/OWNER/REPO/tree/main), one choice by quantisation, and the file's SHA-256, which is
// the object id of its LFS entry. No token: what needs a licence accepted is fetched by hand.
import { SalvageError } from '@salvage/kit';
import * as v from 'valibot';
import { type Fetch, getJson } from './http.ts';
import { quantOfFileName } from './names.ts';

export interface RemoteFile {
  url: string;
  path: string;
  bytes: number | null;
  sha256: string | null;
}

const filesMax = 5_000;
const choicesShownMax = 20;

/** What is taken when nobody says: from the usual best buy down to what small repositories have. */
const quantsPreferred = [
  'Q4_K_M',
  'Q4_0',
  'Q8_0',
  'Q4_K_S',
  'Q5_K_M',
  'IQ4_XS',
  'IQ4_NL',
  'Q6_K',
  'Q5_K_S',
  'F16',
  'BF16',
];

const Tree = v.pipe(
  v.array(
    v.object({
      type: v.string(),
      path: v.pipe(v.string(), v.maxLength(1_000)),
      size: v.optional(v.number()),
      lfs: v.optional(v.nullable(v.object({ oid: v.string(), size: v.optional(v.number()) }))),
    }),
  ),
  v.maxLength(filesMax),
);
export type Tree = v.InferOutput<typeof Tree>;

export interface Repository {
  owner: string;
  repository: string;
  choice: string | null;
}

/** Rejects with SLV_REQUEST and the choices, or with SLV_DOWNLOAD when the site does not answer. */
export async function findInRepository(
  wanted: Repository,
  options: { base: string; fetch: Fetch; signal: AbortSignal | undefined },
): Promise<RemoteFile> {
  const name = `${wanted.owner}/${wanted.repository}`;
  const base = options.base.replace(/\/+$/, '');
  const address = `${base}/api/models/${name}/tree/main?recursive=true`;
  const answer = v.safeParse(Tree, await getJson(address, options));
  if (!answer.success) {
    throw new SalvageError('SLV_DOWNLOAD', `${address} did not answer with a list of files`);
  }
  const file = chooseFile(answer.output, wanted);
  const path = file.path.split('/').map(encodeURIComponent).join('/');
  const sha256 = file.lfs?.oid.replace(/^sha256:/, '') ?? '';
  return {
    url: `${base}/${name}/resolve/main/${path}`,
    path: file.path,
    bytes: file.lfs?.size ?? file.size ?? null,
    sha256: /^[0-9a-f]{64}$/.test(sha256) ? sha256 : null,
  };
}

/** The one file that is meant. Throws SLV_REQUEST with what there is to choose from. */
export function chooseFile(tree: Tree, { owner, repository, choice }: Repository): Tree[number] {
  const name = `hf:${owner}/${repository}`;
  const models = tree.filter(({ type, path }) => type === 'file' && isModelFile(path));
  const whole = models.filter(({ path }) => !/-\d{5}-of-\d{5}\.gguf$/i.test(path));
  if (whole.length === 0) {
    throw new SalvageError('SLV_REQUEST', emptyText(name, models.length), {
      hint: 'look for a repository whose name ends in -GGUF',
    });
  }
  if (choice !== null) {
    const fits = whole.filter(({ path }) => isChoice(path, choice));
    return only(fits, whole, name, choice);
  }
  for (const quant of quantsPreferred) {
    const fits = whole.filter(({ path }) => quantOfFileName(path) === quant);
    if (fits.length > 0) return only(fits, whole, name, quant);
  }
  return only(whole, whole, name, null);
}

function emptyText(name: string, parts: number): string {
  return parts === 0
    ? `${name} holds no GGUF model`
    : `${name} holds its models only in parts, which cannot be served`;
}

/** Projectors and importance matrices are GGUF files too, but no models. */
function isModelFile(path: string): boolean {
  return /\.gguf$/i.test(path) && !/(^|[/._-])(mmproj|imatrix)/i.test(path);
}

function isChoice(path: string, choice: string): boolean {
  const wanted = choice.toLowerCase();
  const file = path.toLowerCase();
  if (file === wanted || file.endsWith(`/${wanted}`)) return true;
  if (file.endsWith(`-${wanted}.gguf`) || file.endsWith(`.${wanted}.gguf`)) return true;
  return quantOfFileName(path)?.toLowerCase() === wanted;
}

function only(
  fits: readonly Tree[number][],
  all: readonly Tree[number][],
  name: string,
  choice: string | null,
): Tree[number] {
  const [first] = fits;
  if (first !== undefined && fits.length === 1) return first;
  const shown = (fits.length === 0 ? all : fits).slice(0, choicesShownMax);
  const choices = shown.map(({ path }) => `${name}:${choiceOf(path, all)}`).join('\n  ');
  const problem = fits.length === 0 ? 'has no' : 'has more than one';
  throw new SalvageError(
    'SLV_REQUEST',
    `${name} ${problem} ${choice ?? 'model'}; there are\n  ${choices}`,
    { hint: 'name one of them' },
  );
}

/** The quantisation where it tells the files apart, else the path. */
function choiceOf(path: string, all: readonly Tree[number][]): string {
  const quant = quantOfFileName(path);
  const same = all.filter((other) => quantOfFileName(other.path) === quant);
  return quant !== null && same.length === 1 ? quant : path;
}
