// What commands do, bound to the parts of one agent.
import type { Benchmark } from '@salvage/contract';
import { type RingLog, SalvageError } from '@salvage/kit';
import type { BenchmarkRoom } from '../benchmark/benchmark-room.ts';
import type { EngineRoom } from '../engine/engine.ts';
import { limits } from '../limits.ts';
import type { ModelCache } from '../models/model-cache.ts';
import type { CommandActs, LinkSpeed } from './commands.ts';

export interface ActsOptions {
  benchmark: Pick<BenchmarkRoom, 'request'>;
  room: Pick<EngineRoom, 'jobsRunning'>;
  cache: Pick<ModelCache, 'evict' | 'list'>;
  measureLink(
    peer: { peerId: string; addresses: string[]; port: number },
    signal: AbortSignal,
  ): Promise<LinkSpeed>;
  rename(name: string): Promise<void>;
  /** Aborts when the agent ends. */
  stopping: AbortSignal;
  log: RingLog;
}

export function createActs(options: ActsOptions): CommandActs {
  const { cache, log } = options;
  let linkIsMeasured = false;
  return {
    benchmark: (depth): Promise<Benchmark> =>
      options.benchmark.request(depth, options.room.jobsRunning),
    measureLink: async ({ peer, addresses, port }) => {
      // Two measurements at once would each find half of the network.
      if (linkIsMeasured) {
        throw new SalvageError('SLV_QUEUE_FULL', 'this node measures another link right now');
      }
      linkIsMeasured = true;
      const timeout = AbortSignal.timeout(limits.measureLinkMilliseconds);
      const signal = AbortSignal.any([timeout, options.stopping]);
      try {
        return await options.measureLink({ peerId: peer, addresses, port }, signal);
      } finally {
        linkIsMeasured = false;
      }
    },
    logs: (lines) => log.lines(lines),
    evictModel: async (modelSha256) => {
      if (await cache.evict(modelSha256)) return;
      if (cache.list().includes(modelSha256)) {
        throw new SalvageError('SLV_REQUEST', 'this model is in use on this node', {
          hint: 'remove its placement, or drain the node first',
        });
      }
      throw new SalvageError('SLV_MODEL_UNKNOWN', 'this model is not in this node’s cache');
    },
    rename: options.rename,
  };
}
