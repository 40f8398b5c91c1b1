import type { MsgHdrs, PublishOptions } from '@nats-io/transport-node';
import type { ComponentError } from '../errors.ts';
import type { PublishCounts } from './counts.ts';
import { messageIdHeader, StoredHeaders } from './message.ts';
import type { Outgoing } from './outbox.ts';

/** Headers of an app's message, or of a dead letter, which come from the NATS client. */
export type AnyHeaders = StoredHeaders | MsgHdrs;

/** `duplicate`: the stream had a message with this id already, and this publish has not stored it. */
export type Stored = 'stored' | 'duplicate';

export interface Outcome {
  resolve(stored: Stored): void;
  reject(error: ComponentError): void;
  /** Undefined for a message that is not the app's. */
  counts?: PublishCounts;
}

export interface PendingPublishOptions {
  subject: string;
  payload: Uint8Array;
  headers: AnyHeaders | undefined;
  deadline: number;
  outcome: Outcome;
  /** Called when the client does not take it; see {@link Outgoing.onRefused}. */
  refused(pending: PendingPublish, error: unknown): void;
}

/** One publish, from when it is accepted until the stream has answered. */
export class PendingPublish implements Outgoing {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly options: PublishOptions;
  /** When it fails, in terms of performance.now(). */
  readonly deadline: number;
  readonly outcome: Outcome;
  /** It has a message id: the stream drops a second copy, so it may be sent again unanswered. */
  readonly repeatable: boolean;
  /** Its place among those that are pending: its answer comes under this number. 0 until {@link admit}. */
  number = 0;
  /** Sent on this connection, and neither answered nor refused yet. */
  sent = false;
  /** How often it was sent, on this connection or one before. */
  sends = 0;
  /** Whether it was sent again because no answer came. */
  sentAgain = false;
  /** Whether a copy was sent of which nobody will tell what became of it. */
  unanswered = false;
  attempts = 0;
  /** Why it has not been stored yet, where that is known. */
  waitingFor: string | undefined;
  readonly #refused: PendingPublishOptions['refused'];

  constructor(options: PendingPublishOptions) {
    const { subject, payload, headers, deadline, outcome } = options;
    this.subject = subject;
    this.payload = payload;
    // The client asks of headers only that they can be encoded.
    this.options = { reply: '', headers: headers as MsgHdrs | undefined };
    this.deadline = deadline;
    this.outcome = outcome;
    this.repeatable =
      headers instanceof StoredHeaders
        ? headers.identified
        : headers?.has(messageIdHeader) === true;
    this.#refused = options.refused;
  }

  /** Gives it the number and the subject of its answer. */
  admit(number: number, reply: string): void {
    this.number = number;
    this.options.reply = reply;
  }

  onRefused(error: unknown): void {
    this.#refused(this, error);
  }
}
