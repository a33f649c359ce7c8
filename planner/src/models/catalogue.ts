// The bundled catalogue: models that suit salvaged machines, with shapes good enough to predict
// where they would run and how fast before a byte is fetched. Sizes are estimates.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ModelId } from '@salvage/contract';
import { asFailure } from '@salvage/kit';
import * as v from 'valibot';
import type { ModelCard } from './card.ts';

const Count = v.pipe(v.number(), v.integer(), v.minValue(1));

const CatalogueEntry = v.object({
  modelId: ModelId,
  name: v.string(),
  /** `hf:OWNER/REPO:QUANT`; whether it is there was not checked. */
  source: v.pipe(v.string(), v.startsWith('hf:')),
  architecture: v.string(),
  quant: v.string(),
  /** Estimated from bits per weight. */
  bytes: Count,
  parameters: Count,
  layers: Count,
  width: Count,
  heads: Count,
  headsKv: Count,
  headSize: Count,
  vocabulary: Count,
  /** The embedding is the output layer as well. */
  isTied: v.boolean(),
  contextTokensMax: Count,
  licence: v.string(),
  about: v.string(),
});
export type CatalogueEntry = v.InferOutput<typeof CatalogueEntry>;

const Catalogue = v.object({ models: v.pipe(v.array(CatalogueEntry), v.maxLength(100)) });

const bundledFile = fileURLToPath(new URL('../../data/catalogue.json', import.meta.url));

/** The bundled catalogue, or another file's. Rejects with SLV_STATE when it cannot be read. */
export async function loadCatalogue(file: string = bundledFile): Promise<CatalogueEntry[]> {
  try {
    return v.parse(Catalogue, JSON.parse(await readFile(file, 'utf8'))).models;
  } catch (error) {
    throw asFailure(error, 'SLV_STATE', `reading the catalogue from ${file}`);
  }
}

/** A card for predictions only: it has no file, so its `sha256` and `path` are empty. */
export function cardOfCatalogue(entry: CatalogueEntry): ModelCard {
  const { headSize, isTied, about: _about, ...shape } = entry;
  const embeddingShare = isTied ? 0 : (shape.vocabulary * shape.width) / shape.parameters;
  return {
    ...shape,
    sha256: '',
    path: '',
    headSizeKey: headSize,
    headSizeValue: headSize,
    experts: 0,
    expertsActive: 0,
    bytesPerToken: Math.round(shape.bytes * (1 - embeddingShare)),
    chatTemplate: null,
    startTokenText: null,
    endTokenText: null,
    notice: null,
    addedAt: 0,
  };
}
