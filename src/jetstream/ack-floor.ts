/** What was refused and is overdue for longer than this will not come again. Unit: milliseconds. */
const mostOverdue = 3_600_000;

/**
 * Which stream sequences of a consumer are still open: received and not settled for good. A message
 * that was refused stays open until its redelivery is settled, or until it must have gone elsewhere.
 *
 * Sequences arrive in ascending order but for redeliveries, which keep their place: so the first one
 * is the lowest, as long as {@link reset} is called when they start again.
 */
export class AckFloor {
  /** With the time, in terms of performance.now(), up to which a refused one is waited for. */
  readonly #open = new Map<number, number>();
  #highest = 0;

  received(sequence: number): void {
    // One that is open already keeps its place.
    this.#open.set(sequence, Number.POSITIVE_INFINITY);
    if (sequence > this.#highest) this.#highest = sequence;
  }

  /** Given back; should come again before `deadline`. */
  refused(sequence: number, deadline: number): void {
    if (this.#open.has(sequence)) this.#open.set(sequence, deadline);
  }

  settled(sequence: number): void {
    this.#open.delete(sequence);
  }

  /** Forgets everything; what comes next comes after `sequence`. */
  reset(sequence = 0): void {
    this.#open.clear();
    this.#highest = sequence;
  }

  /** As {@link value}, but what was refused is waited for up to an hour: an outage may keep it. */
  get strict(): number {
    const [lowest] = this.#open.keys();
    return lowest === undefined ? this.#highest : lowest - 1;
  }

  /** Everything up to here is settled, or gone. 0 before the first message. */
  get value(): number {
    const now = performance.now();
    for (const [lowest, deadline] of this.#open) {
      if (deadline > now) return lowest - 1;
      if (deadline + mostOverdue < now) this.#open.delete(lowest);
    }
    return this.#highest;
  }
}
