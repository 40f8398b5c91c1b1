import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import {
  errorName,
  type Frame,
  FrameReader,
  flag,
  frameType,
  grpcMessage,
  headers,
  lastData,
  ping,
  preface,
  settings,
  settingsAck,
  uint32,
  windowUpdate,
} from './http2/frames.ts';
import { encodeHeaders, type Header, HpackDecoder } from './http2/hpack.ts';
import { ReceivedStream, requestHeaders } from './http2/request.ts';
import { until } from './wait.ts';

const service = '/dapr.proto.components.v1.PubSub';

/** How long a server may take to react. Unit: milliseconds. */
const reactionLimit = 3_000;

export interface ClientOptions {
  /** Sent in the first SETTINGS. */
  settings?: (readonly [id: number, value: number])[];
  /** Gives back the bytes of DATA on both windows as they arrive. */
  credit?: boolean;
  /** Acknowledges SETTINGS and PING. Default: true. */
  polite?: boolean;
}

/** An HTTP/2 client that sends any bytes, valid or not, and records the answers. */
export class Http2Client implements Disposable {
  readonly socket: Socket;
  /** Every frame that has arrived, DATA excepted. */
  readonly frames: Frame[] = [];
  readonly streams = new Map<number, ReceivedStream>();
  /** The ends of streams and of the connection, in the order of arrival. */
  readonly events: { stream: number; what: string }[] = [];
  /** Rules of HTTP/2 that the server has broken. */
  readonly violations: string[] = [];
  /** Whether the server has closed the connection. */
  closed = false;
  lastStream = -1;
  readonly #options: ClientOptions;
  readonly #reader = new FrameReader();
  readonly #hpack = new HpackDecoder();
  readonly #credits = new Map<number, number>();
  #block: { stream: number; ends: boolean; parts: Buffer[] } | undefined;
  #pings = 0;

  private constructor(socket: Socket, options: ClientOptions) {
    this.socket = socket;
    this.#options = options;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      for (const frame of this.#reader.read(chunk)) this.#receive(frame);
    });
    socket.on('close', () => {
      this.closed = true;
      this.events.push({ stream: 0, what: 'closed' });
    });
  }

  /** Connects and says nothing. */
  static async connect(path: string, options: ClientOptions = {}): Promise<Http2Client> {
    const socket = connect(path);
    await once(socket, 'connect');
    return new Http2Client(socket, options);
  }

  /** Connects, and resolves when both sides have acknowledged the other's settings. */
  static async open(path: string, options: ClientOptions = {}): Promise<Http2Client> {
    const client = await Http2Client.connect(path, options);
    client.send(preface, settings(...(options.settings ?? [])));
    await client.settled(1);
    return client;
  }

  /** Returns whether the socket takes more. */
  send(...parts: Uint8Array[]): boolean {
    if (this.socket.destroyed) return true;
    return this.socket.write(parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts));
  }

  /** Sends bytes and waits until the socket takes more, or is closed. */
  async push(...parts: Uint8Array[]): Promise<void> {
    if (this.send(...parts) || this.socket.destroyed) return;
    await new Promise<void>((done) => {
      const finish = () => {
        this.socket.off('drain', finish).off('close', finish);
        done();
      };
      this.socket.once('drain', finish).once('close', finish);
    });
  }

  nextStream(): number {
    this.lastStream += 2;
    return this.lastStream;
  }

  /** Opens a call that the client has not half-closed. Returns its stream. */
  begin(method: string, more: readonly Header[] = []): number {
    const stream = this.nextStream();
    const path = method.startsWith('/') ? method : `${service}/${method}`;
    this.send(headers(stream, encodeHeaders(requestHeaders(path, more))));
    return stream;
  }

  /** Sends a whole unary call. Returns its stream. */
  request(method: string, message: Uint8Array = Buffer.alloc(0), more: readonly Header[] = []) {
    const stream = this.begin(method, more);
    this.send(lastData(stream, grpcMessage(message)));
    return stream;
  }

  stream(id: number): ReceivedStream {
    const found = this.streams.get(id) ?? new ReceivedStream();
    this.streams.set(id, found);
    return found;
  }

  /** Returns the outcome of a stream or of its connection, whichever comes first; `nothing` after `limit` milliseconds. */
  async outcome(stream?: number, limit = reactionLimit): Promise<string> {
    const found = () => this.events.find((event) => event.stream === 0 || event.stream === stream);
    await until('an outcome', found, limit).catch(() => undefined);
    return found()?.what ?? 'nothing';
  }

  /** Returns whether the server closes the connection in time. */
  async ends(limit = reactionLimit): Promise<boolean> {
    return until('the end of the connection', () => this.closed, limit).catch(() => false);
  }

  /** Returns `OK` if the server acknowledges a PING and answers a call, otherwise what happened instead. */
  async usable(limit = reactionLimit): Promise<string> {
    const data = Buffer.concat([uint32(0x7573_6162), uint32(++this.#pings)]);
    this.send(ping(data));
    const answered = () =>
      this.closed || this.received(frameType.PING).some(({ payload }) => payload.equals(data));
    const inTime = await until('the PING', answered, limit).catch(() => false);
    if (!inTime) return 'PING without an answer';
    const stream = this.request('Ping');
    // The client may have set the initial window to 0.
    this.send(windowUpdate(stream, 1_000));
    return this.outcome(stream, limit);
  }

  /** Waits until the server has sent its SETTINGS and has acknowledged `count` SETTINGS of the client. */
  async settled(count: number): Promise<void> {
    await until('the SETTINGS', () => {
      const frames = this.received(frameType.SETTINGS);
      const acks = frames.filter(({ flags }) => (flags & flag.ACK) !== 0).length;
      return (acks >= count && frames.length > acks) || this.closed;
    });
  }

  received(type: number): Frame[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  /** Returns the last value that the server has given to a setting. */
  setting(id: number, otherwise: number): number {
    let value = otherwise;
    for (const { payload } of this.received(frameType.SETTINGS)) {
      for (let at = 0; at < payload.length; at += 6) {
        if (payload.readUInt16BE(at) === id) value = payload.readUInt32BE(at + 2);
      }
    }
    return value;
  }

  /** Returns the sum of the increments that the server has given to one window. */
  credited(stream: number): number {
    return this.#credits.get(stream) ?? 0;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #receive(frame: Frame): void {
    const { type, flags, stream, payload } = frame;
    if (payload.length > 16_384) this.violations.push(`a frame of ${payload.length} bytes`);
    if (this.#block && type !== frameType.CONTINUATION) this.violations.push('a torn block');
    if (type === frameType.DATA) {
      this.#data(frame);
      return;
    }
    this.frames.push(frame);
    switch (type) {
      case frameType.HEADERS:
      case frameType.CONTINUATION:
        this.#headers(frame);
        break;
      case frameType.WINDOW_UPDATE:
        this.#credits.set(stream, this.credited(stream) + payload.readUInt32BE(0));
        break;
      case frameType.RST_STREAM:
        this.#event(stream, `RST_STREAM ${errorName(payload.readUInt32BE(0))}`);
        break;
      case frameType.GOAWAY: {
        const error = errorName(payload.readUInt32BE(4));
        if (error !== 'NO_ERROR') this.#event(0, `GOAWAY ${error}`);
        break;
      }
      case frameType.SETTINGS:
        if (this.#options.polite !== false && !(flags & flag.ACK)) this.send(settingsAck);
        break;
      case frameType.PING:
        if (this.#options.polite !== false && !(flags & flag.ACK)) {
          this.send(ping(payload, flag.ACK));
        }
    }
  }

  #data({ flags, stream, payload }: Frame): void {
    const received = this.stream(stream);
    if (!received.headers || received.ended) this.violations.push('DATA without its HEADERS');
    received.add(payload);
    if (this.#options.credit && payload.length > 0) {
      this.send(windowUpdate(0, payload.length), windowUpdate(stream, payload.length));
    }
    if (flags & flag.END_STREAM) this.#end(stream);
  }

  #headers({ type, flags, stream, payload }: Frame): void {
    if (type === frameType.HEADERS) {
      this.#block = { stream, ends: (flags & flag.END_STREAM) !== 0, parts: [] };
    }
    if (!this.#block || this.#block.stream !== stream) {
      this.violations.push('a stray CONTINUATION');
      return;
    }
    this.#block.parts.push(payload);
    if (!(flags & flag.END_HEADERS)) return;
    const { ends, parts } = this.#block;
    this.#block = undefined;
    const list = this.#decode(Buffer.concat(parts));
    if (!list) return;
    const received = this.stream(stream);
    if (received.ended) this.violations.push('HEADERS after the end of their stream');
    if (received.headers) received.trailers = list;
    else received.headers = list;
    if (ends) this.#end(stream);
  }

  #decode(block: Buffer): Header[] | undefined {
    try {
      return this.#hpack.decode(block);
    } catch (error) {
      this.violations.push((error as Error).message);
      this.#event(0, 'an invalid header block');
      return undefined;
    }
  }

  #end(stream: number): void {
    const received = this.stream(stream);
    received.ended = true;
    this.#event(stream, received.outcome);
  }

  #event(stream: number, what: string): void {
    this.events.push({ stream, what });
  }
}
