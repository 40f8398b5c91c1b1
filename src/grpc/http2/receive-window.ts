import type { FrameWriter } from './frame-writer.ts';

/** The bytes of DATA that the peer may send, on one stream or on the connection (RFC 9113, 5.2). */
export class ReceiveWindow {
  readonly #writer: FrameWriter;
  /** 0 for the connection. */
  readonly #streamId: number;
  readonly #size: number;
  #left: number;
  /** Bytes that were consumed and are in no WINDOW_UPDATE yet. */
  #uncredited = 0;

  constructor(writer: FrameWriter, streamId: number, size: number) {
    this.#writer = writer;
    this.#streamId = streamId;
    this.#size = size;
    this.#left = size;
  }

  /** Takes note of DATA that has come. Returns false when the window does not have so much. */
  take(bytes: number): boolean {
    this.#left -= bytes;
    return this.#left >= 0;
  }

  /** Lets the peer send so many bytes more. In large steps, since each costs the peer a frame to read. */
  consumed(bytes: number): void {
    this.#uncredited += bytes;
    if (this.#uncredited * 2 < this.#size) return;
    this.#left += this.#uncredited;
    this.#writer.windowUpdate(this.#streamId, this.#uncredited);
    this.#uncredited = 0;
  }
}
