// What is known of a model before a byte of its weights is fetched: from the GGUF header alone (by
// HTTP Range), so that a person can say no.
import type { ModelCard } from './card.ts';

export interface ModelOffer {
  /** What the person typed. */
  source: string;
  /** A file's path or the URL that would be fetched. */
  location: string;
  /** The card it would have; `sha256` is empty until the file is there, unless the source says it. */
  card: Omit<ModelCard, 'sha256' | 'path' | 'addedAt'> & { sha256: string | null };
  /** Weights, KV cache and compute buffers at the default context. */
  memoryBytes: number;
  /** True when the store has this file already. */
  installed: boolean;
}
