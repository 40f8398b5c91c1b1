/**
 * Waits until `condition` gives something truthy, and returns it.
 *
 * @throws Error naming `what` after `limit` milliseconds
 */
export async function until<Value>(
  what: string | (() => string),
  condition: () => Value | Promise<Value>,
  limit = 15_000,
): Promise<NonNullable<Value>> {
  const deadline = Date.now() + limit;
  let last: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value as NonNullable<Value>;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) {
      throw new Error(
        `waited ${limit / 1000} s in vain: ${typeof what === 'string' ? what : what()}`,
        { cause: last },
      );
    }
    await new Promise((done) => setTimeout(done, 10));
  }
}
