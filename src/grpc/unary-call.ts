import { contentType, ServedCall, statusOk } from './call.ts';
import { encode } from './codec.ts';
import { flag, frame, frameHeaderSize, frameSize, writeFrameHeader } from './http2/frames.ts';
import { constantRoom } from './http2/header-encoder.ts';
import { prefixSize, writePrefix } from './message-prefix.ts';
import type { Method, UnaryCall } from './method.ts';
import { code, type MetadataEntries, type Status } from './status.ts';

/** One request, one answer. Its handler is called once the client has ended the request. */
export class ServedUnaryCall extends ServedCall implements UnaryCall<unknown> {
  /** The request, until the client has ended it. */
  #request: Buffer | undefined;
  #start = 0;
  #end = 0;

  get paused(): boolean {
    return this.over;
  }

  override onOpen(): void {
    this.options.poll.began();
    super.onOpen();
  }

  protected start(): void {}

  protected override settle(): void {
    super.settle();
    this.options.poll.ended();
  }

  onData(bytes: Buffer, start: number, end: number): void {
    // The limit `held` bounds what is kept, so the window is given back at once.
    this.consumed(end - start);
    if (this.over) return;
    try {
      this.reader.read(bytes, start, end);
    } catch (error) {
      this.failed(error);
    }
  }

  message(bytes: Buffer, start: number, end: number): void {
    if (this.#request) {
      this.finish({ code: code.UNIMPLEMENTED, message: 'more than one request in a unary call' });
      return;
    }
    // A view keeps all that has arrived with it.
    this.hold(bytes.length);
    this.#request = bytes;
    this.#start = start;
    this.#end = end;
  }

  onRemoteEnd(): void {
    if (this.over) return;
    const request = this.#request;
    if (this.reader.unfinished) {
      this.finish({ code: code.INTERNAL, message: 'the request was cut short' });
    } else if (!request) {
      this.finish({ code: code.UNIMPLEMENTED, message: 'a unary call without a request' });
    } else {
      this.#request = undefined;
      this.hold(0);
      this.#handle(this.method as Extract<Method, { kind: 'unary' }>, request);
    }
  }

  #handle(method: Extract<Method, { kind: 'unary' }>, request: Buffer): void {
    this.attempt(() => method.handle(this.decode(request, this.#start, this.#end), this));
  }

  answer(response: unknown, trailers?: MetadataEntries): void {
    if (this.over) return;
    let message: Buffer;
    try {
      message = encode(this.method.response, response);
    } catch (error) {
      this.failed(error);
      return;
    }
    const size = prefixSize + message.length;
    const window = Math.min(this.sendWindow, this.connection.sendWindows.connection);
    if (!this.begun && !trailers && size <= Math.min(window, frameSize)) {
      this.settle();
      this.#answerAtOnce(message);
      return;
    }
    this.sendMetadata([]);
    const bytes = Buffer.allocUnsafe(size);
    writePrefix(bytes, 0, message.length);
    message.copy(bytes, prefixSize);
    this.sendData(bytes);
    this.finish({ code: code.OK, ...(trailers ? { trailers } : {}) });
  }

  fail(status: Status): void {
    this.finish(status);
  }

  onWindow(): void {}

  /** Writes headers, message and trailers as one piece: what nearly every answer is. */
  #answerAtOnce(message: Buffer): void {
    const { connection, id } = this;
    const { output, encoder } = connection.writer;
    const size = prefixSize + message.length;
    const headers = output.reserve(2 * constantRoom + 3 * frameHeaderSize + size);
    const target = output.block;
    let start = headers + frameHeaderSize;
    let at = encoder.status200(target, encoder.begin(target, start));
    at = encoder.constant(target, at, contentType);
    writeFrameHeader(target, headers, at - start, frame.headers, flag.endHeaders, id);

    writeFrameHeader(target, at, size, frame.data, 0, id);
    writePrefix(target, at + frameHeaderSize, message.length);
    message.copy(target, at + frameHeaderSize + prefixSize);
    connection.sentData(this, size);

    const trailers = at + frameHeaderSize + size;
    start = trailers + frameHeaderSize;
    at = encoder.constant(target, start, statusOk);
    const flags = flag.endHeaders | flag.endStream;
    writeFrameHeader(target, trailers, at - start, frame.headers, flags, id);
    output.trim(at);
    connection.finished(this);
  }
}
