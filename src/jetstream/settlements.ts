import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from './connection.ts';

const payloads = {
  ack: Buffer.from('+ACK'),
  nak: Buffer.from('-NAK'),
  term: Buffer.from('+TERM'),
  inProgress: Buffer.from('+WPI'),
};

/** For so long a settlement may be sent again; electing a leader takes up to 10 s. Milliseconds. */
const memory = 15_000;

/** Settlements that may be sent again; the oldest are forgotten first. */
const mostRemembered = 1_024;

/** Between two attempts to find out whether the consumer is still there. Unit: milliseconds. */
const retryWait = 1_000;

interface Settlement {
  /** Subject that takes it. */
  reply: string;
  payload: Uint8Array;
  /** When it was made, in terms of performance.now(). */
  at: number;
}

export interface SettlementsOptions {
  connection: Connection;
  /** Whether the consumer that these settlements are for is still there. Rejects if nobody can tell. */
  isSame(): Promise<boolean>;
}

/**
 * Tells the server what the host has said of its messages.
 *
 * No answer comes, and one that is sent while the consumer has no leader, or just before its server
 * crashes, is lost: the message would come again although it was handled. So the acknowledgements of
 * the last while are sent once more when the server is back, or the consumer has a new leader. Those
 * made while disconnected are sent then, too. It is made sure that the consumer is still the same:
 * in a stream that was made anew they would settle other messages.
 */
export class Settlements {
  readonly #options: SettlementsOptions;
  readonly #onReconnect = () => void this.again();
  /** A ring of those that were sent and may be sent again. */
  #sent: Settlement[] = [];
  #next = 0;
  /** Made while disconnected, or behind such; as few as the host can have unsettled. */
  #unsent: Settlement[] = [];
  #checking = false;
  #closed = false;

  constructor(options: SettlementsOptions) {
    this.#options = options;
    options.connection.events.on('reconnected', this.#onReconnect);
  }

  ack(reply: string): void {
    this.#remember(this.#settle(reply, payloads.ack));
  }

  term(reply: string): void {
    this.#remember(this.#settle(reply, payloads.term));
  }

  /** @param delay before the redelivery, as the server is to count it. Unit: milliseconds */
  nak(reply: string, delay: number): void {
    // Not remembered: a second one would count as another refusal.
    const told = JSON.stringify({ delay: Math.round(delay * 1e6) });
    this.#settle(reply, delay > 0 ? Buffer.from(`-NAK ${told}`) : payloads.nak);
  }

  /** Restarts a message's ackWait; nothing when disconnected. */
  inProgress(reply: string): void {
    const { connected, nats } = this.#options.connection;
    if (connected) nats.publish(reply, payloads.inProgress);
  }

  /** Sends what may have been lost, once it is clear that the consumer is still the same. */
  async again(): Promise<void> {
    const { connection, isSame } = this.#options;
    if (this.#checking) return;
    this.#checking = true;
    while (connection.connected && this.#any()) {
      try {
        if (await isSame()) this.#sendAgain();
        else this.forget();
        break;
      } catch {
        await sleep(retryWait, undefined, { ref: false });
      }
    }
    this.#checking = false;
    if (this.#closed && this.#unsent.length === 0) this.#release();
  }

  /** They are for a consumer that is no more. */
  forget(): void {
    this.#sent = [];
    this.#next = 0;
    this.#unsent = [];
  }

  /** Nothing more comes. What could not be sent yet still is, if the connection lives to see it. */
  close(): void {
    this.#closed = true;
    this.#sent = [];
    if (this.#unsent.length === 0) this.#release();
  }

  #release(): void {
    this.#options.connection.events.off('reconnected', this.#onReconnect);
  }

  #settle(reply: string, payload: Uint8Array): Settlement {
    const { connection } = this.#options;
    const settlement = { reply, payload, at: performance.now() };
    // Those that wait go first: two deliveries of one message may have been settled differently.
    const waits = !connection.connected || this.#unsent.length > 0;
    if (waits) this.#unsent.push(settlement);
    else connection.nats.publish(reply, payload);
    return settlement;
  }

  #remember(settlement: Settlement): void {
    if (this.#closed) return;
    this.#sent[this.#next] = settlement;
    this.#next = (this.#next + 1) % mostRemembered;
  }

  #any(): boolean {
    const last = this.#sent.at(this.#next - 1);
    return this.#unsent.length > 0 || (last !== undefined && !isOld(last));
  }

  #sendAgain(): void {
    const { nats } = this.#options.connection;
    const inOrder = [...this.#sent.slice(this.#next), ...this.#sent.slice(0, this.#next)];
    const unsent = new Set(this.#unsent.splice(0));
    for (const settlement of inOrder) {
      if (unsent.has(settlement) || isOld(settlement)) continue;
      nats.publish(settlement.reply, settlement.payload);
    }
    for (const { reply, payload } of unsent) nats.publish(reply, payload);
  }
}

function isOld({ at }: Settlement): boolean {
  return performance.now() - at > memory;
}
