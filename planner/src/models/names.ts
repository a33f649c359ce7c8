// Names of models: an id that people can type, out of whatever a file calls itself. Pure.
import { ModelId } from '@salvage/contract';
import * as v from 'valibot';
import { quantNames } from '../gguf/ggml-types.ts';

const nameLengthMax = 60;
const quantLengthMax = 31;

/** `Qwen3 0.6B`, `Q8_0` -> `qwen3-0.6b:q8_0`. Always a valid id. */
export function modelIdOf(name: string, quant: string): ModelId {
  const stem = slugOf(withoutQuant(name), nameLengthMax) || 'model';
  const variant = slugOf(quant, quantLengthMax);
  return variant === '' ? stem : `${stem}:${variant}`;
}

/** The id itself, or with `-2`, `-3` … behind its name where that one is taken. */
export function freeModelId(wanted: ModelId, isTaken: (modelId: ModelId) => boolean): ModelId {
  const [stem = 'model', variant] = wanted.split(':');
  for (let number = 1; ; number++) {
    const name = number === 1 ? stem : `${stem}-${number}`;
    const modelId = variant === undefined ? name : `${name}:${variant}`;
    if (!isTaken(modelId)) return modelId;
  }
}

export function isModelId(text: string): boolean {
  return v.is(ModelId, text);
}

/** `Qwen3-0.6B-Q8_0.gguf` -> `Qwen3-0.6B-Q8_0`, of a path or an address. */
export function stemOf(path: string): string {
  const last = path.split('/').pop() ?? path;
  return last.replace(/\.gguf$/i, '') || 'model';
}

/** The quantisation that a file's name tells, upper case; null where it tells none. */
export function quantOfFileName(path: string): string | null {
  const stem = `-${stemOf(path).toUpperCase()}-`;
  const found = quantNames.find((name) => quantPattern(name).test(stem));
  return found ?? null;
}

function withoutQuant(name: string): string {
  const quant = quantOfFileName(name);
  if (quant === null) return name.replace(/\.gguf$/i, '');
  return ` ${stemOf(name)} `.replace(quantPattern(quant), ' ');
}

function quantPattern(quant: string): RegExp {
  return new RegExp(`[-._ ]${quant}(?=[-. ])`, 'i');
}

function slugOf(text: string, lengthMax: number): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9._]+/g, '-')
    .slice(0, lengthMax)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '');
}
