import type { ServerStatus } from '../dapr/server.ts';

/** Between two samples. Unit: milliseconds. */
const sampleInterval = 2_000;

/** Samples kept of each series: five minutes. */
export const mostSamples = 150;

/** Series kept; what comes beyond them has no chart. */
const mostSeries = 2_000;

interface Series {
  last: number;
  /** Events a second, the oldest first. */
  rates: number[];
}

/** What is counted about a Component or a subscription; stands for it, too. */
type Counts = object;

/**
 * How fast things went in the last five minutes: the counts of Components and subscriptions, looked
 * at every two seconds. What is gone is forgotten with the next look.
 */
export class History {
  readonly #status: () => ServerStatus | undefined;
  #series = new Map<Counts, Series>();
  #at = performance.now();

  /** @param status undefined until there is something to look at */
  constructor(status: () => ServerStatus | undefined) {
    this.#status = status;
    setInterval(() => this.#sample(), sampleInterval).unref();
  }

  /** Events a second, the oldest first; empty for what has not been seen twice. */
  rates(counts: Counts): readonly number[] {
    return this.#series.get(counts)?.rates ?? [];
  }

  #sample(): void {
    const now = performance.now();
    // Not the interval: a busy process comes late to it.
    const seconds = (now - this.#at) / 1000;
    this.#at = now;
    const current = new Map<Counts, Series>();
    for (const [counts, value] of totals(this.#status())) {
      if (current.size >= mostSeries) break;
      // Of several hosts.
      if (current.has(counts)) continue;
      const before = this.#series.get(counts);
      const rates = before?.rates ?? [];
      if (before) rates.push((value - before.last) / seconds);
      if (rates.length > mostSamples) rates.shift();
      current.set(counts, { last: value, rates });
    }
    this.#series = current;
  }
}

function* totals(status: ServerStatus | undefined): Generator<[Counts, number]> {
  for (const { instance } of status?.components ?? []) {
    if (!instance) continue;
    const { counts, subscriptions } = instance;
    yield [counts, counts.publishes.confirmed.count];
    for (const { counts } of subscriptions) yield [counts, counts.delivered];
  }
}
