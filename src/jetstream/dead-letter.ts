import { setTimeout as sleep } from 'node:timers/promises';
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { ComponentError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Connection } from './connection.ts';
import type { DeathReason, SubscriptionCounts } from './counts.ts';
import { type DeliveryInfo, messageIdHeader } from './message.ts';
import type { Publisher, Stored } from './publisher.ts';

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

/** What becomes of the messages of one subscription that cannot be delivered any more. */
export class DeadLetters {
  readonly #options: DeadLettersOptions;
  /** Stream sequences, the oldest first. */
  readonly #givenUp = new Set<number>();
  #pending = 0;

  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  /** Messages whose copy is not stored yet. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * Stores a copy at the dead letter subject, trying until it works or the signal ends it.
   *
   * @param content the message; read from its stream when undefined
   * @returns true when the message may be terminated: it is stored, or has nowhere to go (no dead
   *   letter subject, or it comes from there itself), which is then one line in the log
   */
  async putAside(delivery: Dead, death: Death, content?: Content): Promise<boolean> {
    this.#pending++;
    try {
      return await this.#putAside(delivery, death, content);
    } finally {
      this.#pending--;
    }
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
        // It may be dead twice: never settled in time, and then refused; also by two replicas. After a
        // first attempt that seemed to fail, the one that is there already is that attempt's.
        if (stored === 'duplicate' && attempt === 0) return true;
        counts.deadLetters[reason]++;
        log.warn(about, `moved a message to ${subject}: ${text}`);
        return true;
      } catch (error) {
        const { code, message } = ComponentError.from(error);
        if (code === 'invalid-request') {
          if (this.#countsOnce(streamSequence, reason)) {
            log.error(
              about,
              `terminated a message that ${subject} cannot take: ${message}: ${text}`,
            );
          }
          return true;
        }
        if (attempt === 0) log.error(about, `cannot store a dead letter yet: ${message}`);
        const wait = Math.min(retryWait.first * 2 ** attempt, retryWait.most);
        await sleep(wait, undefined, { signal }).catch(() => undefined);
      }
    }
    return false;
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

  async #store(subject: string, found: Content, delivery: Dead, text: string): Promise<Stored> {
    const { publisher } = this.#options;
    const own = ownHeaders(found);
    try {
      return await publisher.store(subject, found.data, toDeadLetter(own, found, delivery, text));
    } catch (error) {
      if (ComponentError.from(error).code !== 'invalid-request') throw error;
      // Too large with what is said of it, most likely: the message itself had room somewhere.
      return publisher.store(subject, found.data, own.keys().length > 0 ? own : undefined);
    }
  }

  /** Undefined when the stream does not have it any more. */
  async #read({ stream, streamSequence: seq }: Dead): Promise<Content | undefined> {
    const stored = await this.#options.connection.api.streams.getMessage(stream, { seq });
    if (!stored) return undefined;
    const { subject, data, header, timestamp } = stored;
    return { subject, data, headers: header, stored: nanosecondsOf(timestamp) };
  }
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
function toDeadLetter(own: MsgHdrs, message: Content, delivery: Dead, reason: string): MsgHdrs {
  const set = headers();
  for (const [key, values] of own) for (const value of values) set.append(key, value);
  const { stream, consumer, streamSequence, deliveryCount } = delivery;
  set.set(deadLetterHeaders.reason, reason);
  set.set(deadLetterHeaders.subject, message.subject);
  set.set(deadLetterHeaders.stream, stream);
  set.set(deadLetterHeaders.sequence, String(streamSequence));
  set.set(deadLetterHeaders.deliveryCount, String(deliveryCount));
  set.set(deadLetterHeaders.consumer, consumer);
  // The time tells it from a message at the same place of an earlier stream of the same name.
  const stored = delivery.stored ?? message.stored;
  set.set(messageIdHeader, `dead-letter:${stream}:${consumer}:${streamSequence}:${stored}`);
  return set;
}

/** Of a time as the server writes it, such as 2026-11-22T10:00:00.123456789Z. */
function nanosecondsOf(timestamp: string): string {
  const [, seconds = '', fraction = ''] = /^([^.Z]+)(?:\.(\d+))?Z$/.exec(timestamp) ?? [];
  return `${Date.parse(`${seconds}Z`) / 1000}${fraction.padEnd(9, '0')}`;
}
