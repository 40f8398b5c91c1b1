/** Types of lock.mjs; the contract is documented there. */
export function acquireLock(
  path: string,
  options: { holdMs: number; onWait?: () => void },
): Promise<() => void>;
