import type { Connection } from './connection.ts';
import type { BoundConsumer } from './consumer.ts';

/** A message that the server will not deliver again, although nobody has settled it. */
export interface Exceeded {
  streamSequence: number;
  deliveryCount: number;
}

/**
 * Listens to what the server says of messages that used up maxDeliver unsettled: a handler that
 * never ended, an app that was killed. Of all replicas one hears of each.
 *
 * A user who may not listen there only goes without: the server tells the log.
 *
 * @returns a function that ends it
 */
export function watchMaxDeliveries(
  connection: Connection,
  { stream, name }: BoundConsumer,
  onExceeded: (exceeded: Exceeded) => void,
): () => void {
  const subject = `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${stream}.${name}`;
  const advisories = connection.nats.subscribe(subject, {
    queue: `max-deliveries-${name}`,
    callback: (error, message) => {
      if (error) return;
      try {
        const { stream_seq, deliveries } = message.json<{
          stream_seq: number;
          deliveries: number;
        }>();
        onExceeded({ streamSequence: stream_seq, deliveryCount: deliveries });
      } catch {
        // Not of the server's making.
      }
    },
  });
  return () => {
    if (!connection.nats.isClosed() && !advisories.isClosed()) advisories.unsubscribe();
  };
}
