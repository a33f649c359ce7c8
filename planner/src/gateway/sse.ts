// The body of a stream of server-sent events: comment lines keep it alive through silence, a slow
// client slows the source, and one that takes nothing for too long is given up.
import type { Clock } from '@salvage/kit';

export interface StreamOptions {
  clock: Clock;
  keepAliveMilliseconds: number;
  stallMillisecondsMax: number;
  /** The client went away, or takes nothing any more. */
  onGone(): void;
}

const keepAlive = ': keep-alive\n\n';

/** One event with a JSON payload. */
export function sseData(payload: unknown): string {
  return `data: ${JSON.stringify(payload)}\n\n`;
}

/** Bytes of `chunks`, which must not throw. */
export function streamBody(
  chunks: AsyncIterator<string>,
  options: StreamOptions,
): ReadableStream<Uint8Array> {
  const { clock, keepAliveMilliseconds, stallMillisecondsMax, onGone } = options;
  const encoder = new TextEncoder();
  let gone = false;
  let pulled = (): void => undefined;

  const room = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const timer = new AbortController();
    const wanted = new Promise<void>((resolve) => {
      pulled = resolve;
    });
    if (gone || (controller.desiredSize ?? 0) > 0) return;
    const stalled = clock.sleep(stallMillisecondsMax, timer.signal).then(() => {
      if (!timer.signal.aborted) giveUp();
    });
    await Promise.race([wanted, stalled]);
    timer.abort();
  };
  const giveUp = (): void => {
    gone = true;
    pulled();
    onGone();
  };
  const write = async (
    controller: ReadableStreamDefaultController<Uint8Array>,
    pending: Promise<IteratorResult<string, unknown>>,
  ): Promise<boolean> => {
    const next = await withKeepAlive(pending, clock, keepAliveMilliseconds, () => {
      if (!gone && (controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(keepAlive));
    });
    if (next.done === true || gone) return false;
    controller.enqueue(encoder.encode(next.value));
    await room(controller);
    return !gone;
  };

  return new ReadableStream<Uint8Array>({
    start: (controller) => {
      const run = async (): Promise<void> => {
        let open = true;
        while (open) open = await write(controller, chunks.next());
        await chunks.return?.();
        if (!gone) controller.close();
      };
      run().catch((error) => {
        giveUp();
        controller.error(error);
      });
    },
    pull: () => pulled(),
    cancel: giveUp,
  });
}

/** What `pending` brings; calls `onSilence` each time that it takes another period. */
async function withKeepAlive<Value>(
  pending: Promise<Value>,
  clock: Clock,
  milliseconds: number,
  onSilence: () => void,
): Promise<Value> {
  const timer = new AbortController();
  const tick = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(milliseconds, timer.signal);
      if (timer.signal.aborted) return;
      onSilence();
    }
  };
  void tick();
  try {
    return await pending;
  } finally {
    timer.abort();
  }
}
