// GGUF files on this node, whole and verified or absent. The interface; `open-cache.ts` builds it.

export interface FetchRequest {
  sha256: string;
  /** Size of the file, known from the wish: the disk is checked before a byte is asked for. */
  bytes: number;
  /** Base URL of the planner's store, for example `https://10.0.0.2:11443/store/models`. */
  storeUrl: string;
  onProgress(share: number): void;
  signal: AbortSignal;
}

export interface ModelCache {
  /** Absolute path of a verified file, null when it is not here. Counts as a use. */
  pathOf(sha256: string): string | null;
  /**
   * Fetches by HTTP Range: resumes what is there, verifies size and SHA-256, flushes, renames.
   * Rejects with SLV_DOWNLOAD, SLV_MODEL_DAMAGED or SLV_DISK_FULL; two calls for one file share
   * the work.
   */
  fetch(request: FetchRequest): Promise<string>;
  /** Files in use are never evicted. */
  setInUse(sha256s: ReadonlySet<string>): void;
  /** False when it is not here or in use. */
  evict(sha256: string): Promise<boolean>;
  list(): string[];
  readonly usedBytes: number;
  readonly limitBytes: number;
}
