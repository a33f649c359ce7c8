// A model variant that the store holds: what placement, gateway and people need to know of one
// GGUF file, read from its header once. Quirks are data here, never `if (model === …)` elsewhere.
import type { ModelId, Sha256 } from '@salvage/contract';

export interface ModelCard {
  modelId: ModelId;
  /** `general.name` of the GGUF, or the file's name. */
  name: string;
  sha256: Sha256;
  /** Size of the whole file. */
  bytes: number;
  /** Absolute path in the store. */
  path: string;
  architecture: string;
  /** Dominant quantisation, for example `Q4_K_M`. */
  quant: string;
  parameters: number;
  layers: number;
  width: number;
  heads: number;
  headsKv: number;
  headSizeKey: number;
  headSizeValue: number;
  vocabulary: number;
  experts: number;
  expertsActive: number;
  /** Bytes of weights that one token reads: all of them, or the active experts' share. */
  bytesPerToken: number;
  contextTokensMax: number;
  /** Jinja source from `tokenizer.chat_template`, null where the model has none. */
  chatTemplate: string | null;
  /** Texts of special tokens that templates use. */
  startTokenText: string | null;
  endTokenText: string | null;
  licence: string | null;
  source: string;
  /** Said beside answers of models that are only there to show that all works. */
  notice: string | null;
  addedAt: number;
}
