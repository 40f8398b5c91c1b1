import { availableParallelism } from 'node:os';

/** So long it looks for the next call. Through daprd that comes after 0.2 to 0.4 ms. Unit: milliseconds. */
const longest = 0.4;

/** So much longer a call may take while this process sleeps, and still count as in time. Unit: milliseconds. */
const waking = 0.3;

/** A call in time earns a point, up to `most`; one that is late costs `late`. It looks from `enough` on. */
const points = { most: 16, enough: 8, late: 2 };

/** Where more calls than these were open at a time, there is enough to do, and for the client too. */
const few = 2;

/**
 * Stays awake for the next call where a client makes one call after the other. A process that sleeps has to be
 * woken, which can take longer than the call (docs/decisions/0012-busy-polling.md).
 *
 * It looks only while no call is open, and only for {@link longest} after the last one. It never looks where the
 * process may use one CPU alone: the client needs that one.
 */
export class BusyPoll {
  readonly #enabled: boolean;
  #open = 0;
  /** The most calls that were open at a time since none was. */
  #peak = 0;
  /** When the last open call was over, of performance.now(). */
  #idleSince = 0;
  #points = 0;
  #looking = false;

  /** @param cpus how many the process may use */
  constructor(cpus = availableParallelism()) {
    this.#enabled = cpus > 1;
  }

  /** A call has come. */
  began(): void {
    this.#open++;
    this.#peak = Math.max(this.#peak, this.#open);
    if (this.#open > 1) return;
    const limit = this.#expects ? longest : longest + waking;
    const inTime = performance.now() - this.#idleSince <= limit;
    this.#points = inTime
      ? Math.min(this.#points + 1, points.most)
      : Math.max(this.#points - points.late, 0);
  }

  /** A call is over. */
  ended(): void {
    if (--this.#open > 0) return;
    this.#idleSince = performance.now();
    const looks = this.#expects && this.#peak <= few;
    this.#peak = 0;
    if (!looks || this.#looking) return;
    this.#looking = true;
    setImmediate(this.#look);
  }

  get #expects(): boolean {
    return this.#enabled && this.#points >= points.enough;
  }

  /** Between two calls of this the event loop looks at the sockets and the timers. */
  readonly #look = (): void => {
    this.#looking = this.#open === 0 && performance.now() - this.#idleSince <= longest;
    if (this.#looking) setImmediate(this.#look);
  };
}
