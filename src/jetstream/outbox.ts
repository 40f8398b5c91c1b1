import type { NatsConnection, PublishOptions } from '@nats-io/transport-node';

/** A message on its way to the server. */
export interface Outgoing {
  readonly subject: string;
  readonly payload: Uint8Array | string;
  readonly options?: PublishOptions | undefined;
  /**
   * Called where the client does not take it: it is too large, or the connection has been closed for good. Never
   * throws.
   */
  readonly onRefused?: ((error: unknown) => void) | undefined;
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

  /** Never throws. */
  send(outgoing: Outgoing): void {
    this.#waiting.push(outgoing);
    if (this.#scheduled) return;
    this.#scheduled = true;
    // At the end of the callback that is running: the rest of what has arrived may bring more to send.
    queueMicrotask(() => this.flush());
  }

  /** As {@link send}, for what makes no difference for 5 ms. */
  sendLater(outgoing: Outgoing): void {
    if (this.#waiting.length >= many) {
      this.send(outgoing);
      return;
    }
    this.#waiting.push(outgoing);
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
    for (const outgoing of waiting) {
      try {
        this.#nats.publish(outgoing.subject, outgoing.payload, outgoing.options);
      } catch (error) {
        outgoing.onRefused?.(error);
      }
    }
  }
}
