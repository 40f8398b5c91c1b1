import type { Msg } from '@nats-io/transport-node';
import type { Config } from '../component/config.ts';
import type { ComponentError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { within } from '../within.ts';
import { type Exceeded, watchAdvisories } from './advisories.ts';
import { Backlog, type Figures } from './backlog.ts';
import { Binding } from './binding.ts';
import type { Connection } from './connection.ts';
import { type BoundConsumer, type Earlier, isStillThere, sameCreation } from './consumer.ts';
import type { DeathReason, SubscriptionCounts } from './counts.ts';
import { DeadLetters, type Death } from './dead-letter.ts';
import { type Deliver, HandOver } from './hand-over.ts';
import { type Ended, InFlight, type Unsettled } from './in-flight.ts';
import { parseDelivery } from './message.ts';
import type { Publisher } from './publisher.ts';
import { Pull } from './pull.ts';
import { Push } from './push.ts';
import { nakDelay } from './redelivery.ts';
import { Settlements } from './settlements.ts';

export interface SubscriptionOptions {
  connection: Connection;
  /** Takes dead letters. */
  publisher: Publisher;
  config: Config;
  /** A subject, with or without wildcards; checked already. */
  topic: string;
  deliver: Deliver;
  counts: SubscriptionCounts;
  log: Logger;
  paused: boolean;
}

/**
 * - `binding`: looks for its stream and consumer, for as long as it takes
 * - `standby`: binding, while another client has a push consumer that only one at a time can have
 * - `delivering`: asks the consumer for messages and hands them to the host
 * - `paused`: neither; settlements still count
 * - `closed`: over; everything unsettled has been given back
 */
export type SubscriptionState = 'binding' | 'standby' | 'delivering' | 'paused' | 'closed';

/** One subscription as it is now. */
export interface SubscriptionStatus {
  topic: string;
  state: SubscriptionState;
  /** Why it does not deliver, where that is known. */
  problem: string | undefined;
  /** Undefined until there is one, here and below. */
  stream: string | undefined;
  consumer: string | undefined;
  type: 'pull' | 'push' | undefined;
  /** Messages with the host, not settled yet. */
  inFlight: number;
  /** Dead messages that no stream has taken yet. */
  deadLettersPending: number;
  counts: SubscriptionCounts;
  /** As the server last told it. */
  backlog: Figures | undefined;
}

/** With more than this unsettled a subscription asks for nothing. Unit: bytes. */
const mostBytes = 32 * 1024 * 1024;

/** Messages that one line of the log names. */
const mostNamed = 20;

/** With a shorter ackWait every acknowledgement is sent at once. Unit: milliseconds. */
const unhurried = 1_000;

/** Storing what has no further delivery at the end may take this long. Unit: milliseconds. */
const saveLimit = 500;

/** Settlements of an outage that has just ended may take this long to be sent. Unit: milliseconds. */
const flushLimit = 500;

/** Deleting an ephemeral consumer at the end may take this long. Unit: milliseconds. */
const deleteLimit = 500;

/**
 * One subscription of the host, from its first request until its stream ends.
 *
 * The host never opens a stream again, so nothing that passes ends this one: a stream that is not
 * there yet, a consumer that was deleted, a server that restarts all lead back to `binding`.
 *
 * The host has at most `window` messages unsettled. A pull consumer is asked for up to prefetchCount, a push
 * consumer sends up to its maxAckPending; what the host does not have yet waits here.
 */
export class Subscription {
  /** Resolves when the subscription is over. Never rejects. */
  readonly closed: Promise<void>;
  readonly #options: SubscriptionOptions;
  readonly #counts: SubscriptionCounts;
  #backlog: Backlog;
  readonly #settlements: Settlements;
  readonly #inFlight: InFlight;
  readonly #binding: Binding;
  readonly #handOver: HandOver;
  #resolveClosed: () => void = () => undefined;
  #state: SubscriptionState = 'binding';
  /** Messages the host may have unsettled; known once there is a consumer. */
  #window = 0;
  #source: Pull | Push | undefined;
  #consumer: BoundConsumer | undefined;
  #emptied: (() => void) | undefined;
  /** Whether the consumer was lost since it was found last, and settlements perhaps with it. */
  #lost = false;
  #closing = false;
  #dropping = false;
  #unwatch: (() => void) | undefined;
  readonly #closed = new AbortController();
  readonly #deadLetters: DeadLetters;
  /** Messages on their way to the dead letter subject, by id. */
  readonly #aside = new Map<string, Promise<void>>();

  constructor(options: SubscriptionOptions) {
    const { connection, config, topic, counts } = options;
    this.#options = options;
    this.#counts = counts;
    this.#backlog = new Backlog(connection);
    this.#settlements = new Settlements({
      connection,
      counts,
      log: options.log,
      isSame: () => this.#isSameConsumer(),
    });
    this.#inFlight = new InFlight({
      settlements: this.#settlements,
      tracksFloor: config.ephemeral === true,
      released: () => this.#settled(),
    });
    this.#deadLetters = new DeadLetters({
      connection,
      counts,
      publisher: options.publisher,
      subject: config.deadLetterSubject,
      log: options.log,
      signal: this.#closed.signal,
    });
    this.#binding = new Binding({
      connection,
      config,
      topic,
      log: options.log,
      earlier: () => this.#earlier(),
      bound: (consumer) => this.#startReceiving(consumer),
    });
    this.#handOver = new HandOver({
      connection,
      counts,
      inFlight: this.#inFlight,
      topic,
      deliver: options.deliver,
      log: options.log,
      window: () => this.#window,
      open: () => this.#state === 'delivering' || this.#state === 'binding',
      giveBack: (id) => this.#giveBack(id),
      undeliverable: (id, text, message) => {
        void this.#putAside(id, { reason: 'too-large', text }, message);
      },
      done: (id) => {
        this.#inFlight.ack(id);
        this.#settled();
      },
    });
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    if (options.paused) this.#state = 'paused';
    else void this.#binding.start();
  }

  /**
   * Settles one message: acknowledged, or with an error given back for a later delivery. Unknown
   * and repeated ids do nothing.
   */
  settle(id: string, error?: string): void {
    const message = this.#inFlight.get(id);
    if (!message) {
      this.#options.log.debug({ id }, 'settled twice, or not of this subscription: ignored');
      return;
    }
    if (error === undefined) this.#inFlight.ack(id);
    else this.#refused(id, message, error);
    this.#settled();
  }

  status(): SubscriptionStatus {
    const consumer = this.#consumer;
    const problem = this.#state === 'binding' ? this.#binding.problem : undefined;
    return {
      topic: this.#options.topic,
      state: problem?.code === 'taken' ? 'standby' : this.#state,
      problem: problem?.message,
      ...this.#where(),
      type: consumer && (consumer.deliverSubject ? 'push' : 'pull'),
      inFlight: this.#inFlight.size,
      deadLettersPending: this.#deadLetters.pending.size,
      counts: this.#counts,
      backlog: this.#backlog.figures,
    };
  }

  /** Learns the backlog anew, where it may have changed; see {@link Backlog.refresh}. */
  async refreshBacklog(): Promise<void> {
    if (this.#consumer) await this.#backlog.refresh(this.#consumer);
  }

  /**
   * The host has closed its side and takes no message any more: this one was never handled. It is
   * given back at once, and no more are asked for.
   */
  unhandled(id: string): void {
    this.pause();
    this.#giveBack(id);
    this.#settled();
  }

  /** For the log and for who asks: undefined until there is a consumer. */
  #where(): { stream: string | undefined; consumer: string | undefined } {
    return { stream: this.#consumer?.stream, consumer: this.#consumer?.name };
  }

  /** Asks for no more and gives back what the host has not got yet. */
  pause(): void {
    if (this.#state === 'closed' || this.#state === 'paused') return;
    this.#state = 'paused';
    this.#binding.stop();
    void this.#stopReceiving();
    this.#options.log.info('subscription paused');
  }

  resume(): void {
    if (this.#state !== 'paused' || this.#closing) return;
    this.#state = 'binding';
    void this.#binding.start();
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
    this.#binding.stop();
    await this.#stopReceiving();
    if (handlersLimit > 0 && this.#inFlight.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, handlersLimit);
        this.#emptied = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#unwatch?.();
    await this.#saveLastChances();
    const { pending } = this.#deadLetters;
    this.#closed.abort();
    const { maxDeliver = Number.POSITIVE_INFINITY } = this.#consumer ?? {};
    this.#tellOfTheRest(this.#inFlight.close(maxDeliver), pending);
    await within(flushLimit, this.#settlements.flush());
    this.#state = 'closed';
    this.#handOver.more();
    await this.#deleteEphemeral();
    this.#resolveClosed();
  }

  #tellOfTheRest(ended: Ended, pending: Map<number, DeathReason>): void {
    const { connection, log } = this.#options;
    const when = connection.connected ? 'gave back' : 'not connected to give back';
    if (ended.givenBack > 0) {
      log.info(this.#where(), `${when} ${ended.givenBack} unsettled message(s)`);
    }
    // Of what was never settled in time the server has told already.
    const told = [...pending].filter(([, reason]) => reason === 'unsettled');
    const lost = new Map<number, DeathReason>(told);
    for (const sequence of ended.lost) lost.set(sequence, pending.get(sequence) ?? 'given-back');
    for (const [sequence, reason] of lost) this.#deadLetters.lost(sequence, reason);
    const kept = ended.kept.filter((sequence) => !lost.has(sequence));
    const about = (sequences: number[]) => ({
      ...this.#where(),
      streamSequences: sequences.slice(0, mostNamed),
    });
    if (kept.length > 0) {
      const text = 'a replica that runs when their ackWait ends can still store them';
      log.error(about(kept), `${kept.length} dead letter(s) not stored: ${text}`);
    }
    if (lost.size > 0) {
      const text = 'no process will hear of them again; their stream may have them';
      log.error(about([...lost.keys()]), `${lost.size} dead letter(s) lost: ${text}`);
    }
  }

  /** To be delivered again at once, here or elsewhere; unless the server would not. */
  #giveBack(id: string): void {
    const most = this.#consumer?.maxDeliver ?? Number.POSITIVE_INFINITY;
    const message = this.#inFlight.get(id);
    if (!message || message.deliveryCount < most) {
      this.#inFlight.nak(id, 'given-back');
      return;
    }
    const text = `not handled before the app paused, at delivery ${most}`;
    void this.#putAside(id, { reason: 'given-back', text });
  }

  /** Given back, these would never come again: the server has delivered them maxDeliver times. */
  async #saveLastChances(): Promise<void> {
    const most = this.#consumer?.maxDeliver;
    if (most === undefined) return;
    const text = `not handled when the app stopped, at delivery ${most} (maxDeliver)`;
    const death = { reason: 'given-back', text } as const;
    const saved = this.#inFlight.lastChances(most).map((id) => this.#putAside(id, death));
    await within(saveLimit, Promise.all(saved));
  }

  #refused(id: string, message: Unsettled, error: string): void {
    const { config, log } = this.#options;
    const { deliveryCount } = message;
    const most = this.#consumer?.maxDeliver;
    if (most !== undefined && deliveryCount >= most) {
      // The server would not deliver it again, and say nothing.
      const text = `refused ${deliveryCount} times (maxDeliver): ${error}`;
      void this.#putAside(id, { reason: 'refused', text });
      return;
    }
    const delay = nakDelay(deliveryCount, config);
    this.#inFlight.nak(id, 'refused', delay);
    const { stream, streamSequence } = message;
    log.debug({ stream, streamSequence, deliveryCount, delay, error }, 'the app refused a message');
  }

  /** The server would keep it for minutes. */
  async #deleteEphemeral(): Promise<void> {
    const { connection, config } = this.#options;
    if (!config.ephemeral || !this.#consumer || !connection.connected) return;
    const { stream, name } = this.#consumer;
    // The request does not go through the outbox: the last settlements shall not come after it.
    connection.outbox.flush();
    await within(deleteLimit, connection.api.consumers.delete(stream, name));
  }

  #earlier(): Earlier | undefined {
    const { name, streamCreated } = this.#consumer ?? {};
    return name === undefined || streamCreated === undefined
      ? undefined
      : { name, streamCreated, floor: this.#inFlight.takeFloor() };
  }

  async #isSameConsumer(): Promise<boolean> {
    const consumer = this.#consumer;
    return consumer !== undefined && isStillThere(this.#options.connection, consumer);
  }

  #startReceiving(consumer: BoundConsumer): void {
    const { connection, config } = this.#options;
    const prefetch = Math.min(config.prefetchCount, consumer.maxAckPending ?? config.prefetchCount);
    this.#window = config.concurrency === 'single' ? 1 : prefetch;
    this.#state = 'delivering';
    const earlier = this.#consumer;
    const otherStream = earlier !== undefined && earlier.streamCreated !== consumer.streamCreated;
    const otherConsumer = earlier === undefined || !sameCreation(earlier.created, consumer.created);
    const inOrder = consumer.ackPolicy === 'all';
    if (otherStream || (earlier && otherConsumer && inOrder)) this.#inFlight.outdate();
    if (otherConsumer && config.ephemeral && this.#inFlight.size === 0) {
      this.#inFlight.startAfter(Math.max(this.#inFlight.floor, consumer.delivered));
    }
    this.#consumer = consumer;
    // What is still being answered is about the one before.
    if (otherConsumer) {
      this.#backlog = new Backlog(connection);
      this.#settlements.forget();
      this.#deadLetters.forget();
    } else if (this.#lost) void this.#settlements.again();
    this.#lost = false;
    this.#watchAdvisories(consumer);
    const common = {
      connection,
      receive: (message: Msg) => this.#receive(message, consumer),
      lost: (reason: ComponentError) => {
        this.#source = undefined;
        this.#lost = true;
        if (this.#state !== 'delivering') return;
        this.#state = 'binding';
        this.#binding.again(reason);
      },
    };
    const { deliverSubject } = consumer;
    this.#source = deliverSubject
      ? new Push({
          ...common,
          consumer: { ...consumer, deliverSubject },
          flowControl: (reply) => this.#handOver.flowControl(reply),
        })
      : new Pull({
          ...common,
          consumer,
          room: () => (this.#inFlight.bytes > mostBytes ? 0 : prefetch - this.#inFlight.size),
          worthwhile: Math.ceil(prefetch / 4),
        });
  }

  #watchAdvisories(consumer: BoundConsumer): void {
    this.#unwatch?.();
    const { stream, name, maxDeliver } = consumer;
    const exceeded = (message: Exceeded) => {
      const delivery = { stream, consumer: name, ...message };
      const text = `delivered ${message.deliveryCount} times and never settled (maxDeliver)`;
      void this.#deadLetters.putAside(delivery, { reason: 'unsettled', text });
    };
    this.#unwatch = watchAdvisories(this.#options.connection, consumer, {
      exceeded: maxDeliver === undefined ? undefined : exceeded,
      leaderElected: () => {
        void this.#settlements.again();
        if (this.#source) this.#source.leaderElected();
        else if (this.#state === 'binding') void this.#binding.start();
      },
    });
  }

  async #stopReceiving(): Promise<void> {
    const source = this.#source;
    this.#source = undefined;
    this.#handOver.giveBack();
    // What still arrives is given back as it comes, unless somebody resumes meanwhile.
    await source?.stop();
  }

  /** Its place stays taken until it is stored elsewhere, or terminated. */
  #putAside(id: string, death: Death, message?: Msg): Promise<void> {
    const under = this.#aside.get(id) ?? this.#moveAside(id, death, message);
    this.#aside.set(id, under);
    return under.finally(() => this.#aside.delete(id));
  }

  async #moveAside(id: string, death: Death, message?: Msg): Promise<void> {
    const about = this.#inFlight.get(id);
    if (!about) return;
    this.#inFlight.putAside(id);
    if (!(await this.#deadLetters.putAside(about, death, message))) return;
    this.#inFlight.term(id);
    this.#settled();
  }

  #settled(): void {
    this.#handOver.more();
    if (this.#inFlight.size === 0) this.#emptied?.();
    this.#source?.more();
  }

  #receive(message: Msg, consumer: BoundConsumer): void {
    const delivery = parseDelivery(message.reply);
    // Nothing else is ever sent to the inbox; without a reply subject it could not be settled.
    if (!delivery || !message.reply) return;
    const { ackPolicy } = consumer;
    if (delivery.deliveryCount > 1) this.#counts.redeliveries++;
    const ackWait = consumer.ackWait(delivery.deliveryCount);
    const firstAckWait = consumer.ackWait(1);
    const size = message.data.byteLength;
    if (ackPolicy === 'none' && this.#inFlight.bytes > mostBytes) {
      // Only a push consumer without flow control sends on whatever becomes of it.
      this.#drop(delivery.streamSequence);
      return;
    }
    const { reply } = message;
    // A push consumer at its maxAckPending waits for each; a pull request takes them along.
    const later = consumer.deliverSubject === undefined && ackWait >= unhurried;
    const about = { ...delivery, reply, ackPolicy, ackWait, firstAckWait, later, size };
    const id = this.#inFlight.add(about);
    this.#dropping = false;
    this.#binding.healthy();
    if (id !== undefined) this.#handOver.message(id, message);
  }

  #drop(streamSequence: number): void {
    const { log } = this.#options;
    this.#counts.terms.dropped++;
    const text = 'the app is too slow for ackPolicy none without flow control: messages are lost';
    if (!this.#dropping) log.error({ ...this.#where(), streamSequence }, text);
    this.#dropping = true;
  }
}
