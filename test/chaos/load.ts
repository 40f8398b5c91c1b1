import { setTimeout as sleep } from 'node:timers/promises';
import type { Daprd } from '../support/daprd.ts';
import type { Tally } from '../support/tally.ts';

/**
 * Publishes that may be under way at the same time; beyond them the load pauses. More than the rate
 * makes within a publishTimeout, so that an outage does not slow it down.
 */
const mostOpen = 1_000;

export interface LoadOptions {
  daprd: Daprd;
  topic: string;
  /** Unit: messages a second. */
  rate: number;
  tally: Tally;
}

/**
 * Publishes orders at a steady rate, each with a number of its own, until stopped. One that is
 * refused is counted and not repeated.
 */
export class Load {
  readonly #options: LoadOptions;
  readonly #open = new Set<Promise<void>>();
  readonly #running: Promise<void>;
  #stopped = false;
  #next = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    const start = performance.now();
    for (let tick = 1; !this.#stopped; tick++) {
      if (this.#open.size < mostOpen) this.#send(++this.#next);
      const wait = start + (tick * 1000) / this.#options.rate - performance.now();
      if (wait > 0) await sleep(wait);
    }
  }

  #send(orderId: number): void {
    const sent = publishOne(this.#options, orderId);
    this.#open.add(sent);
    void sent.then(() => this.#open.delete(sent));
  }

  /** Resolves when every publish is either confirmed or refused. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await Promise.all(this.#open);
  }
}

/** Publishes orders one by one, so that they are stored in order. */
export async function publishAll(
  { daprd, topic, tally }: Omit<LoadOptions, 'rate'>,
  orders: number,
  from = 1,
): Promise<void> {
  for (let orderId = from; orderId < from + orders; orderId++) {
    await publishOne({ daprd, topic, tally }, orderId);
  }
}

async function publishOne(
  { daprd, topic, tally }: Omit<LoadOptions, 'rate'>,
  orderId: number,
): Promise<void> {
  tally.sending(orderId);
  try {
    await daprd.publish('pubsub', topic, { orderId });
    tally.sent(orderId);
  } catch (error) {
    tally.refused(orderId, error as Error);
  }
}
