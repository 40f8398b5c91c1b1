import type { Subscription } from '@nats-io/transport-node';
import { within } from '../within.ts';
import type { Connection } from './connection.ts';

/** What arrives while unsubscribing may take this long. Unit: milliseconds. */
const limit = 1_000;

/** Unsubscribes; resolves when what was already on its way has arrived, or after 1 s. */
export async function drain(connection: Connection, subscription: Subscription): Promise<void> {
  if (connection.nats.isClosed()) return;
  if (!connection.connected) {
    subscription.unsubscribe();
    return;
  }
  // A request that still waits would otherwise be served when nobody listens any more.
  connection.outbox.flush();
  await within(limit, subscription.drain());
}
