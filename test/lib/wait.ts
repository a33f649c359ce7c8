// Waiting for a condition with a deadline: tests never sleep for a fixed time.

/** Resolves with the first value that is neither null, undefined nor false; rejects after `seconds`. */
export async function until<Value>(
  what: string,
  seconds: number,
  look: () => Value | Promise<Value>,
): Promise<NonNullable<Exclude<Value, false>>> {
  const deadline = Date.now() + seconds * 1000;
  let last: unknown = null;
  for (;;) {
    try {
      const value = await look();
      if (value !== null && value !== undefined && value !== false) {
        return value as NonNullable<Exclude<Value, false>>;
      }
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) {
      const why = last instanceof Error ? `: ${last.message}` : '';
      throw new Error(`waited ${seconds} s for ${what}${why}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
