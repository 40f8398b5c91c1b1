import type { Limits } from '../limits.ts';
import type { Totals } from '../totals.ts';
import type { FrameWriter, HeaderBlock } from './frame-writer.ts';
import { flag, frame, frameSize } from './frames.ts';
import { ReceiveWindow } from './receive-window.ts';
import type { SendWindows } from './send-windows.ts';

/** What a stream needs of its connection. */
export interface StreamConnection {
  readonly limits: Limits;
  readonly totals: Totals;
  readonly writer: FrameWriter;
  readonly sendWindows: SendWindows;
  readonly receiveWindow: ReceiveWindow;
  /** Bytes held for its streams: see limits.ts. */
  held: number;
  /** Bytes of DATA that wait for a window, of all its streams. */
  queued: number;
  /** Called when more waits for all peers together than the limits allow. */
  pressure(): void;
  /** Takes note of DATA that is sent. */
  sentData(stream: Stream, bytes: number): void;
  /** Takes note that the stream has sent END_STREAM. */
  finished(stream: Stream): void;
}

/**
 * One stream of a connection, from its request on. It is over when this side has ended it, when either side has
 * reset it, or when the connection is over. What it means is up to the class that extends it.
 */
export abstract class Stream {
  readonly connection: StreamConnection;
  readonly id: number;
  /** Bytes of DATA that the peer takes; below 0 after the peer has lowered its initial window. */
  sendWindow: number;
  readonly receiveWindow: ReceiveWindow;
  /** Bytes of DATA that the peer has announced (`content-length`) and not sent yet; -1 if it has announced none. */
  announced = -1;
  /** Whether the peer has sent END_STREAM. */
  remoteEnded = false;
  /** Whether the stream is over. */
  closed = false;
  /** Whether a method serves it; others count against the frame budget. */
  readonly served: boolean = true;
  /** DATA that waits for a window; undefined as long as there was none. */
  #queue: Buffer[] | undefined;
  #queued = 0;
  /** Ends the stream after the queue. */
  #trailers: { room: number; block: HeaderBlock } | undefined;

  constructor(connection: StreamConnection, id: number) {
    this.connection = connection;
    this.id = id;
    this.sendWindow = connection.sendWindows.initial;
    this.receiveWindow = new ReceiveWindow(connection.writer, id, connection.limits.streamWindow);
  }

  /** Called once, before anything else, when the request has come. */
  abstract onOpen(): void;
  /** Called with each piece of the request's body. Calls {@link consumed} for its bytes, now or later. */
  abstract onData(bytes: Buffer, start: number, end: number): void;
  /** Called once when the peer has sent END_STREAM. */
  abstract onRemoteEnd(): void;
  /** Called once when the stream is over and this side has not ended it. */
  abstract onAbort(): void;
  /** Called when the peer takes more than before, after {@link SendWindows.wait}. */
  abstract onWindow(): void;

  /** Bytes of DATA that wait for a window. */
  get queued(): number {
    return this.#queued;
  }

  /** Lets the peer send so many bytes more, for the stream and for its connection. */
  consumed(bytes: number): void {
    this.connection.receiveWindow.consumed(bytes);
    if (!this.remoteEnded && !this.closed) this.receiveWindow.consumed(bytes);
  }

  /** Sends a part of the response's body as far as the windows allow, and queues the rest. */
  sendData(bytes: Buffer): void {
    if (this.closed || this.#trailers || bytes.length === 0) return;
    this.#queue ??= [];
    this.#queue.push(bytes);
    this.#count(bytes.length);
    this.sendQueued();
    const { totals, limits } = this.connection;
    if (totals.queued > limits.queuedOfProcess) this.connection.pressure();
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
      const window = Math.min(this.sendWindow, connection.sendWindows.connection);
      const most = Math.min(first.length, window, frameSize);
      if (most <= 0) {
        connection.sendWindows.wait(this);
        return;
      }
      connection.sentData(this, most);
      connection.writer.frame(frame.data, 0, this.id, first.subarray(0, most));
      this.#count(-most);
      if (most === first.length) queue.shift();
      else queue[0] = first.subarray(most);
    }
    if (!this.#trailers || this.closed) return;
    const { room, block } = this.#trailers;
    connection.writer.headers(this.id, flag.endStream, room, block);
    connection.finished(this);
  }

  /** Marks the stream as over, and forgets what waits. Called by the connection. */
  close(): void {
    this.closed = true;
    this.#queue = undefined;
    if (this.#queued > 0) this.#count(-this.#queued);
  }

  #count(bytes: number): void {
    this.#queued += bytes;
    this.connection.queued += bytes;
    this.connection.totals.queued += bytes;
  }
}
