import { until } from '../test/support/wait.ts';

/** Counts the orders of the demo, by their number. */
export class Tally {
  /** Called once for each order that was both sent and received, with its way's milliseconds. */
  onPair: ((orderId: number, milliseconds: number) => void) | undefined;
  duplicates = 0;
  failed = 0;
  readonly #started = new Map<number, number>();
  readonly #stored = new Set<number>();
  readonly #arrived = new Set<number>();
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
    this.#arrived.add(orderId);
    const milliseconds = performance.now() - (this.#started.get(orderId) ?? Number.NaN);
    this.#latencies.push(milliseconds);
    this.onPair?.(orderId, milliseconds);
  }

  /** Orders that were confirmed and have not arrived. */
  get lost(): number {
    let lost = 0;
    for (const orderId of this.#stored) if (!this.#arrived.has(orderId)) lost++;
    return lost;
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
