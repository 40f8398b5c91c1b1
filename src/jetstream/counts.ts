/**
 * Why a message was refused to the server:
 * - `refused`: the app failed with it
 * - `given-back`: the app is paused or stops, or its stream has ended
 */
export const nakReasons = ['refused', 'given-back'] as const;
export type NakReason = (typeof nakReasons)[number];

/**
 * Why a message cannot be delivered any more:
 * - `refused`: the app failed with its last delivery (maxDeliver)
 * - `unsettled`: nobody has settled its last delivery
 * - `given-back`: the app stopped or paused before it came to its last delivery
 * - `too-large`: daprd takes 4 MiB
 */
export const deathReasons = ['refused', 'unsettled', 'given-back', 'too-large'] as const;
export type DeathReason = (typeof deathReasons)[number];

/** What subscriptions to one topic have done; read whenever somebody looks. */
export class SubscriptionCounts {
  /** Messages handed to the host, redeliveries included. */
  delivered = 0;
  /** Messages that arrived and were not there for the first time. */
  redeliveries = 0;
  readonly naks = zeroes(nakReasons);
  /** In-progress signals: they restart a message's ackWait. */
  inProgress = 0;
  /**
   * Messages given up without a copy. `dropped`: with ackPolicy `none` and no flow control, the app was
   * too slow.
   */
  readonly terms = zeroes([...deathReasons, 'dropped']);
  /** Messages stored at the dead letter subject. */
  readonly deadLetters = zeroes(deathReasons);
}

/** How long something took, as counts by upper bound. */
export class Durations {
  /** The last count is of what took longer than all of these. Unit: milliseconds. */
  static readonly bounds = [
    0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000,
  ] as const;
  /** By bound, not cumulated. */
  readonly counts: number[] = [...Durations.bounds, 0].map(() => 0);
  count = 0;
  /** Unit: milliseconds. */
  sum = 0;

  add(milliseconds: number): void {
    const { bounds } = Durations;
    let index = 0;
    while (index < bounds.length && milliseconds > (bounds[index] as number)) index++;
    this.counts[index] = (this.counts[index] as number) + 1;
    this.count++;
    this.sum += milliseconds;
  }
}

/** What publishers of the app's messages have done; dead letters are none. */
export class PublishCounts {
  /** From the call to the server's confirmation, duplicates included. */
  readonly confirmed = new Durations();
  /** Sent once and confirmed, but dropped by the stream: it had a message of the same id. */
  duplicates = 0;
  /** Sent once more, for want of an answer. */
  repeats = 0;
}

/** What one Component has done for one app. */
export class ComponentCounts {
  readonly publishes = new PublishCounts();
  /** Connections to NATS that were lost and found again. */
  reconnects = 0;
}

function zeroes<Key extends string>(keys: readonly Key[]): Record<Key, number> {
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<Key, number>;
}
