import { availableParallelism } from 'node:os';

/** How long the process polls for the next call. Unit: milliseconds. */
const pollTime = 0.4;

/** How much later a call may come, and still count as in time, while the process does not poll. Unit: milliseconds. */
const wakeUpTime = 0.3;

/** A call in time earns a point, up to `most`; one that is late costs `late`. From `enough` points on it polls. */
const score = { most: 16, enough: 8, late: 2 };

/** If more calls were open at a time, the process does not poll: it has enough to do, and the client needs the CPU. */
const mostOpen = 2;

/**
 * Keeps the event loop awake for a short time after the last open call, for a client that makes one call after the
 * other. To wake a process that sleeps can take longer than the call (docs/decisions/0012-busy-polling.md).
 *
 * Does nothing if the process may use only one CPU, because the client needs that one.
 */
export class BusyPoll {
  readonly #enabled: boolean;
  #open = 0;
  /** The most calls that were open at a time since none was. */
  #peak = 0;
  /** When the last open call ended, of performance.now(). */
  #idleSince = 0;
  #score = 0;
  #polling = false;
  /** Until when it polls, of performance.now(). */
  #until = 0;

  /** @param cpus how many the process may use */
  constructor(cpus = availableParallelism()) {
    this.#enabled = cpus > 1;
  }

  /** To be told of each call that comes. */
  began(): void {
    this.#open++;
    this.#peak = Math.max(this.#peak, this.#open);
    if (this.#open > 1) return;
    const limit = this.#score >= score.enough ? pollTime : pollTime + wakeUpTime;
    const inTime = performance.now() - this.#idleSince <= limit;
    this.#score = inTime
      ? Math.min(this.#score + 1, score.most)
      : Math.max(this.#score - score.late, 0);
  }

  /** To be told of each call that ends, for whatever reason. */
  ended(): void {
    if (--this.#open > 0) return;
    this.#idleSince = performance.now();
    const polls = this.#enabled && this.#score >= score.enough && this.#peak <= mostOpen;
    this.#until = polls ? this.#idleSince + pollTime : 0;
    this.#peak = 0;
    if (!polls || this.#polling) return;
    this.#polling = true;
    setImmediate(this.#turn);
  }

  /** Runs once in each turn of the event loop, which looks at the sockets and the timers in between. */
  readonly #turn = (): void => {
    this.#polling = this.#open === 0 && performance.now() <= this.#until;
    if (this.#polling) setImmediate(this.#turn);
  };
}
