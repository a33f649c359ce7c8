// What the store holds: the list in `models.json` and, of it, the models whose files are there.
// Changes go one after the other, each on top of what the one before it wrote.
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Log, SalvageError } from '@salvage/kit';
import type { ModelCard } from './card.ts';
import { freeModelId } from './names.ts';
import {
  fileOfModel,
  isPresent,
  type ModelRecord,
  modelsMax,
  readRecords,
  writeRecords,
} from './records.ts';

export interface Shelf {
  /** Cards of the files that are there, oldest first. */
  cards(): ModelCard[];
  bySha(sha256: string | null): ModelCard | null;
  /** The id of any listed model, its file there or not. */
  recordOf(modelId: string): ModelRecord | null;
  readonly isFull: boolean;
  /**
   * Lists a model whose file has just come. `isFixed` says that its id may not be changed to make
   * it unique; the check for that was the caller's.
   */
  put(record: ModelRecord, isFixed: boolean): Promise<ModelCard>;
  take(record: ModelRecord): Promise<void>;
}

/** Rejects with SLV_STATE when the list is damaged. */
export async function openShelf(stateFile: string, folder: string, log: Log): Promise<Shelf> {
  let records = await readRecords(stateFile);
  const present = new Set<string>();
  for (const record of records) {
    if (await isPresent(folder, record)) present.add(record.sha256);
    else log.warn('model-missing', { modelId: record.modelId, folder });
  }
  let saving: Promise<void> = Promise.resolve();
  const change = (next: (now: ModelRecord[]) => ModelRecord[]): Promise<void> => {
    const done = saving.then(async () => {
      const changed = next(records);
      await writeRecords(stateFile, changed);
      records = changed;
    });
    saving = done.catch(() => undefined);
    return done;
  };
  const cardOf = (record: ModelRecord): ModelCard => ({
    ...record,
    path: resolve(fileOfModel(folder, record.sha256)),
  });
  const cards = (): ModelCard[] => records.filter(({ sha256 }) => present.has(sha256)).map(cardOf);
  return {
    cards,
    bySha: (sha256) => cards().find((card) => card.sha256 === sha256) ?? null,
    recordOf: (modelId) => records.find((record) => record.modelId === modelId) ?? null,
    get isFull() {
      return records.length >= modelsMax;
    },
    put: async (record, isFixed) => {
      let put = record;
      await change((now) => {
        const others = now.filter(({ sha256 }) => sha256 !== record.sha256);
        const isTaken = (id: string): boolean => others.some(({ modelId }) => modelId === id);
        if (isFixed && isTaken(record.modelId)) throw nameTaken(record.modelId);
        const earlier = now.find(({ sha256 }) => sha256 === record.sha256)?.modelId;
        const free = earlier ?? freeModelId(record.modelId, isTaken);
        put = { ...record, modelId: isFixed ? record.modelId : free };
        return [...others, put];
      });
      present.add(put.sha256);
      return cardOf(put);
    },
    take: async ({ sha256 }) => {
      await change((now) => now.filter((other) => other.sha256 !== sha256));
      present.delete(sha256);
      await rm(fileOfModel(folder, sha256), { force: true });
    },
  };
}

export function nameTaken(modelId: string): SalvageError {
  return new SalvageError('SLV_REQUEST', `another model is called ${modelId}`, {
    hint: `choose another name, or remove that one: salvage models rm ${modelId}`,
  });
}
