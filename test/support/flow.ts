import { setTimeout as sleep } from 'node:timers/promises';
import type { Host, HostSubscription } from './host.ts';
import { until } from './wait.ts';

/** Between two publishes, and between two attempts. Unit: milliseconds. */
const pace = 10;

/** A light load: numbered messages one after the other, each tried under one id until it is OK. */
export class Flow implements AsyncDisposable {
  /** The ones that were OK, in order. */
  readonly stored: string[] = [];
  /** What the longest attempt took, OK or not. Unit: milliseconds. */
  slowest = 0;
  /** Attempts that failed. */
  refused = 0;
  #stopping = false;
  readonly #host: Host;
  readonly #topic: string;
  readonly #done: Promise<void>;

  constructor(host: Host, topic: string) {
    this.#host = host;
    this.#topic = topic;
    this.#done = this.#run();
  }

  /** Waits until `count` more are stored than now. */
  async more(count: number, limit?: number): Promise<void> {
    const wanted = this.stored.length + count;
    await until(`${count} more stored`, () => this.stored.length >= wanted, limit);
  }

  /** Publishes no more; resolves when all that was OK has arrived. */
  async arrived(subscription: HostSubscription, limit?: number): Promise<void> {
    await this.#stop();
    const missing = () => {
      const texts = new Set(subscription.texts);
      return this.stored.filter((text) => !texts.has(text));
    };
    await until(
      () => `all messages, without ${missing()}`,
      () => missing().length === 0,
      limit,
    );
  }

  #stop(): Promise<void> {
    this.#stopping = true;
    return this.#done;
  }

  async #run(): Promise<void> {
    for (let number = 0; !this.#stopping; await sleep(pace)) {
      const id = `${number}`;
      const start = performance.now();
      try {
        await this.#host.publish(this.#topic, id, { msgId: id });
        this.stored.push(id);
        number++;
      } catch {
        this.refused++;
      }
      this.slowest = Math.max(this.slowest, performance.now() - start);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }
}
