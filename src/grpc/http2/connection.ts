import type { Socket } from 'node:net';
import type { Limits } from '../limits.ts';
import type { Totals } from '../totals.ts';
import { Control } from './control.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import {
  ConnectionError,
  type ErrorName,
  errorCode,
  flag,
  frame,
  frameHeaderSize,
  frameSize,
  initialWindow,
  largestWindow,
  readUint31,
  writeFrameHeader,
} from './frames.ts';
import { HeaderBlocks, type ReceivedBlock } from './header-blocks.ts';
import { HeaderEncoder } from './header-encoder.ts';
import { Output } from './output.ts';
import type { PeerSettings } from './peer-settings.ts';
import { checkTrailers, MalformedError, type Request, readRequest } from './request.ts';
import type { HeaderBlock, Stream } from './stream.ts';
import { Streams } from './streams.ts';

/** What requests mean. `Head` is what it makes of the fields of a request; equal blocks share one. */
export interface Application<Head> {
  read(request: Request): Head;
  /** Opens the stream of a request. */
  open(connection: Connection<Head>, streamId: number, head: Head): Stream;
}

export interface ConnectionOptions<Head> {
  application: Application<Head>;
  limits: Limits;
  totals: Totals;
  /** Called once when the connection is over; `reason` says what the peer did wrong, if anything. */
  onClosed(reason: string | undefined): void;
  /** Called when more waits for all peers together than the limits allow. */
  onPressure(): void;
  /** Called for an error that is a defect of the program. */
  onDefect(error: unknown): void;
}

/** How long a connection that failed may take to say so. Unit: milliseconds. */
const closingLimit = 1_000;

interface KeptHead<Head> {
  head: Head;
  contentLength: number;
}

/**
 * The server's side of one HTTP/2 connection (RFC 9113): frames in, frames out, streams, flow control.
 *
 * It is `open`, then `draining` (no new stream is taken) or `failed` (a GOAWAY with an error is on its way and
 * nothing is read any more), then `closed`.
 */
// biome-ignore lint/suspicious/noExplicitAny: a stream does not care what heads its connection reads
export class Connection<Head = any> implements FrameSink {
  readonly limits: Limits;
  readonly totals: Totals;
  readonly output: Output;
  readonly encoder = new HeaderEncoder();
  /** Bytes of DATA that the peer takes on this connection. */
  sendWindow = initialWindow;
  /** Bytes of DATA that the peer takes on a stream when it opens. */
  peerInitialWindow = initialWindow;
  /** Bytes of messages that have not arrived whole. */
  unfinished = 0;
  readonly #socket: Socket;
  readonly #options: ConnectionOptions<Head>;
  readonly #streams = new Streams();
  readonly #reader = new FrameReader(this);
  readonly #blocks: HeaderBlocks<KeptHead<Head>>;
  readonly #control: Control;
  #state: 'open' | 'draining' | 'failed' | 'closed' = 'open';
  #receiveWindow: number;
  #uncredited = 0;
  /** Streams that wait for a window or for the socket. */
  #waiting = new Set<Stream>();
  #reason: string | undefined;
  /** When the last stream was finished, or the connection accepted, of performance.now(). */
  #idleSince = performance.now();

  constructor(socket: Socket, options: ConnectionOptions<Head>) {
    const { limits, totals } = options;
    this.#socket = socket;
    this.#options = options;
    this.limits = limits;
    this.totals = totals;
    this.#receiveWindow = limits.connectionWindow;
    this.#blocks = new HeaderBlocks(limits);
    this.output = new Output(socket, {
      limits,
      totals,
      onRoom: () => this.#onRoom(),
      onPressure: () => options.onPressure(),
      onStalled: () => this.abandon('it has not read for too long'),
    });
    this.#control = new Control(this.output, limits, {
      settings: (settings) => this.#onSettings(settings),
      late: () => this.abandon('it did not begin with SETTINGS in time'),
    });
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('close', () => this.#closed());
    // A peer that vanishes concerns nobody but itself; 'close' follows.
    socket.on('error', () => undefined);
    socket.setNoDelay(true);
  }

  get state() {
    return this.#state;
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** Since when no stream has been open, of performance.now(); undefined while one is. */
  get idleSince(): number | undefined {
    return this.#streams.size > 0 ? undefined : this.#idleSince;
  }

  // Receiving

  #read(chunk: Buffer): void {
    if (this.#state === 'failed' || this.#state === 'closed') return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#failed(error);
      return;
    }
    // Held back: it reads too little of what it is sent.
    if (this.output.unwritten > this.limits.unwritten) this.#socket.pause();
  }

  data(
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
    padding: number,
    endStream: boolean,
  ): void {
    this.#control.checkOrder(frame.data, streamId, this.#blocks.continues);
    this.#streams.checkNotIdle(streamId, 'DATA');
    const size = end - start + padding;
    this.#receiveWindow -= size;
    if (this.#receiveWindow < 0) {
      throw new ConnectionError('FLOW_CONTROL_ERROR', 'more DATA than the connection allows');
    }
    const stream = this.#streams.get(streamId);
    if (!stream || stream.remoteEnded) {
      this.consumed(size);
      this.#control.spend();
      if (stream || !this.#streams.wasReset(streamId)) this.reset(streamId, 'STREAM_CLOSED');
      return;
    }
    stream.receiveWindow -= size;
    if (stream.receiveWindow < 0) {
      this.reset(streamId, 'FLOW_CONTROL_ERROR');
      return;
    }
    if (stream.announced >= 0) {
      stream.announced -= end - start;
      const wrong = stream.announced < 0 || (endStream && stream.announced > 0);
      if (wrong) {
        this.reset(streamId, 'PROTOCOL_ERROR');
        return;
      }
    }
    if (padding > 0) stream.consumed(padding);
    if (end > start) stream.onData(bytes, start, end);
    else if (!endStream) this.#control.spend();
    if (endStream && !stream.closed) {
      stream.remoteEnded = true;
      stream.onRemoteEnd();
    }
  }

  frame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    this.#control.checkOrder(type, streamId, this.#blocks.continues);
    switch (type) {
      case frame.headers:
        this.#onBlock(this.#blocks.headers(flags, streamId, bytes, start, end));
        return;
      case frame.continuation:
        this.#control.spend();
        this.#onBlock(this.#blocks.continuation(flags, streamId, bytes, start, end));
        return;
      case frame.rstStream:
        this.#onReset(streamId, end - start);
        return;
      case frame.windowUpdate:
        this.#onWindowUpdate(streamId, bytes, start, end);
        return;
      case frame.goAway:
        // Its streams go on; it closes the connection itself.
        this.#control.goAway(streamId, end - start);
        return;
      case frame.priority:
        if (!this.#control.priority(streamId, bytes, start, end)) {
          this.reset(streamId, end - start === 5 ? 'PROTOCOL_ERROR' : 'FRAME_SIZE_ERROR');
        }
        return;
      default:
        this.#control.frame(type, flags, streamId, bytes, start, end);
    }
  }

  #onBlock(block: ReceivedBlock<KeptHead<Head>> | undefined): void {
    if (!block) return;
    const { streamId, endStream, fields } = block;
    const stream = this.#streams.get(streamId);
    if (stream) {
      this.#onTrailers(stream, endStream, fields);
      return;
    }
    this.#streams.begin(streamId);
    if (this.#state === 'draining') return;
    if (fields === 'too-large') {
      this.#refuseHeaders(streamId);
      return;
    }
    const { limits, totals } = this;
    if (this.#streams.size >= limits.streams || totals.streams >= limits.streamsOfProcess) {
      this.reset(streamId, 'REFUSED_STREAM');
      return;
    }
    const kept = block.kept ?? this.#readHead(fields);
    if (!kept || (endStream && kept.contentLength > 0)) {
      this.reset(streamId, 'PROTOCOL_ERROR');
      return;
    }
    const opened = this.#options.application.open(this, streamId, kept.head);
    opened.announced = kept.contentLength;
    totals.streams++;
    this.#streams.add(opened);
    opened.remoteEnded = endStream;
    opened.onOpen();
    if (endStream && !opened.closed) opened.onRemoteEnd();
  }

  #readHead(fields: Parameters<typeof readRequest>[0]): KeptHead<Head> | undefined {
    try {
      const request = readRequest(fields);
      const head = this.#options.application.read(request);
      const kept = { head, contentLength: request.contentLength };
      this.#blocks.keep(kept);
      return kept;
    } catch (error) {
      if (error instanceof MalformedError) return undefined;
      throw error;
    }
  }

  #onTrailers(
    stream: Stream,
    endStream: boolean,
    fields: Parameters<typeof readRequest>[0] | 'too-large',
  ): void {
    if (stream.remoteEnded) {
      this.reset(stream.id, 'STREAM_CLOSED');
      return;
    }
    if (!endStream || stream.announced > 0) {
      this.reset(stream.id, 'PROTOCOL_ERROR');
      return;
    }
    try {
      // Nothing in them means anything to a gRPC server.
      if (fields !== 'too-large') checkTrailers(fields);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.reset(stream.id, 'PROTOCOL_ERROR');
      return;
    }
    stream.remoteEnded = true;
    stream.onRemoteEnd();
  }

  /** 431: Request Header Fields Too Large. */
  #refuseHeaders(streamId: number): void {
    this.sendHeaders(streamId, flag.endStream, 32, (encoder, target, at) =>
      encoder.literal(target, at, ':status', '431'),
    );
    this.reset(streamId, 'NO_ERROR');
  }

  #onReset(streamId: number, length: number): void {
    this.#streams.checkNotIdle(streamId, 'RST_STREAM');
    if (length !== 4) throw new ConnectionError('FRAME_SIZE_ERROR', 'a RST_STREAM of wrong length');
    this.#control.spend();
    const stream = this.#streams.get(streamId);
    if (!stream) return;
    this.#streams.end(streamId);
    this.#over(stream);
    stream.onAbort();
  }

  #onWindowUpdate(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) {
      throw new ConnectionError('FRAME_SIZE_ERROR', 'a WINDOW_UPDATE of wrong length');
    }
    if (streamId !== 0) this.#streams.checkNotIdle(streamId, 'WINDOW_UPDATE');
    this.#control.spend();
    const increment = readUint31(bytes, start);
    if (streamId === 0) {
      this.sendWindow += increment;
      if (increment === 0) throw new ConnectionError('PROTOCOL_ERROR', 'a WINDOW_UPDATE of 0');
      if (this.sendWindow > largestWindow) {
        throw new ConnectionError('FLOW_CONTROL_ERROR', 'a window above 2^31-1');
      }
      this.#wake();
      return;
    }
    const stream = this.#streams.get(streamId);
    if (!stream) return;
    stream.sendWindow += increment;
    if (increment === 0) {
      this.reset(streamId, 'PROTOCOL_ERROR');
      return;
    }
    if (stream.sendWindow > largestWindow) {
      this.reset(streamId, 'FLOW_CONTROL_ERROR');
      return;
    }
    if (this.#waiting.delete(stream)) this.#wakeStream(stream);
  }

  #onSettings({ headerTableSize, initialWindowSize }: PeerSettings): void {
    if (headerTableSize !== undefined) this.encoder.limitTable(headerTableSize);
    if (initialWindowSize === undefined) return;
    const change = initialWindowSize - this.peerInitialWindow;
    this.peerInitialWindow = initialWindowSize;
    for (const stream of this.#streams.all()) {
      stream.sendWindow += change;
      if (stream.sendWindow > largestWindow) {
        throw new ConnectionError('FLOW_CONTROL_ERROR', 'a window above 2^31-1');
      }
    }
    if (change > 0) this.#wake();
  }

  #onRoom(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
    this.#wake();
  }

  #wake(): void {
    if (this.#waiting.size === 0) return;
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const stream of waiting) this.#wakeStream(stream);
  }

  #wakeStream(stream: Stream): void {
    if (stream.closed) return;
    stream.sendQueued();
    if (!stream.closed) stream.onWindow();
  }

  // Sending

  /** Has {@link Stream.sendQueued} and {@link Stream.onWindow} called when the peer may take more. */
  wait(stream: Stream): void {
    this.#waiting.add(stream);
  }

  /** @param room the most bytes that the block takes */
  sendHeaders(streamId: number, flags: number, room: number, block: HeaderBlock): void {
    if (room > frameSize - 1) {
      this.#sendLongHeaders(streamId, flags, room, block);
      return;
    }
    const at = this.output.reserve(frameHeaderSize + 1 + room);
    const target = this.output.block;
    const start = at + frameHeaderSize;
    const end = block(this.encoder, target, this.encoder.begin(target, start));
    const all = flags | flag.endHeaders;
    writeFrameHeader(target, at, end - start, frame.headers, all, streamId);
    this.output.trim(end);
  }

  #sendLongHeaders(streamId: number, flags: number, room: number, block: HeaderBlock): void {
    const target = Buffer.allocUnsafe(1 + room);
    const end = block(this.encoder, target, this.encoder.begin(target, 0));
    for (let at = 0; at < end; at += frameSize) {
      const part = target.subarray(at, Math.min(end, at + frameSize));
      const last = at + frameSize >= end ? flag.endHeaders : 0;
      if (at === 0) this.#control.send(frame.headers, flags | last, streamId, part);
      else this.#control.send(frame.continuation, last, streamId, part);
    }
  }

  /** Sends one DATA frame, for which both windows have room. */
  sendData(stream: Stream, bytes: Buffer): void {
    this.tookWindow(stream, bytes.length);
    this.#control.send(frame.data, 0, stream.id, bytes);
  }

  /** Counts bytes of DATA that are sent. */
  tookWindow(stream: Stream, bytes: number): void {
    stream.sendWindow -= bytes;
    this.sendWindow -= bytes;
    // The peer answers DATA with WINDOW_UPDATEs, which are to be expected.
    this.#control.earn();
  }

  sendWindowUpdate(streamId: number, bytes: number): void {
    this.#control.windowUpdate(streamId, bytes);
  }

  /** Lets the peer send so many bytes more on the connection. */
  consumed(bytes: number): void {
    this.#uncredited += bytes;
    if (this.#uncredited * 2 < this.limits.connectionWindow) return;
    this.#receiveWindow += this.#uncredited;
    this.#control.windowUpdate(0, this.#uncredited);
    this.#uncredited = 0;
  }

  /** This side has sent END_STREAM. Ends the peer's side too, where it has not ended. */
  finished(stream: Stream): void {
    this.#control.earn();
    if (stream.remoteEnded) {
      this.#streams.end(stream.id);
    } else {
      this.#streams.reset(stream.id);
      this.#control.reset(stream.id, errorCode.NO_ERROR);
    }
    this.#over(stream);
  }

  /** Resets a stream, which may be one that was never opened. */
  reset(streamId: number, code: ErrorName): void {
    const stream = this.#streams.get(streamId);
    this.#streams.reset(streamId);
    this.#control.reset(streamId, errorCode[code]);
    if (stream) {
      this.#over(stream);
      stream.onAbort();
    }
    this.#control.spend();
  }

  #over(stream: Stream): void {
    stream.close();
    this.#waiting.delete(stream);
    this.totals.streams--;
    if (this.#streams.size > 0) return;
    this.#idleSince = performance.now();
    if (this.#state === 'draining') this.#endSocket();
  }

  // The end

  /** Takes no new stream, and closes the connection after the last one or after `grace` milliseconds. */
  drain(grace: number): void {
    if (this.#state !== 'open') return;
    this.#control.goAwayAfterAll(() => {
      if (this.#state !== 'open') return;
      this.#state = 'draining';
      this.#control.sendGoAway(this.#streams.last, errorCode.NO_ERROR, '');
      if (this.#streams.size === 0) this.#endSocket();
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

  #failed(error: unknown): void {
    const known = error instanceof ConnectionError;
    if (!known) this.#options.onDefect(error);
    const reason = known ? error.message : 'internal error';
    this.#reason ??= known ? `${error.code}: ${reason}` : undefined;
    this.#state = 'failed';
    const code = errorCode[known ? error.code : 'INTERNAL_ERROR'];
    this.#control.sendGoAway(this.#streams.last, code, reason);
    this.#abortAll();
    this.#endSocket();
  }

  #endSocket(): void {
    this.output.flush();
    this.#socket.end();
    setTimeout(() => this.destroy(), closingLimit).unref();
  }

  #abortAll(): void {
    for (const stream of this.#streams.all()) {
      this.#streams.end(stream.id);
      this.#over(stream);
      stream.onAbort();
    }
  }

  #closed(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#control.stop();
    this.#abortAll();
    this.output.discard();
    this.#options.onClosed(this.#reason);
  }
}
