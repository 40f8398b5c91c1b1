import type { MsgHdrs, PublishOptions } from '@nats-io/transport-node';
import type { ComponentError } from '../errors.ts';
import type { PublishCounts } from './counts.ts';
import { messageIdHeader, StoredHeaders } from './message.ts';
import type { Outgoing } from './outbox.ts';

/** Those of a dead letter are the client's own. */
export type AnyHeaders = StoredHeaders | MsgHdrs;

/** `duplicate`: the stream had a message of its id already, and not from here. */
export type Stored = 'stored' | 'duplicate';

export interface Outcome {
  resolve(stored: Stored): void;
  reject(error: ComponentError): void;
  /** Undefined for what is not the app's. */
  counts?: PublishCounts;
}

export interface PendingPublishOptions {
  subject: string;
  payload: Uint8Array;
  headers: AnyHeaders | undefined;
  deadline: number;
  outcome: Outcome;
  /** Called each time when the client does not take it. */
  notTaken(pending: PendingPublish, error: unknown): void;
}

/** A message on its way to its stream, until that has answered. */
export class PendingPublish implements Outgoing {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly options: PublishOptions;
  /** When it fails, in terms of performance.now(). */
  readonly deadline: number;
  readonly outcome: Outcome;
  /** It has a message id: the stream drops a second copy, so it may be sent again unanswered. */
  readonly repeatable: boolean;
  /** Its place among those that are pending; its answer comes under this number. */
  number = 0;
  /** Sent on this connection, and neither answered nor refused yet. */
  sent = false;
  /** How often it was sent, on this connection or one before. */
  sends = 0;
  /** Sent again, for want of an answer. */
  repeated = false;
  /** A copy of it is on its way, and nobody will tell what became of that. */
  unanswered = false;
  attempts = 0;
  /** Why it has not been stored yet, where that is known. */
  waitingFor: string | undefined;
  readonly #notTaken: PendingPublishOptions['notTaken'];

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
    this.#notTaken = options.notTaken;
  }

  failed(error: unknown): void {
    this.#notTaken(this, error);
  }
}
