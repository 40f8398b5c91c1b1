import { ComponentError } from '../errors.ts';
import { Connection, type ConnectionStatus } from '../jetstream/connection.ts';
import type { ComponentCounts } from '../jetstream/counts.ts';
import type { Deliver } from '../jetstream/hand-over.ts';
import type { OutboundMessage } from '../jetstream/message.ts';
import { Publisher } from '../jetstream/publisher.ts';
import { checkSubscribeSubject } from '../jetstream/subject.ts';
import { Subscription, type SubscriptionStatus } from '../jetstream/subscription.ts';
import type { Logger } from '../log.ts';
import { type Config, parseConfig, withOverrides } from './config.ts';
import type { ComponentLabels, ProcessCounts } from './counters.ts';

export interface InstanceOptions {
  /** Of the Component, as the host sends them. */
  properties: Record<string, string>;
  /** Where what it does is counted. */
  counts: ProcessCounts;
  labels: ComponentLabels;
  log: Logger;
}

export interface SubscribeOptions {
  topic: string;
  /** The metadata of the app's Subscription; may override consumer fields. */
  metadata: Record<string, string>;
  deliver: Deliver;
  /** Ends the subscription at once. */
  signal: AbortSignal;
}

export type { SubscriptionStatus };

/** One instance as it is now. What is counted is counted on: to be read, not kept. */
export interface InstanceStatus {
  connection: ConnectionStatus;
  /** Of all instances of this Component and app, as those of the subscriptions are. */
  counts: ComponentCounts;
  /** Publishes that wait for their confirmation. */
  pendingPublishes: number;
  subscriptions: SubscriptionStatus[];
}

/** One Dapr Component as one host has initialised it: settings, a NATS connection, what runs on it. */
export class Instance {
  readonly #options: InstanceOptions;
  readonly #config: Config;
  readonly #connection: Connection;
  readonly #counts: ComponentCounts;
  readonly #publisher: Publisher;
  readonly #subscriptions = new Set<Subscription>();
  #paused = false;
  #closed = false;

  private constructor(options: InstanceOptions, config: Config, connection: Connection) {
    this.#options = options;
    this.#config = config;
    this.#connection = connection;
    const counts = options.counts.components.take(options.labels);
    this.#counts = counts;
    this.#publisher = new Publisher({ connection, config, counts: counts.publishes });
    connection.events.on('reconnected', () => counts.reconnects++);
  }

  /**
   * Validates the metadata and connects. Takes at most 4.5 s: daprd waits 5 s for Init.
   *
   * @throws ComponentError `invalid-config` naming every problem; `unavailable` or
   *   `unauthenticated` from the connection
   */
  static async create(options: InstanceOptions): Promise<Instance> {
    const { log, properties } = options;
    const { config, warnings } = parseConfig(properties);
    for (const warning of warnings) log.warn(warning);
    const connection = await Connection.open(config, log);
    log.info({ server: connection.server, consumerID: config.consumerID }, 'connected to NATS');
    return new Instance(options, config, connection);
  }

  /** Stores one message; see {@link Publisher.publish}. */
  publish(topic: string, message: OutboundMessage, done: (error?: ComponentError) => void): void {
    this.#publisher.publish(topic, message, done);
  }

  /** Stores many; see {@link Publisher.bulkPublish}. */
  bulkPublish(topic: string, messages: OutboundMessage[]): Promise<Map<number, ComponentError>> {
    return this.#publisher.bulkPublish(topic, messages);
  }

  /**
   * Opens a subscription, which then lives until its signal or {@link close} ends it.
   *
   * @throws ComponentError `invalid-request` for a topic or metadata that can never work; `closed`
   */
  async subscribe({ topic, metadata, deliver, signal }: SubscribeOptions): Promise<Subscription> {
    if (this.#closed) throw new ComponentError('closed', 'the component instance has ended');
    const { config, warnings } = withOverrides(this.#config, metadata);
    const { counts, labels } = this.#options;
    const log = this.#options.log.child({ topic });
    for (const warning of warnings) log.warn(warning);
    checkSubscribeSubject(topic);
    const ofTopic = { ...labels, topic };
    const subscription = new Subscription({
      connection: this.#connection,
      publisher: this.#publisher,
      config,
      topic,
      deliver,
      counts: counts.subscriptions.take(ofTopic),
      log,
      paused: this.#paused,
    });
    this.#subscriptions.add(subscription);
    subscription.closed.then(() => {
      this.#subscriptions.delete(subscription);
      counts.subscriptions.release(ofTopic);
    });
    if (signal.aborted) void subscription.close(0);
    else signal.addEventListener('abort', () => void subscription.close(0), { once: true });
    return subscription;
  }

  status(): InstanceStatus {
    return {
      connection: this.#connection.status(),
      counts: this.#counts,
      pendingPublishes: this.#publisher.pending,
      subscriptions: this.subscriptions.map((subscription) => subscription.status()),
    };
  }

  /** The subscriptions that are open now. */
  get subscriptions(): Subscription[] {
    return [...this.#subscriptions];
  }

  /** No new messages from now on; settlements still count. */
  pause(): void {
    this.#paused = true;
    for (const subscription of this.#subscriptions) subscription.pause();
  }

  resume(): void {
    this.#paused = false;
    for (const subscription of this.#subscriptions) subscription.resume();
  }

  /**
   * Ends everything: subscriptions stop pulling, wait up to `handlersLimit` milliseconds for what
   * the host is handling, give back the rest; then the connection is flushed and closed.
   */
  async close(handlersLimit: number): Promise<void> {
    this.#closed = true;
    await Promise.all(this.subscriptions.map((subscription) => subscription.close(handlersLimit)));
    this.#publisher.close(new ComponentError('closed', 'the component is stopping'));
    await this.#connection.close();
    this.#options.counts.components.release(this.#options.labels);
  }
}
