import { setTimeout as sleep } from 'node:timers/promises';
import {
  createInbox,
  InvalidArgumentError,
  type Msg,
  type Subscription,
} from '@nats-io/transport-node';
import type { Config } from '../component/config.ts';
import { ComponentError, type ErrorCode, messageOf } from '../errors.ts';
import { within } from '../within.ts';
import type { Connection } from './connection.ts';
import type { PublishCounts } from './counts.ts';
import { headersOf, type OutboundMessage, type StoredHeaders, toHeaders } from './message.ts';
import { Numbered } from './numbered.ts';
import { type AnyHeaders, type Outcome, PendingPublish, type Stored } from './pending-publish.ts';
import { readPubAck } from './pub-ack.ts';
import { findStream, noStream } from './stream.ts';
import { streamsOf } from './stream-lookup.ts';
import { checkPublishSubject } from './subject.ts';

/** Publishes waiting for their PubAck, of one Component; more are refused at once. */
const mostPending = 65_536;
const mostPendingBytes = 64 * 1024 * 1024;

/** The same for all Components of the process. A Component may have its share whatever the others have. */
const mostBytesOfProcess = 128 * 1024 * 1024;
const shareOfBytes = 4 * 1024 * 1024;
const ofProcess = { pendingBytes: 0 };

/** A PubAck that is overdue is noticed this late at most. Unit: milliseconds. */
const sweepInterval = 50;

/** Between two attempts while a stream has no leader: doubles from the one to the other. Milliseconds. */
const retryWait = { first: 50, most: 500 } as const;

/** Finding out whether answers can be received takes no longer. Unit: milliseconds. */
const hearingLimit = 1_000;

/** What may pass before a publish's deadline. */
const passing = new Set<ErrorCode>(['unavailable', 'timeout']);

/** The status a server answers with when nobody listens on the subject. */
const noResponders = 503;

/** What no stream has answered for this part of its publishTimeout is sent once more. */
const patience = 1 / 3;

export interface PublisherOptions {
  connection: Connection;
  config: Config;
  counts: PublishCounts;
}

/**
 * Stores messages: each promise is kept only after JetStream's PubAck.
 *
 * One reply subscription serves the whole connection. Each publish asks for its answer under a
 * number of its own, and one timer looks after all that wait: a request each would cost a
 * subscription, a timer and two promises a message.
 */
export class Publisher {
  readonly #connection: Connection;
  readonly #config: Config;
  readonly #counts: PublishCounts;
  readonly #timeout: number;
  readonly #inbox = createInbox();
  #replies: Subscription | undefined;
  /** Why no answer can be received. */
  #deaf: ComponentError | undefined;
  #hearing: Promise<void> | undefined;
  /** Why nothing can be published any more. */
  #closed: ComponentError | undefined;
  #pendingBytes = 0;
  /** In the order of their deadlines, since all have the same time to go. Bounded in number and bytes. */
  readonly #pending = new Numbered<PendingPublish>(mostPending);
  readonly #lookups = new Map<string, Promise<string[]>>();
  readonly #made = new Map<string, Promise<string>>();
  #sweeper: NodeJS.Timeout | undefined;

  constructor({ connection, config, counts }: PublisherOptions) {
    this.#connection = connection;
    this.#config = config;
    this.#counts = counts;
    this.#timeout = config.publishTimeout;
    this.#listen();
    connection.events.on('disconnected', () => this.#disconnected());
    connection.events.on('reconnected', () => this.#reconnected());
    connection.events.on('publishDenied', (subject) => this.#denied(subject));
  }

  /** @throws an error of the client's where that has closed for good */
  #listen(): void {
    this.#replies = this.#connection.nats.subscribe(`${this.#inbox}.*`, {
      callback: (error, reply) => {
        if (!error) return this.#answered(reply);
        // The client has ended this subscription; a reconnect may bring other permissions.
        this.#deaf = new ComponentError(
          'forbidden',
          `the user may not receive confirmations (subscribe to _INBOX.>): ${error.message}`,
        );
        this.#failAll(this.#deaf);
      },
    });
    this.#deaf = undefined;
  }

  /** Permissions may have changed meanwhile; a refusal comes before the answer to the flush. */
  #hearAgain(): Promise<void> {
    this.#hearing ??= this.#listenAgain().finally(() => {
      this.#hearing = undefined;
    });
    return this.#hearing;
  }

  async #listenAgain(): Promise<void> {
    try {
      this.#listen();
    } catch {
      // It stays as it was, and whoever publishes hears why.
      return;
    }
    await within(hearingLimit, this.#connection.flush());
  }

  /**
   * Stores one message, within the publishTimeout. Until then it outlasts an outage and a change of
   * leader; what has a message id is sent again where nobody can tell whether it was stored.
   *
   * @param done called once: with nothing when the message is stored, else with `invalid-request` for a topic
   *   that is not a subject and a message over the server's max_payload; `no-stream`; `unavailable`; `timeout`
   */
  publish(topic: string, message: OutboundMessage, done: (error?: ComponentError) => void): void {
    try {
      checkPublishSubject(topic);
    } catch (error) {
      done(ComponentError.from(error));
      return;
    }
    this.#publish(topic, message, { resolve: () => done(), reject: done, counts: this.#counts });
  }

  /** Stores one message that is not the app's, with the headers as given; throws as {@link publish} does. */
  store(topic: string, data: Uint8Array, headers: AnyHeaders | undefined): Promise<Stored> {
    return new Promise((resolve, reject) => this.#store(topic, data, headers, { resolve, reject }));
  }

  /**
   * Stores many, each by itself: one that fails keeps no other from being stored.
   *
   * @returns what went wrong, by index of the message; empty when all are stored
   */
  async bulkPublish(
    topic: string,
    messages: OutboundMessage[],
  ): Promise<Map<number, ComponentError>> {
    const errors = new Map<number, ComponentError>();
    try {
      checkPublishSubject(topic);
    } catch (error) {
      for (const index of messages.keys()) errors.set(index, ComponentError.from(error));
      return errors;
    }
    let left = messages.length;
    if (left === 0) return errors;
    // One promise for all of them.
    await new Promise<void>((done) => {
      const resolve = () => {
        if (--left === 0) done();
      };
      for (const [index, message] of messages.entries()) {
        const reject = (error: ComponentError) => {
          errors.set(index, error);
          resolve();
        };
        this.#publish(topic, message, { resolve, reject, counts: this.#counts });
      }
    });
    return errors;
  }

  #publish(topic: string, message: OutboundMessage, outcome: Outcome): void {
    let headers: StoredHeaders | undefined;
    try {
      headers = toHeaders(topic, message);
    } catch (error) {
      outcome.reject(ComponentError.from(error));
      return;
    }
    this.#store(topic, message.data, headers, outcome);
  }

  #store(
    subject: string,
    payload: Uint8Array,
    headers: AnyHeaders | undefined,
    outcome: Outcome,
  ): void {
    const deadline = performance.now() + this.#timeout;
    const refused = this.#refused;
    const pending = new PendingPublish({ subject, payload, headers, deadline, outcome, refused });
    if (this.#deaf && !this.#closed && this.#connection.disconnectedFor <= this.#timeout) {
      void this.#enqueueOnceHeard(pending);
    } else this.#enqueue(pending);
  }

  async #enqueueOnceHeard(pending: PendingPublish): Promise<void> {
    await this.#hearAgain();
    this.#enqueue(pending);
  }

  #enqueue(pending: PendingPublish): void {
    const refusal = this.#closed ?? this.#refusal();
    if (refusal) {
      pending.outcome.reject(refusal);
      return;
    }
    const number = this.#pending.add(pending);
    pending.admit(number, `${this.#inbox}.${number}`);
    this.#countBytes(pending.payload.byteLength);
    this.#sweeper ??= setTimeout(() => this.#sweep(), sweepInterval);
    if (this.#connection.connected) this.#send(pending);
  }

  /** Publishes that wait for their confirmation. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Why nothing can be published now. */
  #refusal(): ComponentError | undefined {
    // A short outage is waited out; in a long one callers shall not queue up.
    const downFor = this.#connection.disconnectedFor;
    if (downFor > this.#timeout) return disconnected(downFor);
    if (this.#deaf) return this.#deaf;
    const tooMany = this.#pending.size >= mostPending || this.#pendingBytes > mostPendingBytes;
    const othersHaveAll = ofProcess.pendingBytes > mostBytesOfProcess;
    if (tooMany || (othersHaveAll && this.#pendingBytes > shareOfBytes)) {
      return new ComponentError('unavailable', 'too many publishes wait for NATS to confirm them');
    }
    return undefined;
  }

  /** Fails what is pending with `error`. */
  close(error: ComponentError): void {
    this.#closed = error;
    this.#failAll(error);
    clearTimeout(this.#sweeper);
    if (!this.#connection.nats.isClosed()) this.#replies?.unsubscribe();
  }

  #send(pending: PendingPublish): void {
    if (pending.sends++ > 0 && pending.outcome.counts) pending.outcome.counts.repeats++;
    pending.sent = true;
    this.#connection.outbox.send(pending);
  }

  readonly #refused = (pending: PendingPublish, error: unknown): void => {
    // It may have failed otherwise meanwhile.
    if (this.#pending.get(pending.number) !== pending) return;
    pending.sent = false;
    this.#fail(
      pending,
      error instanceof InvalidArgumentError ? this.#tooLarge(pending) : broken(error),
    );
  };

  #tooLarge({ payload, options }: PendingPublish): ComponentError {
    const encoded = options.headers as unknown as { encode(): Uint8Array } | undefined;
    const size = payload.byteLength + (encoded?.encode().byteLength ?? 0);
    const most = this.#connection.nats.info?.max_payload;
    return new ComponentError(
      'invalid-request',
      `the message is ${size} bytes with its headers; the NATS server takes ${most} (max_payload)`,
    );
  }

  #answered(reply: Msg): void {
    const number = Number(reply.subject.slice(this.#inbox.length + 1));
    const pending = this.#pending.get(number);
    if (!pending) return;
    const headers = headersOf(reply);
    if (headers && headers !== 'unreadable' && headers.code === noResponders) {
      void this.#explain(pending);
      void this.#retry(pending);
      return;
    }
    const answer = readPubAck(reply, pending.subject);
    if (answer === 'not now' || answer === 'in process') {
      if (answer === 'in process') pending.unanswered = true;
      pending.waitingFor ??= `the stream of "${pending.subject}" is about to have another leader`;
      void this.#retry(pending);
      return;
    }
    if (answer instanceof ComponentError) {
      pending.sent = false;
      this.#fail(pending, answer);
      return;
    }
    this.#forget(number);
    const { counts, resolve } = pending.outcome;
    const stored = pending.sends === 1 ? answer : 'stored';
    if (counts) {
      counts.confirmed.add(performance.now() - (pending.deadline - this.#timeout));
      if (stored === 'duplicate') counts.duplicates++;
    }
    resolve(stored);
  }

  /**
   * It was not stored just now: no stream is there, or its leader is being elected. Sent again until
   * its deadline, unless it turns out that nothing will ever take it.
   */
  async #retry(pending: PendingPublish): Promise<void> {
    pending.sent = false;
    const wait = Math.min(retryWait.first * 2 ** pending.attempts++, retryWait.most);
    await sleep(wait);
    // A reconnect may have sent it meanwhile, or is yet to.
    const still = this.#pending.get(pending.number) === pending && !pending.sent;
    if (still && this.#connection.connected) this.#send(pending);
  }

  /** Finds out why nobody has taken it; not knowing is no reason to give up. */
  async #explain(pending: PendingPublish): Promise<void> {
    const { subject } = pending;
    try {
      const streams = await this.#streamsOf(subject);
      const stream = streams[0] ?? (await this.#makeStream(subject));
      pending.waitingFor = `stream ${stream} takes "${subject}" but has no leader now`;
    } catch (error) {
      const reason = ComponentError.from(error);
      pending.waitingFor ??= reason.message;
      // Sent again meanwhile, it may be stored by now; if not, this is asked again.
      if (passing.has(reason.code) || pending.sent || this.#pending.get(pending.number) !== pending)
        return;
      this.#fail(pending, reason);
    }
  }

  /** @throws ComponentError `no-stream` where streams are not this component's to make */
  #makeStream(subject: string): Promise<string> {
    if (this.#config.streamManagement === 'none') throw noStream(subject);
    return once(this.#made, subject, () => findStream(this.#connection, this.#config, subject));
  }

  #streamsOf(subject: string): Promise<string[]> {
    return once(this.#lookups, subject, () => streamsOf(this.#connection, subject));
  }

  #sweep(): void {
    this.#sweeper = undefined;
    const now = performance.now();
    const connected = this.#connection.connected;
    for (const pending of this.#pending.values()) {
      const left = pending.deadline - now;
      if (left > this.#timeout * (1 - patience)) break;
      if (left <= 0) {
        this.#fail(pending, this.#overdue(pending));
      } else if (connected && pending.sent && pending.repeatable && !pending.sentAgain) {
        // A leader that crashed may have taken it with it.
        pending.sentAgain = true;
        this.#send(pending);
      }
    }
    if (this.#pending.size > 0) {
      this.#sweeper = setTimeout(() => this.#sweep(), sweepInterval);
    }
  }

  #disconnected(): void {
    for (const pending of this.#pending.values()) {
      if (pending.sent) pending.unanswered = true;
      pending.sent = false;
      if (pending.repeatable || !pending.unanswered) continue;
      const text = 'the connection to NATS broke before the confirmation';
      this.#fail(pending, new ComponentError('unavailable', text));
    }
  }

  #reconnected(): void {
    if (this.#deaf) this.#listen();
    for (const pending of this.#pending.values()) if (!pending.sent) this.#send(pending);
  }

  #forget(number: number): void {
    const pending = this.#pending.delete(number);
    if (pending) this.#countBytes(-pending.payload.byteLength);
  }

  #countBytes(bytes: number): void {
    this.#pendingBytes += bytes;
    ofProcess.pendingBytes += bytes;
  }

  /** The server does not say which message it has refused: all to the subject fail. */
  #denied(subject: string): void {
    for (const pending of this.#pending.values()) {
      if (pending.subject !== subject) continue;
      pending.sent = false;
      const text = `the user may not publish to "${subject}" on the server`;
      this.#fail(pending, new ComponentError('forbidden', text));
    }
  }

  #overdue({ subject, waitingFor }: PendingPublish): ComponentError {
    const downFor = this.#connection.disconnectedFor;
    if (downFor > 0) return disconnected(downFor);
    const limit = `within ${this.#timeout / 1000} s (publishTimeout)`;
    if (waitingFor) return new ComponentError('unavailable', `not stored ${limit}: ${waitingFor}`);
    return new ComponentError('timeout', `no stream confirmed "${subject}" ${limit}`);
  }

  #failAll(error: ComponentError): void {
    for (const pending of [...this.#pending.values()]) this.#fail(pending, error);
  }

  /** Says so where a copy may have been stored all the same. */
  #fail(pending: PendingPublish, cause: ComponentError): void {
    const { number, sent, sentAgain, unanswered, outcome } = pending;
    this.#forget(number);
    const inDoubt = sent || sentAgain || unanswered;
    const text = `${cause.message}; the message may have been stored`;
    outcome.reject(inDoubt ? new ComponentError(cause.code, text, { cause, inDoubt }) : cause);
  }
}

/** One call for all who ask for the same at the same time. */
function once<Value>(
  calls: Map<string, Promise<Value>>,
  key: string,
  call: () => Promise<Value>,
): Promise<Value> {
  let under = calls.get(key);
  if (!under) {
    under = call().finally(() => calls.delete(key));
    calls.set(key, under);
  }
  return under;
}

function disconnected(milliseconds: number): ComponentError {
  const seconds = (milliseconds / 1000).toFixed(1);
  return new ComponentError('unavailable', `not connected to NATS for ${seconds} s: reconnecting`);
}

function broken(error: unknown): ComponentError {
  return new ComponentError('unavailable', `NATS: ${messageOf(error)}`, { cause: error });
}
