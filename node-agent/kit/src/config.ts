// Settings of one program: defaults < file < environment < flags. Parsed once in main and handed
// down as plain values. All problems are reported at once, each with its path. The schema comes
// from the program (any Standard Schema); this file knows no schema library.
import { readFileSync } from 'node:fs';
import { SalvageError } from './fail.ts';

interface Issue {
  message: string;
  path?: readonly (PropertyKey | { key: PropertyKey })[] | undefined;
}

/** The part of https://standardschema.dev that is used here. */
export interface StandardSchema<Output> {
  '~standard': {
    validate(value: unknown): { value: Output } | { issues: readonly Issue[] } | Promise<unknown>;
  };
}

export interface ConfigSources {
  /** Path of a JSON file; a missing file is an empty one. */
  file: string | null;
  environment: Record<string, string | undefined>;
  /** Environment variable -> key, for example `{ SALVAGE_BROKER_PORT: 'port' }`. */
  environmentKeys: Record<string, string>;
  flags: Record<string, unknown>;
}

/** Throws SLV_CONFIG with every problem when the merged settings break the schema. */
export function loadConfig<Output>(schema: StandardSchema<Output>, sources: ConfigSources): Output {
  const fromEnvironment = Object.fromEntries(
    Object.entries(sources.environmentKeys).flatMap(([variable, key]) => {
      const text = sources.environment[variable];
      return text === undefined || text === '' ? [] : [[key, scalarOf(text)]];
    }),
  );
  const flags = Object.fromEntries(
    Object.entries(sources.flags).filter(([, value]) => value !== undefined),
  );
  const merged = { ...readJson(sources.file), ...fromEnvironment, ...flags };
  const result = schema['~standard'].validate(merged) as
    | { value: Output }
    | { issues: readonly Issue[] };
  if ('issues' in result && result.issues !== undefined) {
    const problems = result.issues.map((issue) => `${pathOf(issue)}: ${issue.message}`);
    throw new SalvageError('SLV_CONFIG', `settings are wrong:\n  ${problems.join('\n  ')}`);
  }
  return (result as { value: Output }).value;
}

function readJson(file: string | null): Record<string, unknown> {
  if (file === null) return {};
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new SalvageError('SLV_CONFIG', `cannot read ${file}`, { cause: error });
  }
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new SalvageError('SLV_CONFIG', `${file} is not JSON: ${(error as Error).message}`);
  }
}

function scalarOf(text: string): unknown {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (text === 'true' || text === 'false') return text === 'true';
  return text;
}

function pathOf(issue: Issue): string {
  const keys = (issue.path ?? []).map((part) => (typeof part === 'object' ? part.key : part));
  return keys.map(String).join('.') || 'settings';
}
