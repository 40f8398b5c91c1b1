import { GrowingBuffer } from './growing-buffer.ts';
import type { StreamConnection } from './http2/stream.ts';
import { prefixSize } from './message-prefix.ts';
import { Reserved } from './reserved.ts';
import { code, StatusError } from './status.ts';

/** The room for a message that has begun; beyond it grows with what arrives. Unit: bytes. */
const firstRoom = 1024 * 1024;

/** Takes what a {@link MessageReader} has read. */
export interface MessageSink {
  /** Whether it takes no message now. */
  readonly paused: boolean;
  /** Called with each message: `bytes[start, end)`. */
  message(bytes: Buffer, start: number, end: number): void;
}

/**
 * Cuts the body of a call into messages. One that arrives whole is handed on without a copy. The room for the others
 * is bounded, for the connection and for the process.
 */
export class MessageReader {
  readonly #sink: MessageSink;
  /** The largest message. Unit: bytes. */
  readonly #most: number;
  readonly #reserved: Reserved;
  /** The message of which a part has arrived, with its prefix. */
  #partial: GrowingBuffer | undefined;
  /** Its size with the prefix; the size of the prefix until that has arrived. */
  #wanted = prefixSize;

  constructor(connection: StreamConnection, sink: MessageSink) {
    this.#sink = sink;
    this.#most = connection.limits.message;
    this.#reserved = new Reserved(connection);
  }

  /** Whether a message has begun and not ended. */
  get unfinished(): boolean {
    return this.#partial !== undefined;
  }

  /**
   * Reads `bytes[from, end)`, until the sink is paused.
   *
   * @returns the place up to which it has read
   * @throws StatusError when the call cannot go on
   */
  read(bytes: Buffer, from: number, end: number): number {
    let at = from;
    while (at < end && !this.#sink.paused) {
      if (this.#partial) {
        at = this.#add(this.#partial, bytes, at, end);
        continue;
      }
      const wanted = end - at < prefixSize ? prefixSize : this.#sizeAt(bytes, at);
      if (end - at >= wanted) {
        const start = at + prefixSize;
        at += wanted;
        this.#sink.message(bytes, start, at);
      } else {
        this.#begin(wanted);
      }
    }
    return at;
  }

  /** Forgets what has arrived of a message: the call is over. */
  discard(): void {
    this.#partial = undefined;
    this.#reserved.set(0);
  }

  #begin(wanted: number): void {
    this.#wanted = wanted;
    // A peer that only announces much gets little.
    const room = Math.min(wanted, firstRoom);
    this.#reserved.set(room);
    this.#partial = new GrowingBuffer(room, wanted);
  }

  #add(partial: GrowingBuffer, bytes: Buffer, at: number, end: number): number {
    const until = Math.min(end, at + this.#wanted - partial.length);
    partial.add(bytes, at, until);
    if (partial.length < this.#wanted) {
      this.#reserved.set(partial.capacity);
    } else if (this.#wanted === prefixSize && this.#sizeAt(partial.bytes, 0) > prefixSize) {
      const prefix = partial.bytes;
      this.#begin(this.#sizeAt(prefix, 0));
      this.#partial?.add(prefix, 0, prefixSize);
    } else {
      this.discard();
      this.#sink.message(partial.bytes, prefixSize, this.#wanted);
    }
    return until;
  }

  /** The size of the message that begins there, with its prefix. */
  #sizeAt(bytes: Buffer, at: number): number {
    if (bytes[at] !== 0) {
      const message = 'a compressed message, though grpc-encoding names no compression';
      throw new StatusError({ code: code.INTERNAL, message });
    }
    const length = bytes.readUInt32BE(at + 1);
    if (length > this.#most) {
      const message = `a message of ${length} bytes; the server takes ${this.#most}`;
      throw new StatusError({ code: code.RESOURCE_EXHAUSTED, message });
    }
    return prefixSize + length;
  }
}
