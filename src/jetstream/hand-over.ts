import type { Msg } from '@nats-io/transport-node';
import type { Logger } from '../log.ts';
import type { Connection } from './connection.ts';
import type { SubscriptionCounts } from './counts.ts';
import type { InFlight } from './in-flight.ts';
import { headersOf, type InboundMessage, toInbound } from './message.ts';

/** Hands one message to the host; a promise resolves when there is room for the next. */
export type Deliver = (message: InboundMessage) => Delivered | Promise<Delivered>;

export type Delivered = 'delivered' | 'too-large';

export interface HandOverOptions {
  connection: Connection;
  counts: SubscriptionCounts;
  inFlight: InFlight;
  topic: string;
  deliver: Deliver;
  log: Logger;
  /** Messages the host may have unsettled. */
  window(): number;
  /** Whether messages are handed over now; otherwise they are given back. */
  open(): boolean;
  /** Called for a message that the host shall not have now. */
  giveBack(id: string): void;
  /** Called for a message that the host cannot take. */
  undeliverable(id: string, reason: string, message: Msg): void;
  /** Called when a message needs no settlement (ack policy `none`) and is with the host. */
  done(id: string): void;
}

/**
 * The way of one subscription's messages to its host: in order, and no faster than it takes them.
 *
 * What waits here is in flight already, so the subscription's window bounds it; a push consumer's
 * maxAckPending does where that is larger.
 */
export class HandOver {
  readonly #options: HandOverOptions;
  /**
   * Among the messages, in their place, requests of the server to be told when all before them has
   * been handed over (flow control).
   */
  readonly #queue: ({ id: string; message: Msg } | { flowControl: string })[] = [];
  #running = false;
  #roomMade: (() => void) | undefined;

  constructor(options: HandOverOptions) {
    this.#options = options;
  }

  message(id: string, message: Msg): void {
    this.#queue.push({ id, message });
    void this.#run();
  }

  flowControl(reply: string): void {
    this.#queue.push({ flowControl: reply });
    void this.#run();
  }

  /** To be called when the host has settled something. */
  more(): void {
    this.#roomMade?.();
  }

  /** Gives back what waits. */
  giveBack(): void {
    for (const item of this.#queue.splice(0)) {
      if ('id' in item) this.#options.giveBack(item.id);
    }
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
        if ('flowControl' in next) {
          this.#options.connection.outbox.send({ subject: next.flowControl, payload: '' });
          continue;
        }
        // A push consumer sends more than the window.
        while (this.#full()) await this.#room();
        const { id, message } = next;
        const result = this.#handOver(id, message);
        // Most of them at once: a wait for each would cost as much as the rest.
        this.#handedOver(id, message, typeof result === 'object' ? await result : result);
      }
    } catch {
      // The host's stream has ended: the subscription's end gives back what it had, and what waits.
    } finally {
      this.#running = false;
    }
  }

  #full(): boolean {
    const { inFlight, open, window } = this.#options;
    return open() && inFlight.size - this.#queue.length > window();
  }

  #handOver(id: string, message: Msg): 'given back' | ReturnType<Deliver> {
    const { inFlight, topic, deliver, log, open } = this.#options;
    if (!open()) {
      this.#options.giveBack(id);
      return 'given back';
    }
    if (headersOf(message) === 'unreadable') {
      const text = 'handed over a message without its headers, which cannot be read';
      log.warn({ streamSequence: inFlight.get(id)?.streamSequence }, text);
    }
    return deliver(toInbound(message, topic, id));
  }

  #handedOver(id: string, message: Msg, result: 'given back' | Delivered): void {
    if (result === 'too-large') {
      const size = message.data.byteLength;
      const reason = `${size} bytes, and what goes with them: daprd takes 4194304 in all`;
      this.#options.undeliverable(id, reason, message);
    } else if (result === 'delivered') {
      this.#options.counts.delivered++;
      if (this.#options.inFlight.get(id)?.ackPolicy === 'none') this.#options.done(id);
    }
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#roomMade = resolve;
    });
  }
}
