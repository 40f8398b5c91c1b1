import type { Socket } from 'node:net';
import type { Limits } from '../limits.ts';
import type { Totals } from '../totals.ts';
import { Control } from './control.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import { ConnectionError, type ErrorName, errorCode, initialWindow } from './frames.ts';
import { Incoming, type IncomingConnection, type IncomingOptions } from './incoming.ts';
import { Output } from './output.ts';
import { ReceiveWindow } from './receive-window.ts';
import { SendWindows } from './send-windows.ts';
import type { Stream } from './stream.ts';
import { Streams } from './streams.ts';

/** Which limit is exceeded: of responses that wait for windows, or of bytes that wait for sockets. */
export type Pressure = 'queued' | 'unwritten';

export interface ConnectionOptions<Head> extends IncomingOptions<Head> {
  limits: Limits;
  totals: Totals;
  /** Called once when the connection is over; `reason` says what the peer did wrong, if anything. */
  onClosed(reason: string | undefined): void;
  /** Called when more waits for all peers together than the limits allow. */
  onPressure(kind: Pressure): void;
  /** Called for an error that is a defect of the program. */
  onDefect(error: unknown): void;
}

/** How long what has arrived is read before other connections have their turn. Unit: milliseconds. */
const longestTurn = 1;

/** How long a connection that ends may take for its last bytes. Unit: milliseconds. */
const closingLimit = 1_000;

/**
 * Bytes of DATA that this side has sent after which the peer may send two more WINDOW_UPDATEs: one for the stream, one
 * for the connection. No frame that carries a message is smaller.
 */
const dataPerUpdate = 5;
const updatesForData = 2;

/**
 * The server's side of one HTTP/2 connection (RFC 9113), from its socket to its streams.
 *
 * - `open`: takes streams
 * - `draining`: a GOAWAY has named the last stream; those after it are refused
 * - `failed`: a GOAWAY has named an error; nothing is read any more
 * - `closed`: the socket is closed
 */
// biome-ignore lint/suspicious/noExplicitAny: whoever only holds a connection does not care what it reads
export class Connection<Head = any> implements IncomingConnection {
  readonly limits: Limits;
  readonly totals: Totals;
  readonly writer: FrameWriter;
  readonly sendWindows = new SendWindows();
  readonly receiveWindow: ReceiveWindow;
  readonly control: Control;
  readonly streams = new Streams();
  held = 0;
  queued = 0;
  readonly #socket: Socket;
  readonly #options: ConnectionOptions<Head>;
  readonly #output: Output;
  readonly #reader: FrameReader;
  #state: 'open' | 'draining' | 'failed' | 'closed' = 'open';
  /** Whether a part of what has arrived is read later. */
  #reading = false;
  /** Bytes of DATA since the frame budget was credited for DATA. */
  #sent = 0;
  /** Whether the socket is to be ended as soon as it has taken everything. */
  #ending = false;
  /** Why the connection ends, where the peer is to blame. */
  #reason: string | undefined;
  /** Since when no stream has been open, of performance.now(). */
  #idleSince = performance.now();

  constructor(socket: Socket, options: ConnectionOptions<Head>) {
    const { limits, totals } = options;
    this.#socket = socket;
    this.#options = options;
    this.limits = limits;
    this.totals = totals;
    this.#output = new Output(socket, {
      limits,
      totals,
      onRoom: () => this.#onRoom(),
      onPressure: () => options.onPressure('unwritten'),
      onStalled: () => this.abandon('the client has not read what waits for it for too long'),
    });
    this.writer = new FrameWriter(this.#output);
    this.control = new Control(this.writer, limits, () => {
      this.abandon('the client sent no SETTINGS in time');
    });
    this.receiveWindow = new ReceiveWindow(this.writer, 0, limits.connectionWindow);
    this.writer.windowUpdate(0, limits.connectionWindow - initialWindow);
    this.#reader = new FrameReader(new Incoming(this, options));
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('close', () => this.#closed());
    // A peer that vanishes concerns nobody but itself; 'close' follows.
    socket.on('error', () => undefined);
  }

  get takesStreams(): boolean {
    return this.#state === 'open';
  }

  /** Since when no stream has been open, of performance.now(); undefined while one is. */
  get idleSince(): number | undefined {
    return this.streams.size > 0 ? undefined : this.#idleSince;
  }

  /** Since when the last write has waited for the peer; infinite if none waits. */
  get stalledSince(): number {
    return this.#output.busySince;
  }

  #read(chunk: Buffer, from = 0): void {
    if (this.#state === 'failed' || this.#state === 'closed') return;
    try {
      const at = this.#reader.push(chunk, from, performance.now() + longestTurn);
      if (at < chunk.length) this.#readLater(chunk, at);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (this.#output.unwritten <= this.limits.unwritten) return;
    // The peer is held back while it reads too little.
    this.#output.flush();
    if (this.#output.busy) this.#socket.pause();
  }

  /** Lets other connections have their turn. */
  #readLater(chunk: Buffer, from: number): void {
    this.#reading = true;
    this.#socket.pause();
    setImmediate(() => {
      this.#reading = false;
      this.#read(chunk, from);
      this.#resume();
    });
  }

  /** Reads on from the socket, unless something is in the way. */
  #resume(): void {
    if (this.#reading || this.#output.busy || !this.#socket.isPaused()) return;
    this.#socket.resume();
  }

  #onRoom(): void {
    if (this.#ending) {
      this.#socket.end();
      return;
    }
    this.#resume();
    this.sendWindows.wake();
  }

  sentData(stream: Stream, bytes: number): void {
    stream.sendWindow -= bytes;
    this.sendWindows.connection -= bytes;
    // The peer answers DATA with a WINDOW_UPDATE now and then, which is to be expected.
    this.#sent += bytes;
    if (this.#sent < dataPerUpdate) return;
    this.#sent = 0;
    for (let count = 0; count < updatesForData; count++) this.control.earn();
  }

  pressure(): void {
    this.#options.onPressure('queued');
  }

  finished(stream: Stream): void {
    if (!stream.served) this.control.spend();
    else if (stream.remoteEnded) this.control.earn();
    else this.control.owe();
    if (stream.remoteEnded) {
      this.streams.end(stream.id);
    } else {
      // What the peer has still to send concerns nobody.
      this.streams.reset(stream.id);
      this.writer.reset(stream.id, errorCode.NO_ERROR);
    }
    this.release(stream);
  }

  reset(streamId: number, code: ErrorName): void {
    const stream = this.streams.get(streamId);
    this.streams.reset(streamId);
    this.writer.reset(streamId, errorCode[code]);
    if (stream) {
      this.release(stream);
      stream.onAbort();
    }
    this.control.spend();
  }

  release(stream: Stream): void {
    stream.close();
    this.sendWindows.forget(stream);
    this.totals.streams--;
    if (this.streams.size > 0) return;
    this.#idleSince = performance.now();
    if (this.#state === 'draining') this.#endSocket();
  }

  /** Takes no new stream, and closes the connection after the last one or after `grace` milliseconds. */
  drain(grace: number): void {
    if (this.#state !== 'open') return;
    this.control.announceEnd(() => {
      if (this.#state !== 'open') return;
      this.#state = 'draining';
      this.writer.goAway(this.streams.last, errorCode.NO_ERROR, '');
      if (this.streams.size === 0) this.#endSocket();
    });
    setTimeout(() => this.destroy(), grace).unref();
  }

  /** Closes the connection for something that its peer did or did not do. */
  abandon(reason: string): void {
    this.#reason ??= reason;
    this.destroy();
  }

  /** Closes the connection at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  #fail(error: unknown): void {
    const known = error instanceof ConnectionError;
    if (known) this.#reason ??= `${error.code}: ${error.message}`;
    else this.#options.onDefect(error);
    this.#state = 'failed';
    const code = errorCode[known ? error.code : 'INTERNAL_ERROR'];
    this.writer.goAway(this.streams.last, code, known ? error.message : 'internal error');
    this.#abortAll();
    this.#endSocket();
  }

  #endSocket(): void {
    this.#output.flush();
    if (this.#output.busy) this.#ending = true;
    else this.#socket.end();
    setTimeout(() => this.destroy(), closingLimit).unref();
  }

  #abortAll(): void {
    for (const stream of this.streams.all()) {
      // The end of another one may have ended it.
      if (stream.closed) continue;
      this.streams.end(stream.id);
      this.release(stream);
      stream.onAbort();
    }
  }

  #closed(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.control.stop();
    this.#abortAll();
    this.#output.discard();
    this.#options.onClosed(this.#reason);
  }
}
