import type { Connection } from './connection.ts';
import { flag, frameSize } from './frames.ts';
import type { HeaderEncoder } from './header-encoder.ts';

/** Writes the fields of a header block into `target` and returns the place after them. */
export type HeaderBlock = (encoder: HeaderEncoder, target: Buffer, at: number) => number;

/**
 * One stream of a connection, from its request on. It is over when this side has ended it, when either side has
 * reset it, or when the connection is over. What it means is up to the class that extends it.
 */
export abstract class Stream {
  readonly connection: Connection;
  readonly id: number;
  /** Bytes of DATA that the peer takes; below 0 after the peer has lowered its initial window. */
  sendWindow: number;
  /** Bytes of DATA that the peer may send. */
  receiveWindow: number;
  /** Bytes of DATA that the peer has announced (`content-length`) and not sent yet; -1 if it has announced none. */
  announced = -1;
  /** Whether the peer has sent END_STREAM. */
  remoteEnded = false;
  /** Whether the stream is over. */
  closed = false;
  /** Bytes that were consumed and are not in a WINDOW_UPDATE yet. */
  #uncredited = 0;
  /** DATA that waits for a window; undefined as long as there was none. */
  #queue: Buffer[] | undefined;
  #queued = 0;
  /** Ends the stream after the queue. */
  #trailers: { room: number; block: HeaderBlock } | undefined;

  constructor(connection: Connection, id: number) {
    this.connection = connection;
    this.id = id;
    this.sendWindow = connection.peerInitialWindow;
    this.receiveWindow = connection.limits.streamWindow;
  }

  /** Called once, before anything else, when the request has come. */
  abstract onOpen(): void;
  /** Called with each piece of the request's body. Calls {@link consumed} for its bytes, now or later. */
  abstract onData(bytes: Buffer, start: number, end: number): void;
  /** Called once when the peer has sent END_STREAM. */
  abstract onRemoteEnd(): void;
  /** Called once when the stream is over and this side has not ended it. */
  abstract onAbort(): void;
  /** Called when the peer takes more than before, after {@link Connection.wait}. */
  abstract onWindow(): void;

  /** Bytes of DATA that wait for a window. */
  get queued(): number {
    return this.#queued;
  }

  /** Lets the peer send so many bytes more, for the stream and for its connection. */
  consumed(bytes: number): void {
    this.connection.consumed(bytes);
    if (this.remoteEnded || this.closed) return;
    this.#uncredited += bytes;
    // In large steps: each costs the peer a frame to read.
    if (this.#uncredited * 2 < this.connection.limits.streamWindow) return;
    this.receiveWindow += this.#uncredited;
    this.connection.sendWindowUpdate(this.id, this.#uncredited);
    this.#uncredited = 0;
  }

  /** Sends a part of the response's body as far as the windows allow, and queues the rest. */
  sendData(bytes: Buffer): void {
    if (this.closed || this.#trailers) return;
    this.#queue ??= [];
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    this.sendQueued();
  }

  /**
   * Ends the stream with a last header block, after everything that is queued.
   *
   * @param room the most bytes that the block takes
   */
  sendTrailers(room: number, block: HeaderBlock): void {
    if (this.closed || this.#trailers) return;
    this.#trailers = { room, block };
    this.sendQueued();
  }

  /** Sends what is queued, as far as the windows allow. */
  sendQueued(): void {
    const { connection } = this;
    const queue = this.#queue;
    while (queue && queue.length > 0) {
      const first = queue[0] as Buffer;
      const most = Math.min(first.length, this.sendWindow, connection.sendWindow, frameSize);
      if (most <= 0) {
        connection.wait(this);
        return;
      }
      connection.sendData(this, first.subarray(0, most));
      this.#queued -= most;
      if (most === first.length) queue.shift();
      else queue[0] = first.subarray(most);
    }
    if (!this.#trailers || this.closed) return;
    const { room, block } = this.#trailers;
    connection.sendHeaders(this.id, flag.endStream, room, block);
    connection.finished(this);
  }

  /** Marks the stream as over, and forgets what waits. Called by the connection. */
  close(): void {
    this.closed = true;
    this.#queue = undefined;
    this.#queued = 0;
  }
}
