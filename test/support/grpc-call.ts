import { BusyPoll } from '../../src/grpc/busy-poll.ts';
import type { CallOptions, ServedCall } from '../../src/grpc/call.ts';
import type { CallHead } from '../../src/grpc/call-head.ts';
import type { Codec } from '../../src/grpc/codec.ts';
import { flag, frame } from '../../src/grpc/http2/frames.ts';
import { RequestMetadata } from '../../src/grpc/metadata.ts';
import type { Method } from '../../src/grpc/method.ts';
import { ServedStreamingCall } from '../../src/grpc/streaming-call.ts';
import { ServedUnaryCall } from '../../src/grpc/unary-call.ts';
import { FakeConnection } from './grpc-connection.ts';
import { newDecoder } from './hpack-decoder.ts';

/** Messages of text; one that begins with `!` cannot be decoded. */
export const textCodec: Codec<string> = {
  decode(bytes, start, end) {
    if (bytes[start] === 0x21) throw new Error('it begins with !');
    return bytes.toString('utf8', start, end);
  },
  size: (message) => Buffer.byteLength(message),
  write: (message, target, at) => void target.write(message, at),
};

/** Returns messages as they are sent. */
export function prefixed(...messages: string[]): Buffer {
  const parts = messages.flatMap((message) => {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(Buffer.byteLength(message), 1);
    return [prefix, Buffer.from(message)];
  });
  return Buffer.concat(parts);
}

/** What was sent on a stream since the last time. */
export interface Sent {
  /** Each header block; the last one has END_STREAM if {@link ended}. */
  headers: Record<string, string>[];
  data: Buffer;
  ended: boolean;
}

/** A call without a socket: the test is the connection and the client. */
export class TestCall {
  readonly connection: FakeConnection;
  readonly call: ServedCall;
  /** What was told to be a defect, with the path of the call. */
  readonly defects: [error: unknown, path: string][] = [];
  readonly #decoder = newDecoder();

  constructor(method: Method, connection = new FakeConnection(), timeout?: number) {
    this.connection = connection;
    const { path } = method;
    const metadata = new RequestMetadata([['x-name', 'value']]);
    const head: Extract<CallHead, { kind: 'call' }> = {
      kind: 'call',
      path,
      method,
      metadata,
      timeout,
      size: 0,
    };
    const options: CallOptions = {
      poll: new BusyPoll(),
      peer: 'peer',
      defect: (error, path) => this.defects.push([error, path]),
    };
    const Call = method.kind === 'unary' ? ServedUnaryCall : ServedStreamingCall;
    this.call = new Call(connection, 1, head, options);
    this.call.onOpen();
  }

  /** Sends a part of the body, from the middle of a larger buffer. */
  send(bytes: Buffer): void {
    if (this.call.closed) return;
    if (!this.call.receiveWindow.take(bytes.length)) throw new Error('the window has no room');
    this.connection.receiveWindow.take(bytes.length);
    const chunk = Buffer.concat([Buffer.of(0xee), bytes, Buffer.of(0xee)]);
    this.call.onData(chunk, 1, chunk.length - 1);
  }

  halfClose(): void {
    if (this.call.closed) return;
    this.call.remoteEnded = true;
    this.call.onRemoteEnd();
  }

  /** Resets the stream, as a client that cancels. */
  cancel(): void {
    if (this.call.closed) return;
    this.call.close();
    this.call.onAbort();
  }

  sent(): Sent {
    const sent: Sent = { headers: [], data: Buffer.alloc(0), ended: false };
    for (const { type, flags, streamId, payload } of this.connection.frames()) {
      if (streamId !== 1) continue;
      if (type === frame.data) sent.data = Buffer.concat([sent.data, payload]);
      if (type !== frame.headers) continue;
      const fields = this.#decoder.decode(payload, 0, payload.length);
      if (fields === 'too-large') throw new Error('too many headers');
      sent.headers.push(Object.fromEntries(fields));
      sent.ended ||= (flags & flag.endStream) !== 0;
    }
    return sent;
  }
}

const response = { ':status': '200', 'content-type': 'application/grpc' };

/** What a call sends that ends with OK. */
export const okay = (...messages: string[]): Sent => ({
  headers: [response, { 'grpc-status': '0' }],
  data: prefixed(...messages),
  ended: true,
});

/** What a call sends that fails before anything else. */
export const failed = (code: number, message: string): Sent => ({
  headers: [{ ...response, 'grpc-status': `${code}`, 'grpc-message': message }],
  data: Buffer.alloc(0),
  ended: true,
});
