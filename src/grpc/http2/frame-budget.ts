/**
 * Counts frames that bring nothing forward, so that a flood of them ends the connection: `burst` at once, and
 * `perSecond` over time.
 */
export class FrameBudget {
  readonly #burst: number;
  readonly #perSecond: number;
  #left: number;
  #refilledAt = performance.now();

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#left = burst;
  }

  /** Takes one frame from the budget. Returns false when there is none left. */
  spend(): boolean {
    if (--this.#left >= 0) return true;
    // The clock is read only here: nearly every connection stays far from its limit.
    const now = performance.now();
    const gained = Math.floor(((now - this.#refilledAt) * this.#perSecond) / 1000);
    if (gained < 1) return false;
    this.#refilledAt = now;
    this.#left = Math.min(gained, this.#burst) - 1;
    return true;
  }

  /** Gives one frame back, for something useful that was done. */
  earn(): void {
    if (this.#left < this.#burst) this.#left++;
  }
}
