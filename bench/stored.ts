import type { NatsServer } from '../test/support/nats-server.ts';
import type { LoadResult } from './load.ts';

/** Of one run of publishing: messages that were confirmed, and those that failed. */
export type Published = Pick<LoadResult, 'total' | 'failed'>;

/**
 * @param stream holds what these runs published and nothing else
 * @throws Error when it does not hold what was confirmed
 */
export async function checkStored(
  nats: NatsServer,
  stream: string,
  runs: readonly Published[],
): Promise<void> {
  const { state } = await nats.api.streams.info(stream);
  const wrong = storedWrongly(state.messages, runs);
  if (wrong) throw new Error(wrong);
}

/** Says what is wrong, if anything; a publish that failed may have been stored all the same. */
export function storedWrongly(stored: number, runs: readonly Published[]): string | undefined {
  const confirmed = runs.reduce((sum, { total }) => sum + total, 0);
  const most = runs.reduce((sum, { failed = 0 }) => sum + failed, confirmed);
  if (stored < confirmed)
    return `${stored} messages are stored of ${confirmed} that were confirmed`;
  if (stored > most) return `${stored} messages are stored where ${most} at most were published`;
  return undefined;
}
