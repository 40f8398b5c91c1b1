/**
 * Which stream sequences of a consumer are still open: received and not settled for good. A message
 * that was refused stays open until its redelivery is settled.
 *
 * Sequences arrive in ascending order but for redeliveries, so the first one is the lowest.
 */
export class AckFloor {
  readonly #open = new Set<number>();
  #highest = 0;

  received(sequence: number): void {
    // One that is open already keeps its place.
    this.#open.add(sequence);
    if (sequence > this.#highest) this.#highest = sequence;
  }

  settled(sequence: number): void {
    this.#open.delete(sequence);
  }

  /** Forgets everything. */
  reset(): void {
    this.#open.clear();
    this.#highest = 0;
  }

  /** Everything up to here is settled. 0 before the first message. */
  get value(): number {
    for (const lowest of this.#open) return lowest - 1;
    return this.#highest;
  }
}
