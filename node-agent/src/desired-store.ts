// The last wish, on disk: after a reboot the node serves on although broker and planner are away.
// The retained message is the truth; the file only bridges the time until it comes.
import { type NodeDesired, topics } from '@salvage/contract';
import { type Log, messageOf, readTextIfAny, writeFileWhole } from '@salvage/kit';
import * as v from 'valibot';

export interface DesiredStore {
  /** The newest wish: the last message, or the file's until one came. */
  readonly current: NodeDesired | null;
  /** Takes a message, whatever its revision: another run of the planner counts anew. */
  take(desired: NodeDesired): void;
  /** Resolves when what was taken is on disk. */
  flushed(): Promise<void>;
}

interface Owner {
  clusterId: string;
  nodeId: string;
}

/** A damaged file, or one of another cluster, counts as none. */
export async function openDesiredStore(
  file: string,
  owner: Owner,
  log: Log,
): Promise<DesiredStore> {
  let current = await read(file, owner, log);
  let saved = JSON.stringify(current);
  let writing: Promise<void> | null = null;

  /** One write at a time; what came meanwhile is written once, the newest of it. */
  const write = async (): Promise<void> => {
    for (let text = JSON.stringify(current); text !== saved; text = JSON.stringify(current)) {
      try {
        await writeFileWhole(file, `${JSON.stringify({ ...owner, desired: current })}\n`);
      } catch (error) {
        log.warn('desired-not-saved', { problem: messageOf(error) });
      }
      saved = text;
    }
    writing = null;
  };
  return {
    get current() {
      return current;
    },
    take: (desired) => {
      current = desired;
      writing ??= write();
    },
    flushed: async () => {
      await writing;
    },
  };
}

const Saved = v.object({
  clusterId: v.string(),
  nodeId: v.string(),
  desired: topics.nodeDesired.schema,
});

async function read(file: string, owner: Owner, log: Log): Promise<NodeDesired | null> {
  try {
    const text = await readTextIfAny(file);
    if (text === null) return null;
    const saved = v.parse(Saved, JSON.parse(text));
    const ours = saved.clusterId === owner.clusterId && saved.nodeId === owner.nodeId;
    return ours ? saved.desired : null;
  } catch (error) {
    log.warn('desired-unreadable', { file, problem: messageOf(error) });
    return null;
  }
}
