import { AckFloor } from './ack-floor.ts';
import type { NakReason } from './counts.ts';
import type { DeliveryInfo } from './message.ts';
import { Numbered } from './numbered.ts';
import type { Settlements } from './settlements.ts';

/** Places kept for messages; more of them take a little longer to be found. */
const slots = 1_024;

/** In-progress signals go out this many times within one ackWait. */
const signalsPerAckWait = 3;

/** However short the ackWait, signals come no more often than this. Unit: milliseconds. */
const shortestInterval = 25;

/** Of a nak that is not to be redelivered at once. Unit: milliseconds. */
const shortestDelay = 1;

/** A message whose wait began less than this part of its ackWait ago needs no signal. */
const fresh = 1 / 20;

/**
 * A handler that takes longer than this many ackWaits counts as stuck: what waits behind it is kept
 * alive no longer, so that another replica can have it. A redelivery is waited for as long.
 */
const patience = 3;

/**
 * - `explicit`: each message is acknowledged by itself
 * - `all`: an acknowledgement counts for every earlier message too, so it waits for them
 * - `none`: the server waits for nothing
 */
export type AckPolicy = 'explicit' | 'all' | 'none';

export interface Unsettled extends DeliveryInfo {
  /** Subject that takes the settlement. */
  reply: string;
  ackPolicy: AckPolicy;
  /** What the server waits for a settlement of this delivery. Unit: milliseconds. */
  ackWait: number;
  /** The same of a first delivery; differs where the consumer has a backOff. */
  firstAckWait: number;
  /** Whether the server may hear of its acknowledgement a little later. */
  later: boolean;
  /** Unit: bytes. */
  size: number;
}

export interface InFlightOptions {
  settlements: Settlements;
  /** Whether the floor is asked for. */
  tracksFloor: boolean;
  /** Called when there is more room without anything having been settled. */
  released(): void;
}

/** What has become of the rest. */
export interface Ended {
  /** How many come again. */
  givenBack: number;
  /** Stream sequences of those that come no more, and of which the server tells once more. */
  kept: number[];
  /** Stream sequences of those of which nobody hears any more. */
  lost: number[];
}

interface Entry extends Unsettled {
  /** When the server last heard of it, in terms of performance.now(). */
  since: number;
  /** Settled by the host, but an earlier message is not (ack policy `all`). */
  held: boolean;
  /** On its way to the dead letter subject: no handler is at it. */
  aside: boolean;
  /** Of a consumer or stream that is no more: its reply subject may mean another message now. */
  stale: boolean;
  /** Unsettled when the floor was taken: a consumer that is made from there delivers it again. */
  repeats: boolean;
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
  readonly #settlements: Settlements;
  readonly #tracksFloor: boolean;
  readonly #released: () => void;
  readonly #entries = new Numbered<Entry>(slots);
  /** The latest delivery of each stream sequence. */
  readonly #numbers = new Map<number, number>();
  readonly #floor = new AckFloor();
  /** How many are held. */
  #held = 0;
  /** Stream sequences settled after the floor was taken, until they are delivered again. */
  readonly #handled = new Set<number>();
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires, in terms of performance.now(). */
  #due = Number.POSITIVE_INFINITY;
  /** Number of the message that a handler is at. */
  #turn: number | undefined;
  #turnSince = 0;
  #closed = false;

  constructor({ settlements, tracksFloor, released }: InFlightOptions) {
    this.#settlements = settlements;
    this.#tracksFloor = tracksFloor;
    this.#released = released;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Of the messages' data. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Every message up to this stream sequence is settled, of those this subscription got. */
  get floor(): number {
    return this.#floor.value;
  }

  /** The floor, for a consumer that is to go on from there; what is settled from now on counts too. */
  takeFloor(): number {
    if (!this.#tracksFloor) return this.floor;
    // What was refused before an outage could not come again in it.
    const floor = this.#floor.strict;
    for (const sequence of this.#handled) if (sequence <= floor) this.#handled.delete(sequence);
    for (const entry of this.#entries.values()) entry.repeats = true;
    return floor;
  }

  /**
   * Takes a delivery in.
   *
   * @returns the id under which it is settled, unique in this subscription; undefined where there is
   *   nothing to hand over: a redelivery of a message that still waits its turn takes its place,
   *   and one that was settled while its consumer was made anew is settled again
   */
  add(message: Unsettled): string | undefined {
    if (this.#closed) {
      this.#sendNak(message, 0, 'given-back');
      return undefined;
    }
    if (this.#handled.delete(message.streamSequence)) {
      this.#settlements.ack(message);
      this.#released();
      return undefined;
    }
    const now = performance.now();
    if (message.ackPolicy !== 'none') this.#schedule(message.ackWait);
    const earlier = this.#earlier(message);
    const waiting = earlier === undefined ? undefined : this.#entries.get(earlier);
    const again = waiting && (waiting.repeats || waiting.held || waiting.aside);
    if (waiting && (again || earlier !== this.#turn)) {
      Object.assign(waiting, message, { since: now, repeats: false });
      if (waiting.held) this.#release();
      return undefined;
    }
    const number = this.#entries.add({
      ...message,
      since: now,
      held: false,
      aside: false,
      stale: false,
      repeats: false,
    });
    this.#numbers.set(message.streamSequence, number);
    this.#bytes += message.size;
    // Other replicas may get what is refused here, so it is kept only where it is needed.
    if (this.#tracksFloor || message.ackPolicy === 'all') {
      this.#floor.received(message.streamSequence);
    }
    if (this.#turn === undefined) this.#take(number, now);
    return String(number);
  }

  /** Undefined for an id that is unknown or settled already. */
  get(id: string): Unsettled | undefined {
    return this.#unsettled(id)?.entry;
  }

  /** Handled. An id that is unknown or settled already does nothing, here and below. */
  ack(id: string): void {
    const found = this.#unsettled(id);
    if (found?.entry.ackPolicy === 'all' && !found.entry.stale) {
      this.#hold(found.number, found.entry);
      return;
    }
    const entry = this.#settle(id);
    if (!entry || entry.stale) return;
    this.#done(entry);
    if (entry.ackPolicy === 'explicit') {
      // While the host has others, nobody waits for this one.
      this.#settlements.ack(entry, entry.later && this.#entries.size > 0);
    }
  }

  /** Never to be delivered again. */
  term(id: string): void {
    // With `all` the server would take everything before it as settled too.
    if (this.#unsettled(id)?.entry.ackPolicy === 'all') {
      this.ack(id);
      return;
    }
    const entry = this.#settle(id);
    if (!entry || entry.stale) return;
    this.#done(entry);
    if (entry.ackPolicy === 'explicit') this.#settlements.term(entry);
  }

  /** To be delivered again, `delay` milliseconds from now. */
  nak(id: string, reason: NakReason, delay = 0): void {
    const entry = this.#settle(id);
    if (!entry || entry.stale) return;
    const deadline = performance.now() + delay + entry.ackWait * patience;
    this.#floor.refused(entry.streamSequence, deadline);
    this.#sendNak(entry, delay, reason);
  }

  /**
   * Gives back everything, to be delivered again at once, here or elsewhere, and whatever may still
   * arrive. While disconnected that happens on reconnect, if the connection lives to see it.
   *
   * What has no further delivery keeps its ackWait: when that ends the server tells of it once, to whoever
   * is there by then.
   */
  close(maxDeliver: number): Ended {
    this.#closed = true;
    clearTimeout(this.#timer);
    const ended: Ended = { givenBack: 0, kept: [], lost: [] };
    for (const entry of this.#entries.values()) {
      const { ackPolicy, streamSequence, aside } = entry;
      if (entry.stale) continue;
      if (ackPolicy === 'none') {
        if (aside) ended.lost.push(streamSequence);
      } else if (entry.held || entry.deliveryCount < maxDeliver) {
        ended.givenBack++;
        this.#sendNak(entry, 0, 'given-back');
      } else if (ackPolicy === 'explicit') {
        ended.kept.push(streamSequence);
        this.#settlements.inProgress(entry);
        // With `all` the next one that is acknowledged settles it too.
      } else ended.lost.push(streamSequence);
    }
    this.#entries.clear();
    this.#numbers.clear();
    this.#settlements.close();
    return ended;
  }

  /** No handler is at it any more: the next one's turn has come. */
  putAside(id: string): void {
    const found = this.#unsettled(id);
    if (!found) return;
    found.entry.aside = true;
    if (found.number === this.#turn) this.#nextTurn();
  }

  /** Ids of the messages that the server would not deliver another time. */
  lastChances(maxDeliver: number): string[] {
    return [...this.#entries]
      .filter(([, entry]) => entry.deliveryCount >= maxDeliver && !entry.held && !entry.stale)
      .map(([number]) => String(number));
  }

  /** A new consumer starts after this stream sequence. */
  startAfter(sequence: number): void {
    this.#floor.reset(sequence);
  }

  /**
   * The stream was made anew, or a consumer whose deliveries count in order: what is unsettled
   * belongs to none that is there, and its reply subjects would settle other messages.
   */
  outdate(): void {
    for (const [number, entry] of this.#entries) {
      if (entry.held) this.#entries.delete(number);
      else entry.stale = true;
    }
    this.#held = 0;
    this.#numbers.clear();
    this.#handled.clear();
    this.#floor.reset();
  }

  /** The number under which this message is unsettled already. */
  #earlier({ streamSequence, stored }: Unsettled): number | undefined {
    const number = this.#numbers.get(streamSequence);
    const entry = number === undefined ? undefined : this.#entries.get(number);
    // Another replica was quicker to find the stream that was made anew.
    if (entry && entry.stored !== stored) this.outdate();
    return this.#numbers.get(streamSequence);
  }

  /** Settled for good. */
  #done({ streamSequence, ackPolicy, repeats }: Entry): void {
    this.#floor.settled(streamSequence);
    if (repeats && ackPolicy === 'explicit') this.#handled.add(streamSequence);
  }

  /** What the host may still settle under this id. */
  #unsettled(id: string): { number: number; entry: Entry } | undefined {
    const number = Number(id);
    const entry = this.#entries.get(number);
    // An id in any other spelling was not handed out.
    return !entry || entry.held || String(number) !== id ? undefined : { number, entry };
  }

  /** Takes it out, and passes the turn on. */
  #settle(id: string): Entry | undefined {
    const found = this.#unsettled(id);
    if (!found) return undefined;
    const { number, entry } = found;
    this.#entries.delete(number);
    const { streamSequence } = entry;
    if (this.#numbers.get(streamSequence) === number) this.#numbers.delete(streamSequence);
    this.#passOn(number, entry);
    return entry;
  }

  /** Keeps what the host has acknowledged until everything before it is settled as well. */
  #hold(number: number, entry: Entry): void {
    entry.held = true;
    this.#held++;
    // Should it be with the host a second time, what comes next of it is for this one, to settle it.
    this.#numbers.set(entry.streamSequence, number);
    this.#passOn(number, entry);
    this.#done(entry);
    this.#release();
  }

  /** No handler is at it any more, and its bytes are no longer the host's. */
  #passOn(number: number, { size }: Entry): void {
    this.#bytes -= size;
    if (number === this.#turn) this.#nextTurn();
  }

  /**
   * Acknowledges what was held, as far as there is no gap: the last one counts for all.
   *
   * The server ignores an acknowledgement of an earlier delivery than one it has seen, and a
   * redelivery is a late one. So it waits until everything delivered before it is settled too.
   */
  #release(): void {
    if (this.#held === 0) return;
    const floor = this.#floor.value;
    let last: Entry | undefined;
    for (const entry of this.#entries.values()) {
      if (!entry.held || entry.streamSequence > floor) continue;
      if (!last || entry.streamSequence > last.streamSequence) last = entry;
    }
    if (!last) return;
    for (const { streamSequence, deliverySequence } of this.#entries.values()) {
      const later = streamSequence > last.streamSequence;
      if (later && deliverySequence < last.deliverySequence) return;
    }
    for (const [number, entry] of this.#entries) {
      if (!entry.held || entry.streamSequence > floor) continue;
      this.#entries.delete(number);
      this.#held--;
      this.#numbers.delete(entry.streamSequence);
    }
    this.#settlements.ack(last);
  }

  #take(turn: number, now: number): void {
    this.#turn = turn;
    this.#turnSince = now;
  }

  #nextTurn(): void {
    this.#turn = undefined;
    const now = performance.now();
    const next = this.#entries.find(({ held, aside }) => !held && !aside);
    if (!next) return;
    const [number, entry] = next;
    this.#take(number, now);
    this.#keep(entry, now);
  }

  /** Restarts the message's ackWait on the server. */
  #keep(entry: Entry, now: number): void {
    if (entry.ackPolicy === 'none' || entry.stale) return;
    if (now - entry.since < entry.ackWait * fresh) return;
    entry.since = now;
    this.#settlements.inProgress(entry);
  }

  #sendNak(delivery: Unsettled, delay: number, reason: NakReason): void {
    const { ackPolicy, ackWait, firstAckWait } = delivery;
    if (ackPolicy === 'none') return;
    // The server counts a delay as if the consumer's first ackWait would follow, and then lets the
    // one of this delivery follow.
    const told = delay > 0 ? Math.max(delay + firstAckWait - ackWait, shortestDelay) : 0;
    this.#settlements.nak(delivery, told, reason);
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
    const turn = this.#turn === undefined ? undefined : this.#entries.get(this.#turn);
    const stuck = turn !== undefined && now - this.#turnSince > turn.ackWait * patience;
    let shortest = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      if (entry.ackPolicy === 'none') continue;
      shortest = Math.min(shortest, entry.ackWait);
      // Nor is the redelivery of what a handler is at, however long that takes.
      const waits = entry.streamSequence !== turn?.streamSequence;
      if (waits && (entry.held || !stuck)) this.#keep(entry, now);
    }
    if (shortest < Number.POSITIVE_INFINITY) this.#schedule(shortest);
    // What was refused and did not come again holds up nothing any more.
    const { size } = this.#entries;
    if (this.#settlements.connected) this.#release();
    if (this.#entries.size < size) this.#released();
  }
}
