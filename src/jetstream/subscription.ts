import type { Msg } from '@nats-io/transport-node';
import type { Config } from '../component/config.ts';
import { ComponentError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Connection } from './connection.ts';
import { type BoundConsumer, bindConsumer } from './consumer.ts';
import { InFlight } from './in-flight.ts';
import { type InboundMessage, parseDelivery, toInbound } from './message.ts';
import { Pull } from './pull.ts';
import { nakDelay } from './redelivery.ts';
import { checkSubscribeSubject } from './subject.ts';

/** Hands one message to the host; resolves when there is room for the next. */
export type Deliver = (message: InboundMessage) => Promise<'delivered' | 'too-large'>;

export interface SubscriptionOptions {
  connection: Connection;
  config: Config;
  /** A subject, with or without wildcards. */
  topic: string;
  deliver: Deliver;
  log: Logger;
  paused: boolean;
}

/**
 * - `binding`: looks for its stream and consumer, for as long as it takes
 * - `delivering`: asks the consumer for messages and hands them to the host
 * - `paused`: neither; settlements still count
 * - `closed`: over; everything unsettled has been given back
 */
type State = 'binding' | 'delivering' | 'paused' | 'closed';

/** Between two attempts to bind; doubles up to the second, plus half as much by chance. ms. */
const retryWait = { first: 100, most: 2_000 };

/**
 * One subscription of the host, from its first request until its stream ends.
 *
 * The host never opens a stream again, so nothing that passes ends this one: a stream that is not
 * there yet, a consumer that was deleted, a server that restarts all lead back to `binding`.
 *
 * At most `window` messages are unsettled, queued here and on their way to the host included.
 */
export class Subscription {
  /** Resolves when the subscription is over. Never rejects. */
  readonly closed: Promise<void>;
  readonly #options: SubscriptionOptions;
  readonly #inFlight: InFlight;
  /** Received and not yet handed over; each is in flight too. */
  readonly #queue: { id: string; message: Msg }[] = [];
  #resolveClosed: () => void = () => undefined;
  #state: State = 'binding';
  #window: number;
  #pull: Pull | undefined;
  #handingOver = false;
  #attempts = 0;
  #lastProblem = '';
  #retryTimer: NodeJS.Timeout | undefined;
  #emptied: (() => void) | undefined;
  #closing = false;

  /** @throws ComponentError `invalid-request` for a topic that is no subject */
  constructor(options: SubscriptionOptions) {
    const { connection, config, topic } = options;
    checkSubscribeSubject(topic);
    this.#options = options;
    this.#window = config.concurrency === 'single' ? 1 : config.prefetchCount;
    this.#inFlight = new InFlight(connection);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    if (options.paused) this.#state = 'paused';
    else void this.#bind();
  }

  /**
   * Settles one message: acknowledged, or with an error given back for a later delivery. Unknown
   * and repeated ids do nothing.
   */
  settle(id: string, error?: string): void {
    const { config, log } = this.#options;
    const message = this.#inFlight.get(id);
    if (!message) {
      log.debug({ id }, 'settled twice, or not of this subscription: ignored');
      return;
    }
    if (error === undefined) this.#inFlight.ack(id);
    else {
      const delay = nakDelay(message.deliveryCount, config);
      this.#inFlight.nak(id, delay);
      log.debug({ ...where(message), delay, error }, 'the app refused a message');
    }
    if (this.#inFlight.size === 0) this.#emptied?.();
    this.#pull?.more();
  }

  /** Asks for no more and gives back what the host has not got yet. */
  pause(): void {
    if (this.#state === 'closed' || this.#state === 'paused') return;
    this.#state = 'paused';
    clearTimeout(this.#retryTimer);
    void this.#stopPulling();
    this.#options.log.info('subscription paused');
  }

  resume(): void {
    if (this.#state !== 'paused' || this.#closing) return;
    this.#state = 'binding';
    void this.#bind();
  }

  /**
   * Ends the subscription: asks for no more, gives the host up to `handlersLimit` milliseconds to
   * settle what it has, then gives back the rest. A second call with 0 cuts the first one short.
   */
  async close(handlersLimit: number): Promise<void> {
    if (handlersLimit <= 0) this.#emptied?.();
    if (this.#closing) return this.closed;
    this.#closing = true;
    this.#state = 'paused';
    clearTimeout(this.#retryTimer);
    await this.#stopPulling();
    if (handlersLimit > 0 && this.#inFlight.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, handlersLimit);
        this.#emptied = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const { size } = this.#inFlight;
    if (size > 0) this.#options.log.info(`gave back ${size} unsettled message(s)`);
    this.#inFlight.nakAll();
    this.#inFlight.close();
    this.#state = 'closed';
    this.#resolveClosed();
  }

  async #bind(): Promise<void> {
    const { connection, config, topic, log } = this.#options;
    try {
      const consumer = await bindConsumer(connection, config, topic);
      if (this.#state !== 'binding') return;
      this.#startPulling(consumer);
      const healed = this.#lastProblem ? ' again' : '';
      log.info({ stream: consumer.stream, consumer: consumer.name }, `subscribed${healed}`);
      this.#lastProblem = '';
    } catch (error) {
      this.#bindLater(ComponentError.from(error));
    }
  }

  #startPulling(consumer: BoundConsumer): void {
    const { connection, config } = this.#options;
    const wanted = config.concurrency === 'single' ? 1 : config.prefetchCount;
    this.#window = Math.min(wanted, consumer.maxAckPending ?? wanted);
    this.#state = 'delivering';
    this.#pull = new Pull({
      connection,
      consumer,
      room: () => this.#window - this.#inFlight.size,
      worthwhile: Math.ceil(this.#window / 4),
      receive: (message) => this.#receive(message, consumer),
      lost: (reason) => {
        this.#pull = undefined;
        if (this.#state !== 'delivering') return;
        this.#state = 'binding';
        this.#bindLater(reason);
      },
    });
  }

  async #stopPulling(): Promise<void> {
    const pull = this.#pull;
    this.#pull = undefined;
    await pull?.stop();
    for (const { id } of this.#queue.splice(0)) this.#inFlight.nak(id);
  }

  /** Each problem is logged once, however often it is met in a row. */
  #bindLater(problem: ComponentError): void {
    if (this.#state !== 'binding') return;
    const { log, connection } = this.#options;
    if (problem.message !== this.#lastProblem) {
      this.#attempts = 0;
      if (connection.connected) {
        const level = problem.code === 'internal' ? 'error' : 'warn';
        log[level](`not delivering, trying again until it works: ${problem.message}`);
      }
    }
    this.#lastProblem = problem.message;
    const wait = Math.min(retryWait.first * 2 ** this.#attempts++, retryWait.most);
    this.#retryTimer = setTimeout(() => this.#bind(), wait * (1 + Math.random() / 2));
  }

  #receive(message: Msg, consumer: BoundConsumer): void {
    const delivery = parseDelivery(message.reply);
    // Nothing else is ever sent to the inbox; without a reply subject it could not be settled.
    if (!delivery || !message.reply) return;
    const ackWait = consumer.ackWait(delivery.deliveryCount);
    const id = this.#inFlight.add({ ...delivery, reply: message.reply, ackWait });
    this.#attempts = 0;
    this.#queue.push({ id, message });
    if (!this.#handingOver) void this.#handOver();
  }

  /** Hands over what is queued, in order, as fast as the host takes it. */
  async #handOver(): Promise<void> {
    this.#handingOver = true;
    const { deliver, topic, log } = this.#options;
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
        const { id, message } = next;
        const result = await deliver(toInbound(message, topic, id));
        if (result === 'delivered') continue;
        const about = this.#inFlight.get(id);
        log.error(
          about && where(about),
          `terminated a message of ${message.data.byteLength} bytes: daprd takes 4 MiB at most`,
        );
        this.#inFlight.term(id);
        this.#pull?.more();
      }
    } catch {
      // The host's stream has ended: close() gives back what it had, and what is queued.
    } finally {
      this.#handingOver = false;
    }
  }
}

function where({
  stream,
  consumer,
  streamSequence,
  deliveryCount,
}: {
  stream: string;
  consumer: string;
  streamSequence: number;
  deliveryCount: number;
}) {
  return { stream, consumer, streamSequence, deliveryCount };
}
