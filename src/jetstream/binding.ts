import type { Config } from '../component/config.ts';
import { ComponentError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { within } from '../within.ts';
import type { Connection } from './connection.ts';
import { type BoundConsumer, bindConsumer, type Earlier } from './consumer.ts';

/** Between two attempts; doubles up to the second, plus half as much by chance. Milliseconds. */
const retryWait = { first: 100, most: 1_000 };

/** What the server has against a new consumer's first request is known by then. Milliseconds. */
const objectionLimit = 1_000;

/** A consumer that has lasted so long is healthy, message or not. Unit: milliseconds. */
const healthyAfter = 10_000;

export interface BindingOptions {
  connection: Connection;
  config: Config;
  topic: string;
  log: Logger;
  /** The consumer there was before, if any. */
  earlier(): Earlier | undefined;
  /** Called with each consumer that was found or made. */
  bound(consumer: BoundConsumer): void;
}

/**
 * Looks for a subscription's stream and consumer until it has them, for as long as that takes, and
 * tells the log what is in the way: once, however often it is met in a row.
 */
export class Binding {
  readonly #options: BindingOptions;
  #attempts = 0;
  /** Counts attempts: only the latest one may succeed. */
  #round = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  #healthTimer: NodeJS.Timeout | undefined;
  #problem: ComponentError | undefined;
  /** What was found last, for the log. */
  #about: { stream?: string; consumer?: string } = {};
  /** The problem after which "subscribed again" was logged last. */
  #lastHealed: string | undefined;

  constructor(options: BindingOptions) {
    this.#options = options;
  }

  /** What is in the way, where something is. */
  get problem(): ComponentError | undefined {
    return this.#problem;
  }

  /**
   * Begins now, or as soon as there is a connection: what is asked without one is lost. What was
   * under way leads to nothing.
   */
  async start(): Promise<void> {
    const { connection, config, topic, log, earlier, bound } = this.#options;
    const { events } = connection;
    clearTimeout(this.#retryTimer);
    const round = ++this.#round;
    const anew = () => {
      if (round === this.#round) void this.start();
    };
    if (!connection.connected) {
      events.once('reconnected', anew);
      return;
    }
    // So is an answer that was on its way; to wait for it would take until its limit.
    events.once('disconnected', anew);
    let consumer: BoundConsumer;
    try {
      consumer = await bindConsumer(connection, config, topic, earlier(), () => {
        return round === this.#round;
      });
    } catch (error) {
      if (round === this.#round) this.again(ComponentError.from(error));
      return;
    } finally {
      events.off('disconnected', anew);
    }
    if (round !== this.#round) return;
    const problem = this.#problem?.message;
    bound(consumer);
    // A refusal comes before the answer to this, and there is nothing to tell.
    await within(objectionLimit, connection.flush());
    if (round !== this.#round) return;
    this.#about = { stream: consumer.stream, consumer: consumer.name };
    if (!problem) log.info(this.#about, 'subscribed');
    else if (problem !== this.#lastHealed) log.info(this.#about, 'subscribed again');
    this.#lastHealed = this.#problem?.message;
    this.#healthTimer = setTimeout(() => this.healthy(), healthyAfter);
    this.#healthTimer.unref();
  }

  /** Begins once more after a while, because of `problem`. */
  again(problem: ComponentError): void {
    const { log, connection } = this.#options;
    this.#round++;
    clearTimeout(this.#healthTimer);
    const { code, message } = problem;
    if (message !== this.#problem?.message && connection.connected) {
      const level = code === 'internal' ? 'error' : 'warn';
      if (code === 'taken') log.info(this.#about, `standing by: ${message}`);
      else log[level](this.#about, `not delivering, trying again until it works: ${message}`);
    }
    this.#problem = problem;
    const wait = Math.min(retryWait.first * 2 ** this.#attempts++, retryWait.most);
    this.#retryTimer = setTimeout(() => this.start(), wait * (1 + Math.random() / 2));
  }

  /** Whatever the last problem was, it is over: should it come again, it is news. */
  healthy(): void {
    clearTimeout(this.#healthTimer);
    this.#attempts = 0;
    this.#problem = undefined;
    this.#lastHealed = undefined;
  }

  /** What is under way leads to nothing. */
  stop(): void {
    this.#round++;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#healthTimer);
  }
}
