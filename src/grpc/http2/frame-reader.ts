import { ConnectionError, flag, frame, frameHeaderSize, frameSize, readUint31 } from './frames.ts';

/** Takes what a {@link FrameReader} has read. */
export interface FrameSink {
  /**
   * Called with each piece of the payload of a DATA frame, as soon as it has arrived.
   *
   * @param padding bytes of padding that came with the piece; they count for flow control
   * @param endStream whether this is the last piece of a frame with END_STREAM
   */
  data(
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
    padding: number,
    endStream: boolean,
  ): void;
  /** Called with each other frame. Its payload is `bytes[start, end)`. */
  frame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void;
}

/** Frames that are read between two looks at the clock. */
const framesBetweenLooks = 64;

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/**
 * Cuts what a socket delivers into frames. DATA goes on piece by piece, without a copy. At most one
 * partial frame of another type is kept: 9 + 16,384 bytes.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  #prefaceRead = 0;
  /** The DATA frame whose payload is arriving: its stream, what is left of it, and whether it ends the stream. */
  #dataStream = 0;
  #dataLeft = 0;
  #dataEnds = false;
  /** The frame, or the frame header, of which a part has arrived. */
  #partial: Buffer | undefined;
  #filled = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /**
   * Reads a chunk from `from` on, until all of it is read or the time is up.
   *
   * @param deadline of performance.now()
   * @returns the place up to which it has read
   * @throws ConnectionError for a wrong preface or a frame that is too long, and whatever the sink throws
   */
  push(chunk: Buffer, from = 0, deadline = Number.POSITIVE_INFINITY): number {
    let at = this.#prefaceRead < preface.length ? this.#readPreface(chunk) : from;
    const end = chunk.length;
    for (let frames = 1; at < end; frames++) {
      if (frames % framesBetweenLooks === 0 && performance.now() > deadline) return at;
      if (this.#dataLeft > 0) {
        at = this.#dataPiece(chunk, at, end);
      } else if (this.#partial) {
        at = this.#collect(this.#partial, chunk, at, end);
      } else if (end - at < frameHeaderSize) {
        this.#keep(frameHeaderSize, chunk, at, end);
        return end;
      } else {
        const length = lengthAt(chunk, at);
        if (isPlainData(chunk, at)) {
          this.#beginData(chunk, at, length);
          at += frameHeaderSize;
        } else if (end - at < frameHeaderSize + length) {
          this.#keep(frameHeaderSize + length, chunk, at, end);
          return end;
        } else {
          this.#whole(chunk, at, length);
          at += frameHeaderSize + length;
        }
      }
    }
    return at;
  }

  #readPreface(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && this.#prefaceRead < preface.length) {
      if (chunk[at++] !== preface[this.#prefaceRead++]) {
        throw new ConnectionError('PROTOCOL_ERROR', 'the connection does not begin with HTTP/2');
      }
    }
    return at;
  }

  #beginData(bytes: Buffer, at: number, length: number): void {
    this.#dataStream = readUint31(bytes, at + 5);
    this.#dataLeft = length;
    this.#dataEnds = ((bytes[at + 4] as number) & flag.endStream) !== 0;
    if (length === 0) this.#sink.data(this.#dataStream, bytes, at, at, 0, this.#dataEnds);
  }

  #dataPiece(chunk: Buffer, at: number, end: number): number {
    const until = Math.min(end, at + this.#dataLeft);
    this.#dataLeft -= until - at;
    const last = this.#dataLeft === 0;
    this.#sink.data(this.#dataStream, chunk, at, until, 0, last && this.#dataEnds);
    return until;
  }

  #keep(size: number, chunk: Buffer, at: number, end: number): void {
    this.#partial = Buffer.allocUnsafe(size);
    this.#filled = chunk.copy(this.#partial, 0, at, end);
  }

  /** Adds to what was kept: first the frame header is completed, then the frame. */
  #collect(partial: Buffer, chunk: Buffer, at: number, end: number): number {
    const copied = chunk.copy(partial, this.#filled, at, end);
    this.#filled += copied;
    if (this.#filled < partial.length) return at + copied;
    this.#partial = undefined;
    const length = lengthAt(partial, 0);
    if (partial.length === frameHeaderSize && isPlainData(partial, 0)) {
      this.#beginData(partial, 0, length);
    } else if (partial.length === frameHeaderSize && length > 0) {
      this.#keep(frameHeaderSize + length, partial, 0, frameHeaderSize);
    } else {
      this.#whole(partial, 0, length);
    }
    return at + copied;
  }

  #whole(bytes: Buffer, at: number, length: number): void {
    const type = bytes[at + 3] as number;
    const flags = bytes[at + 4] as number;
    const streamId = readUint31(bytes, at + 5);
    const start = at + frameHeaderSize;
    if (type !== frame.data) {
      this.#sink.frame(type, flags, streamId, bytes, start, start + length);
      return;
    }
    // A padded frame is kept whole, so its length bounds the padding.
    const padding = length > 0 ? (bytes[start] as number) + 1 : 1;
    if (padding > length) {
      throw new ConnectionError('PROTOCOL_ERROR', 'a DATA frame with more padding than payload');
    }
    const ends = (flags & flag.endStream) !== 0;
    this.#sink.data(streamId, bytes, start + 1, start + 1 + length - padding, padding, ends);
  }
}

function lengthAt(bytes: Buffer, at: number): number {
  const length =
    ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
  if (length > frameSize) {
    const text = `a frame of ${length} bytes, where ${frameSize} are allowed`;
    throw new ConnectionError('FRAME_SIZE_ERROR', text);
  }
  return length;
}

function isPlainData(bytes: Buffer, at: number): boolean {
  return bytes[at + 3] === frame.data && ((bytes[at + 4] as number) & flag.padded) === 0;
}
