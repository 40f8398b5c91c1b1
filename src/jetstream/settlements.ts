import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Connection } from './connection.ts';
import type { NakReason, SubscriptionCounts } from './counts.ts';

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

/** For so long settlements wait until it is clear that the consumer is the same. Milliseconds. */
const checkLimit = 2_000;

interface Settlement {
  /** Subject that takes it. */
  reply: string;
  streamSequence: number;
  payload: Uint8Array;
  /** When it was made, in terms of performance.now(). */
  at: number;
}

/** What is known of a delivery that is settled. */
type Delivery = Pick<Settlement, 'reply' | 'streamSequence'>;

export interface SettlementsOptions {
  connection: Connection;
  counts: SubscriptionCounts;
  log: Logger;
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
  /** Made while disconnected, or after such a one of the same message: as many as were unsettled. */
  #unsent: Settlement[] = [];
  #checking: Promise<void> | undefined;
  #checkingSince = 0;
  #closed = false;

  constructor(options: SettlementsOptions) {
    this.#options = options;
    options.connection.events.on('reconnected', this.#onReconnect);
  }

  get connected(): boolean {
    return this.#options.connection.connected;
  }

  /** @param later whether it makes no difference when the server hears of it a little later */
  ack(delivery: Delivery, later = false): void {
    this.#remember(this.#settle(delivery, payloads.ack, later));
  }

  term(delivery: Delivery): void {
    this.#remember(this.#settle(delivery, payloads.term));
  }

  /** @param delay before the redelivery, as the server is to count it. Unit: milliseconds */
  nak(delivery: Delivery, delay: number, reason: NakReason): void {
    this.#options.counts.naks[reason]++;
    // Not remembered: a second one would count as another refusal.
    const told = JSON.stringify({ delay: Math.round(delay * 1e6) });
    this.#settle(delivery, delay > 0 ? Buffer.from(`-NAK ${told}`) : payloads.nak);
  }

  /** Restarts a message's ackWait; nothing when disconnected. */
  inProgress({ reply }: Delivery): void {
    const { connection, counts } = this.#options;
    if (!connection.connected) return;
    counts.inProgress++;
    connection.outbox.send({ subject: reply, payload: payloads.inProgress });
  }

  /** Sends what may have been lost, once it is clear that the consumer is still the same. */
  again(): Promise<void> {
    if (!this.#checking) this.#checkingSince = performance.now();
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
      if (this.#closed && this.#unsent.length === 0) this.#release();
    });
    return this.#checking;
  }

  async #check(): Promise<void> {
    const { connection, isSame, log } = this.#options;
    const since = performance.now();
    while (connection.connected && this.#any()) {
      try {
        if (await isSame()) this.#sendAgain();
        else this.forget();
        return;
      } catch (error) {
        if (performance.now() - since > memory) {
          const count = this.#unsent.length;
          if (count > 0)
            log.warn(`${count} settlement(s) of an outage not sent: ${messageOf(error)}`);
          this.forget();
          return;
        }
        await sleep(retryWait, undefined, { ref: false });
      }
    }
  }

  /** Resolves when what waits has been sent, or cannot be now. Never rejects. */
  async flush(): Promise<void> {
    await this.#checking;
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

  #settle({ reply, streamSequence }: Delivery, payload: Uint8Array, later = false): Settlement {
    const { connection } = this.#options;
    const now = performance.now();
    const settlement = { reply, streamSequence, payload, at: now };
    // Two deliveries of one message may have been settled differently: in their order. And until it
    // is clear that the consumer is the same, unless that takes long.
    const behind =
      (this.#checking !== undefined && now - this.#checkingSince < checkLimit) ||
      this.#unsent.some((other) => other.streamSequence === streamSequence);
    if (behind || !connection.connected) this.#unsent.push(settlement);
    else if (later) connection.outbox.sendLater({ subject: reply, payload });
    else connection.outbox.send({ subject: reply, payload });
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
    const { outbox } = this.#options.connection;
    const inOrder = [...this.#sent.slice(this.#next), ...this.#sent.slice(0, this.#next)];
    const unsent = new Set(this.#unsent.splice(0));
    for (const settlement of inOrder) {
      if (unsent.has(settlement) || isOld(settlement)) continue;
      outbox.send({ subject: settlement.reply, payload: settlement.payload });
    }
    for (const settlement of unsent) {
      outbox.send({ subject: settlement.reply, payload: settlement.payload });
      settlement.at = performance.now();
    }
  }
}

function isOld({ at }: Settlement): boolean {
  return performance.now() - at > memory;
}
