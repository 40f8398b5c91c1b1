import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { ComponentError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Connection } from './connection.ts';
import type { DeathReason, SubscriptionCounts } from './counts.ts';
import { type DeliveryInfo, messageIdHeader } from './message.ts';
import type { Stored } from './pending-publish.ts';
import type { Publisher } from './publisher.ts';

/** Headers that a dead letter has besides its own. */
export const deadLetterHeaders = {
  reason: 'Dead-Letter-Reason',
  subject: 'Dead-Letter-Subject',
  stream: 'Dead-Letter-Stream',
  sequence: 'Dead-Letter-Sequence',
  deliveryCount: 'Dead-Letter-Delivery-Count',
  consumer: 'Dead-Letter-Consumer',
} as const;

/** Messages given up without a copy that are remembered, so as to tell of each once. */
const mostRemembered = 1_024;

/** Between two attempts to store a dead letter; doubles from the one to the other. Unit: milliseconds. */
const retryWait = { first: 500, most: 30_000 };

type Dead = Omit<DeliveryInfo, 'deliverySequence' | 'stored'> & { stored?: string };

interface Content {
  subject: string;
  data: Uint8Array;
  headers?: MsgHdrs;
  /** When its stream took it, in nanoseconds. */
  stored?: string;
}

/** Why a message is dead: for who counts, and for who reads. */
export interface Death {
  reason: DeathReason;
  text: string;
}

export interface DeadLettersOptions {
  connection: Connection;
  counts: SubscriptionCounts;
  publisher: Publisher;
  /** Undefined: nothing is stored, only logged. */
  subject: string | undefined;
  log: Logger;
  /** Ends the attempts. */
  signal: AbortSignal;
}

/** A message whose copy is not stored yet. */
interface Pending {
  stored: string | undefined;
  reason: DeathReason;
  done: Promise<boolean>;
}

/** What becomes of the messages of one subscription that cannot be delivered any more. */
export class DeadLetters {
  readonly #options: DeadLettersOptions;
  /** Stream sequences, the oldest first. */
  readonly #givenUp = new Set<number>();
  readonly #pending = new Map<number, Pending>();

  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  /** Those whose copy is not stored yet, by stream sequence: why they died. */
  get pending(): Map<number, DeathReason> {
    return new Map([...this.#pending].map(([sequence, { reason }]) => [sequence, reason]));
  }

  /**
   * Stores a copy at the dead letter subject, trying until it works or the signal ends it. A message that
   * dies again meanwhile, refused after it was never settled in time, is the same one.
   *
   * @param content the message; read from its stream when undefined
   * @returns true when the message may be terminated: it is stored, or has nowhere to go (no dead
   *   letter subject, or it comes from there itself), which is then one line in the log
   */
  putAside(delivery: Dead, death: Death, content?: Content): Promise<boolean> {
    const { streamSequence, stored } = delivery;
    const under = this.#pending.get(streamSequence);
    // Of an earlier stream, otherwise.
    const same = under && (!under.stored || !stored || under.stored === stored);
    if (same) return under.done;
    const done = this.#putAside(delivery, death, content).finally(() => {
      if (this.#pending.get(streamSequence)?.done === done) this.#pending.delete(streamSequence);
    });
    this.#pending.set(streamSequence, { stored, reason: death.reason, done });
    return done;
  }

  async #putAside(delivery: Dead, death: Death, content?: Content): Promise<boolean> {
    const { subject, counts, log, signal } = this.#options;
    const { reason, text } = death;
    const { stream, consumer, streamSequence, deliveryCount } = delivery;
    const about = { stream, consumer, streamSequence, deliveryCount };
    if (subject === undefined) {
      if (this.#countsOnce(streamSequence, reason)) {
        log.error(about, `terminated a message for good (deadLetterSubject is unset): ${text}`);
      }
      return true;
    }
    let inDoubt = false;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const found = content ?? (await this.#read(delivery));
        if (found?.subject === subject) {
          if (this.#countsOnce(streamSequence, reason)) {
            log.error(about, `terminated a dead letter that cannot be delivered either: ${text}`);
          }
          return true;
        }
        if (!found) {
          log.warn(about, `a dead message is gone already: ${text}`);
          return true;
        }
        const stored = await this.#store(subject, found, delivery, text);
        // It may have died before: never settled in time, and now refused, here or at another replica.
        // Unless the copy that is there is of an attempt that seemed to fail.
        if (stored === 'duplicate' && !inDoubt) return true;
        counts.deadLetters[reason]++;
        log.warn(about, `moved a message to ${subject}: ${text}`);
        return true;
      } catch (error) {
        const failure = ComponentError.from(error);
        const { message } = failure;
        if (isTooLarge(failure)) {
          if (this.#countsOnce(streamSequence, reason)) {
            log.error(
              about,
              `terminated a message that ${subject} cannot take: ${message}: ${text}`,
            );
          }
          return true;
        }
        inDoubt ||= failure.inDoubt;
        if (attempt === 0) log.error(about, `cannot store a dead letter yet: ${message}`);
        const wait = Math.min(retryWait.first * 2 ** attempt, retryWait.most);
        await sleep(wait, undefined, { signal }).catch(() => undefined);
      }
    }
    return false;
  }

  /** Counts what nothing will store any more. */
  lost(streamSequence: number, reason: DeathReason): void {
    this.#countsOnce(streamSequence, reason);
  }

  /** Counts what is given up without a copy. False when that was done already. */
  #countsOnce(streamSequence: number, reason: DeathReason): boolean {
    if (this.#givenUp.has(streamSequence)) return false;
    this.#givenUp.add(streamSequence);
    const [oldest] = this.#givenUp;
    if (this.#givenUp.size > mostRemembered && oldest !== undefined) this.#givenUp.delete(oldest);
    this.#options.counts.terms[reason]++;
    return true;
  }

  /** Those given up were of another consumer. */
  forget(): void {
    this.#givenUp.clear();
  }

  /**
   * With all that is said of it, or, where there is no room for that, with the least, or as it is: the
   * message itself had room in its stream.
   */
  async #store(subject: string, found: Content, delivery: Dead, text: string): Promise<Stored> {
    const { publisher } = this.#options;
    const tooLarge = (error: unknown) => {
      if (!isTooLarge(ComponentError.from(error))) throw error;
    };
    for (const set of [fullHeaders(found, delivery, text), leastHeaders(found, delivery)]) {
      const stored = await publisher.store(subject, found.data, set).catch(tooLarge);
      if (stored) return stored;
    }
    const own = ownHeaders(found);
    return publisher.store(subject, found.data, own.keys().length > 0 ? own : undefined);
  }

  /** Undefined when the stream does not have it any more. */
  async #read({ stream, streamSequence: seq }: Dead): Promise<Content | undefined> {
    const stored = await this.#options.connection.api.streams.getMessage(stream, { seq });
    if (!stored) return undefined;
    const { subject, data, header, timestamp } = stored;
    return { subject, data, headers: header, stored: nanosecondsOf(timestamp) };
  }
}

/** Whether the same will fail again. */
function isTooLarge({ code }: ComponentError): boolean {
  return code === 'invalid-request';
}

/** Without those that steer a server. */
function ownHeaders(message: Content): MsgHdrs {
  const set = headers();
  for (const [key, values] of message.headers ?? []) {
    if (/^nats-/i.test(key)) continue;
    for (const value of values) set.append(key, value);
  }
  return set;
}

/**
 * The headers of a message that is put aside: its own, why and where from, and an id of this
 * message in this consumer, so that trying twice stores it once.
 */
function fullHeaders(message: Content, delivery: Dead, reason: string): MsgHdrs {
  const set = ownHeaders(message);
  const { stream, consumer, streamSequence, deliveryCount } = delivery;
  set.set(deadLetterHeaders.reason, reason);
  set.set(deadLetterHeaders.subject, message.subject);
  set.set(deadLetterHeaders.stream, stream);
  set.set(deadLetterHeaders.sequence, String(streamSequence));
  set.set(deadLetterHeaders.deliveryCount, String(deliveryCount));
  set.set(deadLetterHeaders.consumer, consumer);
  set.set(messageIdHeader, idOf(message, delivery));
  return set;
}

/** Its own, where it is to be published again, and a short id. */
function leastHeaders(message: Content, delivery: Dead): MsgHdrs {
  const set = ownHeaders(message);
  set.set(deadLetterHeaders.subject, message.subject);
  const id = createHash('sha256').update(idOf(message, delivery)).digest('base64url').slice(0, 16);
  set.set(messageIdHeader, id);
  return set;
}

function idOf(message: Content, { stream, consumer, streamSequence, stored }: Dead): string {
  // The time tells it from a message at the same place of an earlier stream of the same name.
  return `dead-letter:${stream}:${consumer}:${streamSequence}:${stored ?? message.stored}`;
}

/** Of a time as the server writes it, such as 2026-11-22T10:00:00.123456789Z. */
function nanosecondsOf(timestamp: string): string {
  const [, seconds = '', fraction = ''] = /^([^.Z]+)(?:\.(\d+))?Z$/.exec(timestamp) ?? [];
  return `${Date.parse(`${seconds}Z`) / 1000}${fraction.padEnd(9, '0')}`;
}
