// Where salvage keeps things, by the XDG base directory rules. Environment and home are arguments.
import { join } from 'node:path';

export interface Folders {
  /** Credentials, certificates, ledger, settings: small, precious. */
  state: string;
  /** Models, engines, packs: large, can be made again. */
  cache: string;
}

export function foldersOf(environment: Record<string, string | undefined>, home: string): Folders {
  const of = (own: string, xdg: string, fallback: string): string =>
    environment[own] ?? join(environment[xdg] ?? join(home, fallback), 'salvage');
  return {
    state: of('SALVAGE_STATE', 'XDG_STATE_HOME', '.local/state'),
    cache: of('SALVAGE_CACHE', 'XDG_CACHE_HOME', '.cache'),
  };
}
