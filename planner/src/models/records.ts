// The list of models as it lies in `models.json`: small, whole or absent. A card whose file is
// gone for the moment (a disk that is not mounted) stays in the list and is not shown.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelId, Sha256 } from '@salvage/contract';
import { readTextIfAny, SalvageError, writeFileWhole } from '@salvage/kit';
import * as v from 'valibot';
import type { ModelCard } from './card.ts';

export const modelsMax = 500;

const Count = v.pipe(v.number(), v.minValue(0));
const Text = v.pipe(v.string(), v.maxLength(2_000));

const Record = v.object({
  modelId: ModelId,
  name: Text,
  sha256: Sha256,
  bytes: Count,
  architecture: Text,
  quant: Text,
  parameters: Count,
  layers: Count,
  width: Count,
  heads: Count,
  headsKv: Count,
  headSizeKey: Count,
  headSizeValue: Count,
  vocabulary: Count,
  experts: Count,
  expertsActive: Count,
  bytesPerToken: Count,
  contextTokensMax: Count,
  chatTemplate: v.nullable(v.pipe(v.string(), v.maxLength(1024 * 1024))),
  startTokenText: v.nullable(Text),
  endTokenText: v.nullable(Text),
  licence: v.nullable(Text),
  source: Text,
  notice: v.nullable(Text),
  addedAt: Count,
});
export type ModelRecord = Omit<ModelCard, 'path'>;

const Document = v.object({ version: v.literal(1), models: v.array(Record) });

/** Rejects with SLV_STATE when the file is there and not what it should be. */
export async function readRecords(file: string): Promise<ModelRecord[]> {
  const text = await readTextIfAny(file);
  if (text === null) return [];
  try {
    return v.parse(Document, JSON.parse(text)).models;
  } catch (error) {
    throw new SalvageError('SLV_STATE', `${file} is damaged: ${(error as Error).message}`, {
      hint: 'move it away and add the models again; their files are kept',
      cause: error,
    });
  }
}

export async function writeRecords(file: string, models: readonly ModelRecord[]): Promise<void> {
  await writeFileWhole(file, `${JSON.stringify({ version: 1, models }, null, 1)}\n`);
}

/** Where the file of a model lies in the store's folder. */
export function fileOfModel(folder: string, sha256: string): string {
  return join(folder, `${sha256}.gguf`);
}

export async function isPresent(folder: string, record: ModelRecord): Promise<boolean> {
  try {
    const { size } = await stat(fileOfModel(folder, record.sha256));
    return size === record.bytes;
  } catch {
    return false;
  }
}
