import {
  flag,
  frame,
  frameHeaderSize,
  frameSize,
  writeFrameHeader,
  writeUint32,
} from './frames.ts';
import { HeaderEncoder } from './header-encoder.ts';
import type { Output } from './output.ts';

/** Writes the fields of a header block into `target` and returns the place after them. */
export type HeaderBlock = (encoder: HeaderEncoder, target: Buffer, at: number) => number;

/** Writes frames into the output of a connection. Whether they may be sent is up to the caller. */
export class FrameWriter {
  readonly output: Output;
  readonly encoder = new HeaderEncoder();

  constructor(output: Output) {
    this.output = output;
  }

  /** Writes a frame whose payload is not changed any more. */
  frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    const at = this.output.reserve(frameHeaderSize);
    writeFrameHeader(this.output.block, at, payload.length, type, flags, streamId);
    if (payload.length > 0) this.output.append(payload);
  }

  /**
   * Writes a header block: one HEADERS frame, and CONTINUATION frames where the block is longer than a frame.
   *
   * @param room the most bytes that the block takes
   */
  headers(streamId: number, flags: number, room: number, block: HeaderBlock): void {
    // One byte more, for what the encoder may have to say before the fields.
    if (1 + room > frameSize) {
      this.#longHeaders(streamId, flags, room, block);
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

  windowUpdate(streamId: number, increment: number): void {
    this.#number(frame.windowUpdate, streamId, increment);
  }

  /** @param code of {@link errorCode} */
  reset(streamId: number, code: number): void {
    this.#number(frame.rstStream, streamId, code);
  }

  /** @param code of {@link errorCode} */
  goAway(lastStreamId: number, code: number, reason: string): void {
    const text = Buffer.from(reason, 'latin1');
    const payload = Buffer.alloc(8 + text.length);
    writeUint32(payload, 0, lastStreamId);
    writeUint32(payload, 4, code);
    text.copy(payload, 8);
    this.frame(frame.goAway, 0, 0, payload);
  }

  #number(type: number, streamId: number, value: number): void {
    const at = this.output.reserve(frameHeaderSize + 4);
    writeFrameHeader(this.output.block, at, 4, type, 0, streamId);
    writeUint32(this.output.block, at + frameHeaderSize, value);
  }

  #longHeaders(streamId: number, flags: number, room: number, block: HeaderBlock): void {
    const target = Buffer.allocUnsafe(1 + room);
    const end = block(this.encoder, target, this.encoder.begin(target, 0));
    for (let at = 0; at === 0 || at < end; at += frameSize) {
      const part = target.subarray(at, Math.min(end, at + frameSize));
      const last = at + frameSize >= end ? flag.endHeaders : 0;
      const first = at === 0;
      this.frame(
        first ? frame.headers : frame.continuation,
        first ? flags | last : last,
        streamId,
        part,
      );
    }
  }
}
