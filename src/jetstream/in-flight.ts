import type { Connection } from './connection.ts';
import type { DeliveryInfo } from './message.ts';

const ack = Buffer.from('+ACK');
const nak = Buffer.from('-NAK');
const term = Buffer.from('+TERM');
const inProgress = Buffer.from('+WPI');

/** In-progress signals go out this many times within one ackWait. */
const signalsPerAckWait = 3;

/** However short the ackWait, signals come no more often than this. Unit: milliseconds. */
const shortestInterval = 25;

/** A message whose wait began less than this part of its ackWait ago needs no signal. */
const fresh = 1 / 20;

export interface Unsettled extends DeliveryInfo {
  /** Subject that takes the settlement. */
  reply: string;
  /** What the server waits for a settlement of this delivery. Unit: milliseconds. */
  ackWait: number;
}

/**
 * The messages of one subscription that are with the host and not settled yet.
 *
 * The host handles a stream's messages one at a time, in order, so all but the oldest wait their
 * turn while their ackWait runs. For them an in-progress signal restarts it, from one timer for
 * all; the oldest gets its last one when its turn comes, so that a handler has the whole ackWait
 * and one that exceeds it does get its redelivery.
 *
 * Bounded by the subscription's window: nothing is asked for that has no room here.
 */
export class InFlight {
  readonly #connection: Connection;
  readonly #unsettled = new Map<string, Unsettled & { since: number }>();
  /** Settlements made while disconnected, sent on reconnect; never more than were unsettled. */
  readonly #unsent: { reply: string; payload: Uint8Array }[] = [];
  readonly #onReconnect = () => this.#sendUnsent();
  #number = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires, in terms of performance.now(). */
  #due = Number.POSITIVE_INFINITY;
  #turn: string | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
    connection.events.on('reconnected', this.#onReconnect);
  }

  get size(): number {
    return this.#unsettled.size;
  }

  /** @returns the id under which it is settled, unique in this subscription */
  add(message: Unsettled): string {
    const id = String(++this.#number);
    this.#unsettled.set(id, { ...message, since: performance.now() });
    if (this.#unsettled.size === 1) this.#turn = id;
    this.#schedule(message.ackWait);
    return id;
  }

  get(id: string): Unsettled | undefined {
    return this.#unsettled.get(id);
  }

  /** @returns false for an id that is unknown or settled already: harmless */
  ack(id: string): boolean {
    return this.#settle(id, ack);
  }

  /** Never to be delivered again. */
  term(id: string): boolean {
    return this.#settle(id, term);
  }

  /** To be delivered again, `delay` milliseconds from now. */
  nak(id: string, delay = 0): boolean {
    if (delay <= 0) return this.#settle(id, nak);
    const nanos = Math.round(delay * 1e6);
    return this.#settle(id, Buffer.from(`-NAK ${JSON.stringify({ delay: nanos })}`));
  }

  /** Gives back everything, to be delivered again at once, here or elsewhere. */
  nakAll(): void {
    for (const id of [...this.#unsettled.keys()]) this.nak(id);
  }

  /** Ends the timer and the listening. What is still unsettled comes back after its ackWait. */
  close(): void {
    clearTimeout(this.#timer);
    this.#connection.events.off('reconnected', this.#onReconnect);
    this.#unsettled.clear();
  }

  #settle(id: string, payload: Uint8Array): boolean {
    const message = this.#unsettled.get(id);
    if (!message) return false;
    this.#unsettled.delete(id);
    this.#send(message.reply, payload);
    if (id === this.#turn) this.#nextTurn();
    return true;
  }

  #nextTurn(): void {
    const [next] = this.#unsettled.entries();
    this.#turn = next?.[0];
    if (next) this.#keep(next[1], performance.now());
  }

  /** Restarts the message's ackWait on the server. */
  #keep(message: Unsettled & { since: number }, now: number): void {
    if (now - message.since < message.ackWait * fresh) return;
    message.since = now;
    if (this.#connection.connected) this.#connection.nats.publish(message.reply, inProgress);
  }

  #send(reply: string, payload: Uint8Array): void {
    if (this.#connection.connected) this.#connection.nats.publish(reply, payload);
    else this.#unsent.push({ reply, payload });
  }

  #sendUnsent(): void {
    for (const { reply, payload } of this.#unsent.splice(0)) this.#send(reply, payload);
  }

  #schedule(ackWait: number): void {
    const interval = Math.max(ackWait / signalsPerAckWait, shortestInterval);
    const due = performance.now() + interval;
    if (due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.#signal(), interval);
    this.#timer.unref();
  }

  #signal(): void {
    this.#due = Number.POSITIVE_INFINITY;
    const now = performance.now();
    let shortest = Number.POSITIVE_INFINITY;
    for (const [id, message] of this.#unsettled) {
      shortest = Math.min(shortest, message.ackWait);
      if (id !== this.#turn) this.#keep(message, now);
    }
    if (this.#unsettled.size > 0) this.#schedule(shortest);
  }
}
