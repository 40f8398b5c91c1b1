import type { NatsConnection, PublishOptions } from '@nats-io/transport-node';

interface Outgoing {
  subject: string;
  payload: Uint8Array | string;
  options: PublishOptions | undefined;
  failed: ((error: unknown) => void) | undefined;
}

/** What nobody waits for is written this late at most. Unit: milliseconds. */
const patience = 5;

/** With so many messages it is written in any case. */
const many = 128;

/**
 * Messages on their way to the server. Those of one turn of the event loop are written together, and
 * what nobody waits for goes with the next that somebody does: a write each took a third of the
 * process' time under load, and as much of the server's. The order stays.
 *
 * Bounded by what its users have open: publishes, unsettled messages, requests.
 */
export class Outbox {
  readonly #nats: NatsConnection;
  #waiting: Outgoing[] = [];
  #scheduled = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(nats: NatsConnection) {
    this.#nats = nats;
  }

  /**
   * Never throws.
   *
   * @param failed called where the client does not take it: it is too large, or the connection has
   *   been closed for good
   */
  send(
    subject: string,
    payload: Uint8Array | string,
    options?: PublishOptions,
    failed?: (error: unknown) => void,
  ): void {
    this.#waiting.push({ subject, payload, options, failed });
    if (this.#scheduled) return;
    this.#scheduled = true;
    // At the end of the callback that is running: the rest of what has arrived may bring more to send.
    queueMicrotask(() => this.flush());
  }

  /** As {@link send}, for what makes no difference for 5 ms. */
  sendLater(subject: string, payload: Uint8Array | string): void {
    if (this.#waiting.length >= many) {
      this.send(subject, payload);
      return;
    }
    this.#waiting.push({ subject, payload, options: undefined, failed: undefined });
    this.#timer ??= setTimeout(() => this.flush(), patience);
  }

  /** Forgets what waits: the connection is gone, and the client would send it on the next one. */
  clear(): void {
    this.#waiting = [];
  }

  /** Hands over what waits at once. */
  flush(): void {
    this.#scheduled = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { subject, payload, options, failed } of waiting) {
      try {
        this.#nats.publish(subject, payload, options);
      } catch (error) {
        failed?.(error);
      }
    }
  }
}
