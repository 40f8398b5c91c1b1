import { ServedCall } from './call.ts';
import { GrowingBuffer } from './growing-buffer.ts';
import { frame, frameHeaderSize, frameSize, writeFrameHeader } from './http2/frames.ts';
import { prefixSize, writePrefix } from './message-prefix.ts';
import type { Method, StreamingCall } from './method.ts';
import { code, type Status } from './status.ts';

/** Any number of requests and responses. Its handler is called as soon as the call has come. */
export class ServedStreamingCall extends ServedCall implements StreamingCall<unknown, unknown> {
  onMessage: ((request: unknown) => void) | undefined;
  onEnd: (() => void) | undefined;
  onRoom: (() => void) | undefined;
  #pausedByHandler = false;
  /** Whether requests are being read: whatever the handler calls meanwhile, they are not read twice. */
  #reading = false;
  /** Bytes that arrived while the call was paused. They are not consumed, so the stream's window bounds them. */
  #rest: Buffer | undefined;
  /** Bytes that arrived after {@link #rest}, with the same bound. */
  #newer: GrowingBuffer | undefined;
  #wantsRoom = false;

  get ended(): boolean {
    return this.over;
  }

  get paused(): boolean {
    return this.#pausedByHandler || this.over;
  }

  protected start(): void {
    const method = this.method as Extract<Method, { kind: 'streaming' }>;
    this.attempt(() => method.handle(this));
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.attempt(() => {
      if (this.#rest) {
        this.#newer ??= new GrowingBuffer(end - start, this.connection.limits.streamWindow);
        this.#newer.add(bytes, start, end);
      } else {
        const at = this.#read(bytes, start, end);
        // A copy: a view would keep all that has arrived with it.
        if (at < end) this.#rest = Buffer.from(bytes.subarray(at, end));
      }
      this.#holdWaiting();
    });
    if (this.over) this.#discard();
  }

  onRemoteEnd(): void {
    if (!this.#rest) this.#endOfRequests();
  }

  pause(): void {
    this.#pausedByHandler = true;
  }

  resume(): void {
    this.#pausedByHandler = false;
    if (this.#reading || !this.#rest) return;
    while (this.#rest && !this.paused) {
      const rest: Buffer = this.#rest;
      this.#rest = undefined;
      const at = this.#read(rest, 0, rest.length);
      if (at < rest.length) {
        this.#rest = rest.subarray(at);
      } else {
        this.#rest = this.#newer?.bytes;
        this.#newer = undefined;
      }
    }
    if (this.over) {
      this.#discard();
      return;
    }
    this.attempt(() => this.#holdWaiting());
    if (this.remoteEnded && !this.#rest) this.#endOfRequests();
  }

  message(bytes: Buffer, start: number, end: number): void {
    const request = this.decode(bytes, start, end);
    this.onMessage?.(request);
  }

  write(response: unknown): boolean {
    if (this.over) return false;
    try {
      this.#send(response);
    } catch (error) {
      this.failed(error);
      return false;
    }
    if (this.#hasRoom) return true;
    this.#wantsRoom = true;
    this.connection.sendWindows.wait(this);
    return false;
  }

  /** @throws whatever the codec throws; then no part of the response is sent */
  #send(response: unknown): void {
    const { response: codec } = this.method;
    const { connection } = this;
    const length = codec.size(response);
    const size = prefixSize + length;
    const window = Math.min(this.sendWindow, connection.sendWindows.connection);
    if (this.queued > 0 || size > Math.min(window, frameSize)) {
      const bytes = Buffer.allocUnsafe(size);
      writePrefix(bytes, 0, length);
      codec.write(response, bytes, prefixSize);
      this.sendMetadata([]);
      this.sendData(bytes);
      return;
    }
    this.sendMetadata([]);
    const { output } = connection.writer;
    const at = output.reserve(frameHeaderSize + size);
    try {
      codec.write(response, output.block, at + frameHeaderSize + prefixSize);
    } catch (error) {
      output.trim(at);
      throw error;
    }
    writeFrameHeader(output.block, at, size, frame.data, 0, this.id);
    writePrefix(output.block, at + frameHeaderSize, length);
    connection.sentData(this, size);
  }

  end(status: Status = { code: code.OK }): void {
    this.finish(status);
  }

  onWindow(): void {
    if (!this.#wantsRoom || this.over) return;
    if (!this.#hasRoom) {
      this.connection.sendWindows.wait(this);
      return;
    }
    this.#wantsRoom = false;
    this.attempt(() => this.onRoom?.());
  }

  get #hasRoom(): boolean {
    const { limits, writer } = this.connection;
    const { output } = writer;
    return this.queued < limits.queued && !output.busy;
  }

  /** Reads requests until the call is paused, and returns how far. */
  #read(bytes: Buffer, start: number, end: number): number {
    this.#reading = true;
    let at = start;
    this.attempt(() => {
      at = this.reader.read(bytes, start, end);
    });
    this.#reading = false;
    // Where the call is over, what is left of it concerns nobody.
    if (this.over) at = end;
    this.consumed(at - start);
    return at;
  }

  #holdWaiting(): void {
    if (this.over) return;
    this.hold((this.#rest?.length ?? 0) + (this.#newer?.capacity ?? 0));
  }

  #endOfRequests(): void {
    if (this.over) return;
    if (this.reader.unfinished) {
      this.giveUp({ code: code.INTERNAL, message: 'the last request was cut short' });
    } else {
      this.attempt(() => this.onEnd?.());
    }
  }

  protected override settle(): void {
    super.settle();
    this.#discard();
  }

  #discard(): void {
    const waiting = (this.#rest?.length ?? 0) + (this.#newer?.length ?? 0);
    this.#rest = undefined;
    this.#newer = undefined;
    // The connection's window is shared with other calls.
    if (waiting > 0) this.consumed(waiting);
  }
}
