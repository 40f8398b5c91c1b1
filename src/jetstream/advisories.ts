import type { Subscription } from '@nats-io/transport-node';
import type { Connection } from './connection.ts';
import type { BoundConsumer } from './consumer.ts';

/** A message that the server will not deliver again, although nobody has settled it. */
export interface Exceeded {
  streamSequence: number;
  deliveryCount: number;
}

export interface Listeners {
  /**
   * Called with each message that used up maxDeliver unsettled: a handler that never ended, an app
   * that was killed. Of all replicas one hears of each.
   */
  exceeded?: ((exceeded: Exceeded) => void) | undefined;
  /** Called when the consumer has a new leader, which knows of no pull request made before. */
  leaderElected(): void;
}

/**
 * Listens to what the server tells of one consumer unasked.
 *
 * A user who may not listen there only goes without: the server tells its log of used up messages,
 * and a leader that is gone is noticed by its silence.
 *
 * @returns a function that ends it
 */
export function watchAdvisories(
  connection: Connection,
  { stream, name, clustered }: BoundConsumer,
  { exceeded, leaderElected }: Listeners,
): () => void {
  const advisory = (kind: string) => `$JS.EVENT.ADVISORY.CONSUMER.${kind}.${stream}.${name}`;
  const { nats } = connection;
  const open: Subscription[] = [];
  if (clustered) {
    const elections = nats.subscribe(advisory('LEADER_ELECTED'), {
      callback: (error) => {
        if (!error) leaderElected();
      },
    });
    open.push(elections);
  }
  if (exceeded) {
    const maxDeliveries = nats.subscribe(advisory('MAX_DELIVERIES'), {
      queue: `max-deliveries-${name}`,
      callback: (error, message) => {
        if (error) return;
        try {
          const { stream_seq, deliveries } = message.json<{
            stream_seq: number;
            deliveries: number;
          }>();
          exceeded({ streamSequence: stream_seq, deliveryCount: deliveries });
        } catch {
          // Not of the server's making.
        }
      },
    });
    open.push(maxDeliveries);
  }
  return () => {
    if (nats.isClosed()) return;
    for (const subscription of open) if (!subscription.isClosed()) subscription.unsubscribe();
  };
}
