import { until } from './wait.ts';

/** Counts orders, each with a number of its own, from their sending to their arrival. */
export class Tally {
  /** Called once for each order that was both sent and received, with its way's milliseconds. */
  onPair: ((orderId: number, milliseconds: number) => void) | undefined;
  duplicates = 0;
  failed = 0;
  readonly #started = new Map<number, number>();
  readonly #stored = new Set<number>();
  /** When each arrived first, in terms of performance.now(). */
  readonly #arrived = new Map<number, number>();
  readonly #latencies: number[] = [];
  #lastError = '';

  sending(orderId: number): void {
    this.#started.set(orderId, performance.now());
  }

  sent(orderId: number): void {
    this.#stored.add(orderId);
  }

  refused(_orderId: number, error: Error): void {
    this.failed++;
    this.#lastError = error.message;
  }

  received(orderId: number): void {
    if (this.#arrived.has(orderId)) {
      this.duplicates++;
      return;
    }
    const now = performance.now();
    this.#arrived.set(orderId, now);
    const milliseconds = now - (this.#started.get(orderId) ?? Number.NaN);
    this.#latencies.push(milliseconds);
    this.onPair?.(orderId, milliseconds);
  }

  /** Orders that were confirmed. */
  get stored(): number {
    return this.#stored.size;
  }

  /** Different orders that have arrived. */
  get arrived(): number {
    return this.#arrived.size;
  }

  /** When the first order arrived that was confirmed, and sent at or after `time`, if one was. */
  arrivalSince(time: number): number | undefined {
    for (const [orderId, at] of this.#arrived) {
      const sent = this.#started.get(orderId) ?? Number.NEGATIVE_INFINITY;
      if (sent >= time && this.#stored.has(orderId)) return at;
    }
    return undefined;
  }

  /** Orders that were confirmed and have not arrived. */
  get lost(): number {
    let lost = 0;
    for (const orderId of this.#stored) if (!this.#arrived.has(orderId)) lost++;
    return lost;
  }

  /** What was confirmed and has not arrived cannot arrive any more, through nobody's fault. */
  forgetMissing(): void {
    for (const orderId of this.#stored)
      if (!this.#arrived.has(orderId)) this.#stored.delete(orderId);
  }

  /** Resolves when nothing is missing any more, or after `limit` milliseconds. */
  async settled(limit: number): Promise<void> {
    await until('every order', () => this.lost === 0, limit).catch(() => undefined);
  }

  summary(): string {
    const sorted = this.#latencies.toSorted((one, other) => one - other);
    const at = (part: number) => (sorted[Math.ceil(sorted.length * part) - 1] ?? 0).toFixed(1);
    const counts = [
      `${this.#stored.size} sent`,
      `${this.#arrived.size} received`,
      `${this.lost} lost`,
      `${this.duplicates} duplicates`,
    ];
    if (this.failed > 0) counts.push(`${this.failed} not sent (${this.#lastError})`);
    return `${counts.join(', ')}\nend to end: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
  }
}
