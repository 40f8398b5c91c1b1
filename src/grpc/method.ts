import type { Codec } from './codec.ts';
import type { MetadataEntries, Status } from './status.ts';

/** What a call carries besides its messages. */
export interface Metadata {
  /**
   * Returns the values of a name, in the order they were sent. Names are in lower case. A name that ends in
   * `-bin` has bytes, any other name has text.
   */
  get(name: string): (string | Buffer)[];
  /** Every name with each of its values, in the order they were sent; pseudo-headers are left out. */
  entries(): Iterable<[name: string, value: string | Buffer]>;
}

/** What every call has. `Peer` is what the server was given with the connection that the call came on. */
interface Call<Peer> {
  readonly peer: Peer;
  readonly path: string;
  readonly metadata: Metadata;
  /** Milliseconds that the client gave the call, counted from its arrival; undefined without a limit. */
  readonly timeout: number | undefined;
  /** Sends the response metadata now. Without it empty metadata goes out with the first message. */
  sendMetadata(metadata: MetadataEntries): void;
  /**
   * Called once when the call ends before its handler has ended it: cancelled by the client, out of time,
   * or its connection closed. Nothing can be sent any more. Set by the handler.
   */
  onCancel: (() => void) | undefined;
}

/** One request, one answer. The handler calls `answer` or `fail`, once, now or later. */
export interface UnaryCall<Response, Peer = unknown> extends Call<Peer> {
  /** Sends the answer with status OK. Does nothing after the end of the call. */
  answer(response: Response, trailers?: MetadataEntries): void;
  /** Ends the call with an error. Does nothing after the end of the call. */
  fail(status: Status): void;
}

/** Any number of requests and responses, at the same time. */
export interface StreamingCall<Request, Response, Peer = unknown> extends Call<Peer> {
  /** Called with each request. Set by the handler before it returns. */
  onMessage: ((request: Request) => void) | undefined;
  /** Called once after the last request. Set by the handler before it returns. */
  onEnd: (() => void) | undefined;
  /** Called when there is room again after {@link write} returned false. */
  onRoom: (() => void) | undefined;
  /** Stops `onMessage` until {@link resume}: the client is held back by flow control. */
  pause(): void;
  resume(): void;
  /**
   * Sends one response, or queues it while the client takes no more.
   *
   * @returns whether there is room for the next one; otherwise wait for `onRoom`
   */
  write(response: Response): boolean;
  /** Ends the call after what was written; with status OK unless another is given. Only the first end counts. */
  end(status?: Status): void;
  /** Whether the call has ended, either way. */
  readonly ended: boolean;
}

export interface UnaryMethod<Request, Response, Peer = unknown> {
  readonly kind: 'unary';
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
  readonly handle: (request: Request, call: UnaryCall<Response, Peer>) => void;
}

export interface StreamingMethod<Request, Response, Peer = unknown> {
  readonly kind: 'streaming';
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
  readonly handle: (call: StreamingCall<Request, Response, Peer>) => void;
}

/** One method that a server offers. Each has types of its own, which meet in its codecs and its handler. */
export type Method<Peer = unknown> =
  // biome-ignore lint/suspicious/noExplicitAny: a table holds methods of every type
  UnaryMethod<any, any, Peer> | StreamingMethod<any, any, Peer>;
