import { ComponentCounts, SubscriptionCounts } from '../jetstream/counts.ts';

/** Counts kept of what has ended, of each kind; what ended first goes first. */
const mostEnded = 1_000;

/** What something is about: who counts in it shares it with all that have the same labels. */
export interface Counted<Labels, Counts> {
  readonly labels: Labels;
  readonly counts: Counts;
}

interface Entry<Labels, Counts> extends Counted<Labels, Counts> {
  users: number;
}

/**
 * Counts that outlive what they count. Were they gone with it, nobody would learn what its end has
 * counted; and the sum over two hosts would fall with one of them, which reads as a restart.
 */
export class Counters<Labels extends object, Counts> {
  readonly #make: () => Counts;
  readonly #used = new Map<string, Entry<Labels, Counts>>();
  readonly #ended = new Map<string, Entry<Labels, Counts>>();

  constructor(make: () => Counts) {
    this.#make = make;
  }

  /** To be given back with {@link release}. */
  take(labels: Labels): Counts {
    const key = JSON.stringify(labels);
    const entry = this.#used.get(key) ??
      this.#ended.get(key) ?? { labels, counts: this.#make(), users: 0 };
    this.#ended.delete(key);
    this.#used.set(key, entry);
    entry.users++;
    return entry.counts;
  }

  release(labels: Labels): void {
    const key = JSON.stringify(labels);
    const entry = this.#used.get(key);
    if (!entry || --entry.users > 0) return;
    this.#used.delete(key);
    this.#ended.set(key, entry);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > mostEnded && oldest !== undefined) this.#ended.delete(oldest);
  }

  get all(): Counted<Labels, Counts>[] {
    return [...this.#used.values(), ...this.#ended.values()];
  }
}

/** A Component as one app uses it. */
export interface ComponentLabels {
  component: string;
  /** The consumerID: the app id, unless set otherwise. */
  app: string;
}

export interface TopicLabels extends ComponentLabels {
  topic: string;
}

/** All that the process counts. */
export class ProcessCounts {
  readonly components = new Counters<ComponentLabels, ComponentCounts>(() => new ComponentCounts());
  readonly subscriptions = new Counters<TopicLabels, SubscriptionCounts>(
    () => new SubscriptionCounts(),
  );
}
