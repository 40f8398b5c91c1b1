import type { BusyPoll } from './busy-poll.ts';
import type { CallHead } from './call-head.ts';
import type { HeaderBlock } from './http2/frame-writer.ts';
import { ConstantField, constantRoom, literalSize } from './http2/header-encoder.ts';
import type { StreamConnection } from './http2/stream.ts';
import { Stream } from './http2/stream.ts';
import { MessageReader, type MessageSink } from './message-reader.ts';
import { percentEncode, toFields } from './metadata.ts';
import type { Metadata, Method } from './method.ts';
import { Reserved } from './reserved.ts';
import { code, type MetadataEntries, type Status, StatusError } from './status.ts';
import { longestTimer } from './timeout.ts';

/** Field values that nearly every answer has. */
export const contentType = new ConstantField('content-type', 'application/grpc');
export const statusOk = new ConstantField('grpc-status', '0');

export interface CallOptions {
  /** Counts open unary calls. */
  poll: BusyPoll;
  peer: unknown;
  /** Told what a handler throws. */
  defect(error: unknown, path: string): void;
}

/** A call that a method serves: what unary and streaming calls have in common. */
export abstract class ServedCall extends Stream implements MessageSink {
  readonly peer: unknown;
  readonly path: string;
  readonly metadata: Metadata;
  readonly timeout: number | undefined;
  onCancel: (() => void) | undefined;
  readonly method: Method;
  protected readonly reader: MessageReader;
  /** Whether the response's headers are sent. */
  protected begun = false;
  /** Whether the call was answered, failed or cancelled: nothing that the handler does counts any more. */
  protected over = false;
  protected readonly options: CallOptions;
  readonly #held: Reserved;
  /** Bytes of its header list that count as held. */
  readonly #headSize: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    connection: StreamConnection,
    id: number,
    head: Extract<CallHead, { kind: 'call' }>,
    options: CallOptions,
  ) {
    super(connection, id);
    this.options = options;
    this.peer = options.peer;
    this.path = head.path;
    this.metadata = head.metadata;
    this.method = head.method;
    this.timeout = head.timeout;
    this.reader = new MessageReader(connection, this);
    this.#held = new Reserved(connection);
    this.#headSize = head.size;
    if (head.timeout !== undefined && head.timeout <= longestTimer) {
      this.#timer = setTimeout(() => this.#late(), head.timeout);
    }
  }

  onOpen(): void {
    this.attempt(() => this.hold(0));
    if (!this.over) this.start();
  }

  /** Called once when the call has come. */
  protected abstract start(): void;

  /**
   * Says how many bytes of the request the call holds.
   *
   * @throws StatusError when there is no room for so many
   */
  protected hold(bytes: number): void {
    this.#held.set(this.#headSize + bytes);
  }

  abstract readonly paused: boolean;
  abstract message(bytes: Buffer, start: number, end: number): void;

  sendMetadata(metadata: MetadataEntries): void {
    if (this.begun || this.over) return;
    this.begun = true;
    const fields = toFields(metadata);
    this.connection.writer.headers(this.id, 0, roomFor(fields), responseBlock(fields));
  }

  onAbort(): void {
    if (this.over) return;
    this.settle();
    this.attempt(() => this.onCancel?.());
  }

  /** Ends the call with a status. An error of a call that has sent nothing is one header block. */
  protected finish(status: Status): void {
    if (this.over) return;
    this.settle();
    const begins = !this.begun && status.code !== code.OK;
    if (!this.begun && !begins) this.#begin();
    const fields = toFields(status.trailers ?? []);
    if (status.code !== code.OK) {
      const text = percentEncode(status.message ?? '');
      fields.unshift(['grpc-status', `${status.code}`], ['grpc-message', text]);
    }
    this.sendTrailers(roomFor(fields), (encoder, target, at) => {
      let end = at;
      if (begins) end = encoder.constant(target, encoder.status200(target, end), contentType);
      if (status.code === code.OK) end = encoder.constant(target, end, statusOk);
      for (const [name, value] of fields) end = encoder.literal(target, end, name, value);
      return end;
    });
  }

  /** @throws StatusError when the bytes are not a request */
  protected decode(bytes: Buffer, start: number, end: number): unknown {
    try {
      return this.method.request.decode(bytes, start, end);
    } catch (error) {
      const message = `the request cannot be decoded: ${(error as Error).message}`;
      throw new StatusError({ code: code.INTERNAL, message });
    }
  }

  /** Runs something of the handler's; what it throws ends the call. */
  protected attempt(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.failed(error);
    }
  }

  /** Ends the call for an error that its handler did not choose. A defect is told of after the end, too. */
  protected failed(error: unknown): void {
    const known = error instanceof StatusError;
    if (!known) this.options.defect(error, this.path);
    this.giveUp(known ? error.status : { code: code.INTERNAL, message: 'internal error' });
  }

  /** Ends the call with a status, and tells its handler. */
  protected giveUp(status: Status): void {
    if (this.over) return;
    this.finish(status);
    this.attempt(() => this.onCancel?.());
  }

  /** Nothing that the handler or the client does counts any more. */
  protected settle(): void {
    this.over = true;
    clearTimeout(this.#timer);
    this.reader.discard();
    this.#held.set(0);
  }

  #begin(): void {
    this.begun = true;
    this.connection.writer.headers(this.id, 0, constantRoom, responseBlock([]));
  }

  #late(): void {
    this.giveUp({ code: code.DEADLINE_EXCEEDED, message: 'the call took longer than its timeout' });
  }
}

type Fields = readonly (readonly [name: string, value: string])[];

/** Returns the header block that a response begins with. */
export function responseBlock(fields: Fields): HeaderBlock {
  return (encoder, target, at) => {
    let end = encoder.constant(target, encoder.status200(target, at), contentType);
    for (const [name, value] of fields) end = encoder.literal(target, end, name, value);
    return end;
  };
}

/** Returns the most bytes that a block with these fields takes. */
export function roomFor(fields: Fields): number {
  let room = constantRoom;
  for (const [name, value] of fields) room += literalSize(name, value);
  return room;
}
