import type { Control } from './control.ts';
import type { FrameSink } from './frame-reader.ts';
import { ConnectionError, type ErrorName, flag, frame, readUint31 } from './frames.ts';
import type { ReceivedBlock } from './header-blocks.ts';
import { type ReadHead, type ReceivedRequest, RequestReader } from './request-reader.ts';
import type { Stream, StreamConnection } from './stream.ts';
import type { Streams } from './streams.ts';

/** What the frames of a connection act on. */
export interface IncomingConnection extends StreamConnection {
  readonly control: Control;
  readonly streams: Streams;
  /** Whether new streams are taken; otherwise they are refused. */
  readonly takesStreams: boolean;
  /** Resets a stream, which may be one that was never opened. */
  reset(streamId: number, code: ErrorName): void;
  /** Closes a stream that is no longer in {@link streams}. */
  release(stream: Stream): void;
}

export interface IncomingOptions<Head> {
  readHead: ReadHead<Head>;
  /** Makes the stream of a request; its `onOpen` is called next. */
  openStream(connection: StreamConnection, streamId: number, head: Head): Stream;
}

/** From here on a DATA frame for a closed stream is not counted as one that brings nothing forward. Unit: bytes. */
const largeData = 1024;

/** What the frames that come in mean. Throws a ConnectionError for what ends the connection. */
export class Incoming<Head> implements FrameSink {
  readonly #connection: IncomingConnection;
  readonly #options: IncomingOptions<Head>;
  readonly #requests: RequestReader<Head>;

  constructor(connection: IncomingConnection, options: IncomingOptions<Head>) {
    this.#connection = connection;
    this.#options = options;
    this.#requests = new RequestReader(connection.limits, options.readHead);
  }

  data(
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
    padding: number,
    endStream: boolean,
  ): void {
    this.#connection.control.checkOrder(frame.data, streamId, this.#requests.blocks.continues);
    this.#connection.streams.checkNotIdle(streamId, 'DATA');
    const size = end - start + padding;
    if (!this.#connection.receiveWindow.take(size)) {
      throw new ConnectionError('FLOW_CONTROL_ERROR', 'more DATA than the connection allows');
    }
    const stream = this.#connection.streams.get(streamId);
    if (!stream || stream.remoteEnded) {
      this.#connection.receiveWindow.consumed(size);
      if (stream || !this.#connection.streams.wasReset(streamId)) {
        this.#connection.reset(streamId, 'STREAM_CLOSED');
      } else if (size < largeData) {
        // What was under way when the stream was reset comes in large frames.
        this.#connection.control.spend();
      }
      return;
    }
    const problem = this.#problemOf(stream, size, end - start, endStream);
    if (problem) {
      this.#connection.receiveWindow.consumed(size);
      this.#connection.reset(streamId, problem);
      return;
    }
    if (padding > 0) stream.consumed(padding);
    if (end > start) stream.onData(bytes, start, end);
    else if (!endStream) this.#connection.control.spend();
    if (!endStream || stream.closed) return;
    stream.remoteEnded = true;
    stream.onRemoteEnd();
  }

  #problemOf(stream: Stream, size: number, body: number, last: boolean): ErrorName | undefined {
    if (!stream.receiveWindow.take(size)) return 'FLOW_CONTROL_ERROR';
    if (stream.announced < 0) return undefined;
    stream.announced -= body;
    return stream.announced < 0 || (last && stream.announced > 0) ? 'PROTOCOL_ERROR' : undefined;
  }

  frame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const { blocks } = this.#requests;
    this.#connection.control.checkOrder(type, streamId, blocks.continues);
    if (type === frame.headers) {
      this.#onBlock(blocks.headers(flags, streamId, bytes, start, end));
    } else if (type === frame.windowUpdate) {
      this.#onWindowUpdate(streamId, bytes, start, end);
    } else if (type === frame.rstStream) {
      this.#onReset(streamId, end - start);
    } else if (type === frame.continuation) {
      this.#connection.control.spend();
      this.#onBlock(blocks.continuation(flags, streamId, bytes, start, end));
    } else if (type === frame.priority) {
      const problem = this.#connection.control.priority(streamId, bytes, start, end);
      if (problem) this.#resetKnown(streamId, problem);
    } else {
      const settings = this.#connection.control.frame(type, flags, streamId, bytes, start, end);
      if (settings?.headerTableSize !== undefined) {
        this.#connection.writer.encoder.limitTable(settings.headerTableSize);
      }
      if (settings?.initialWindowSize !== undefined) {
        this.#connection.sendWindows.changeInitial(
          settings.initialWindowSize,
          this.#connection.streams,
        );
      }
    }
  }

  #onBlock(block: ReceivedBlock<ReceivedRequest<Head>> | undefined): void {
    if (!block) return;
    const { streamId, endStream } = block;
    const known = this.#connection.streams.get(streamId);
    if (known) {
      this.#onTrailers(known, block);
      return;
    }
    if (this.#connection.streams.wasReset(streamId)) {
      // Trailers that were under way when this side reset the stream.
      this.#connection.control.spend();
      return;
    }
    this.#connection.streams.begin(streamId);
    if (!this.#connection.takesStreams) {
      this.#connection.reset(streamId, 'REFUSED_STREAM');
      return;
    }
    const request = this.#requests.request(block);
    if (request === 'too-large') {
      this.#refuseHeaders(streamId);
    } else if (request === 'malformed' || (endStream && request.contentLength > 0)) {
      this.#connection.reset(streamId, 'PROTOCOL_ERROR');
    } else if (this.#isFull()) {
      this.#connection.reset(streamId, 'REFUSED_STREAM');
    } else {
      this.#open(streamId, request, endStream);
    }
  }

  /** A stream that was never opened cannot be reset (RFC 9113, 6.4). */
  #resetKnown(streamId: number, problem: ErrorName): void {
    if (!this.#connection.streams.get(streamId)) {
      throw new ConnectionError(problem, 'an invalid PRIORITY frame');
    }
    this.#connection.reset(streamId, problem);
  }

  #isFull(): boolean {
    const { limits, totals, streams } = this.#connection;
    if (streams.size >= limits.streams) return true;
    // Whatever others have open, this connection has its share.
    return totals.streams >= limits.streamsOfProcess && streams.size >= limits.streamsShare;
  }

  #open(streamId: number, request: ReceivedRequest<Head>, endStream: boolean): void {
    this.#connection.control.checkOwed();
    const stream = this.#options.openStream(this.#connection, streamId, request.head);
    stream.announced = request.contentLength;
    stream.remoteEnded = endStream;
    this.#connection.totals.streams++;
    this.#connection.streams.add(stream);
    stream.onOpen();
    if (endStream && !stream.closed) stream.onRemoteEnd();
  }

  #onTrailers(stream: Stream, block: ReceivedBlock<ReceivedRequest<Head>>): void {
    if (stream.remoteEnded) {
      this.#connection.reset(stream.id, 'STREAM_CLOSED');
    } else if (!block.endStream || stream.announced > 0 || !this.#requests.mayBeTrailers(block)) {
      this.#connection.reset(stream.id, 'PROTOCOL_ERROR');
    } else {
      stream.remoteEnded = true;
      stream.onRemoteEnd();
    }
  }

  /** Answers 431, Request Header Fields Too Large. */
  #refuseHeaders(streamId: number): void {
    this.#connection.writer.headers(streamId, flag.endStream, 32, (encoder, target, at) =>
      encoder.literal(target, at, ':status', '431'),
    );
    this.#connection.reset(streamId, 'NO_ERROR');
  }

  #onReset(streamId: number, length: number): void {
    this.#connection.streams.checkNotIdle(streamId, 'RST_STREAM');
    if (length !== 4) {
      throw new ConnectionError('FRAME_SIZE_ERROR', 'a RST_STREAM frame of a wrong length');
    }
    this.#connection.control.spend();
    const stream = this.#connection.streams.get(streamId);
    if (!stream) return;
    this.#connection.streams.end(streamId);
    this.#connection.release(stream);
    stream.onAbort();
  }

  #onWindowUpdate(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) {
      throw new ConnectionError('FRAME_SIZE_ERROR', 'a WINDOW_UPDATE frame of a wrong length');
    }
    this.#connection.control.spend();
    const increment = readUint31(bytes, start);
    if (streamId === 0) {
      this.#connection.sendWindows.growConnection(increment);
      return;
    }
    this.#connection.streams.checkNotIdle(streamId, 'WINDOW_UPDATE');
    const stream = this.#connection.streams.get(streamId);
    const problem = stream && this.#connection.sendWindows.growStream(stream, increment);
    if (problem) this.#connection.reset(streamId, problem);
  }
}
