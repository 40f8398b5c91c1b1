import {
  Metadata as GrpcJsMetadata,
  type ServerDuplexStream,
  type StatusObject,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { toFields } from '../grpc/metadata.ts';
import type { Metadata, StreamingCall, UnaryCall } from '../grpc/method.ts';
import { code, type MetadataEntries, type Status, StatusError } from '../grpc/status.ts';

/** Carries one message through grpc-js, which treats a message that is `null` or `undefined` as an end. */
export interface Box<Message> {
  readonly message: Message;
}

/** What each call needs besides the call of grpc-js. */
export interface CallContext<Peer> {
  peer: Peer;
  path: string;
  defect(error: unknown, path: string): void;
}

/** What is used of every call of grpc-js. */
interface AnyCall {
  readonly metadata: GrpcJsMetadata;
  getDeadline(): Date | number;
  sendMetadata(metadata: GrpcJsMetadata): void;
  on(event: 'cancelled', listener: () => void): unknown;
}

/** What unary and streaming calls share. */
abstract class GrpcJsCall<Peer> {
  readonly peer: Peer;
  readonly path: string;
  readonly metadata: Metadata;
  readonly timeout: number | undefined;
  onCancel: (() => void) | undefined;
  ended = false;
  readonly #call: AnyCall;
  readonly #defect: CallContext<Peer>['defect'];

  constructor(call: AnyCall, { peer, path, defect }: CallContext<Peer>) {
    this.#call = call;
    this.#defect = defect;
    this.peer = peer;
    this.path = path;
    this.metadata = new ReceivedMetadata(call.metadata);
    // grpc-js does not keep the timeout itself. For a unary call the request has arrived since.
    const deadline = Number(call.getDeadline());
    this.timeout = deadline === Infinity ? undefined : Math.max(0, deadline - Date.now());
    call.on('cancelled', () => {
      // grpc-js also says so after a call that its handler has ended.
      if (this.ended) return;
      this.ended = true;
      this.guard(() => this.onCancel?.());
    });
  }

  sendMetadata(metadata: MetadataEntries): void {
    if (!this.ended) this.#call.sendMetadata(toGrpcJs(metadata));
  }

  /** Runs a function of the handler. An error that it throws ends the call, and is a defect unless it is a status. */
  guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      const known = error instanceof StatusError;
      if (!known) this.#defect(error, this.path);
      if (this.ended) return;
      this.breakOff(known ? error.status : { code: code.INTERNAL, message: 'internal error' });
      this.guard(() => this.onCancel?.());
    }
  }

  protected abstract breakOff(status: Status): void;
}

export class GrpcJsUnaryCall<Response, Peer>
  extends GrpcJsCall<Peer>
  implements UnaryCall<Response, Peer>
{
  readonly #respond: sendUnaryData<Box<Response>>;

  constructor(call: AnyCall, respond: sendUnaryData<Box<Response>>, context: CallContext<Peer>) {
    super(call, context);
    this.#respond = respond;
  }

  answer(response: Response, trailers: MetadataEntries = []): void {
    if (this.ended) return;
    const metadata = toGrpcJs(trailers);
    this.ended = true;
    this.#respond(null, { message: response }, metadata);
  }

  fail(status: Status): void {
    if (this.ended) return;
    const response = toStatusResponse(status);
    this.ended = true;
    this.#respond(response);
  }

  protected override breakOff(status: Status): void {
    this.fail(status);
  }
}

export class GrpcJsStreamingCall<Request, Response, Peer>
  extends GrpcJsCall<Peer>
  implements StreamingCall<Request, Response, Peer>
{
  onMessage: ((request: Request) => void) | undefined;
  onEnd: (() => void) | undefined;
  onRoom: (() => void) | undefined;
  readonly #stream: ServerDuplexStream<Box<Request>, Box<Response>>;

  constructor(stream: ServerDuplexStream<Box<Request>, Box<Response>>, context: CallContext<Peer>) {
    super(stream, context);
    this.#stream = stream;
    const unlessEnded = (run: () => void) => {
      if (!this.ended) this.guard(run);
    };
    stream.on('data', ({ message }: Box<Request>) => unlessEnded(() => this.onMessage?.(message)));
    stream.on('end', () => unlessEnded(() => this.onEnd?.()));
    stream.on('drain', () => unlessEnded(() => this.onRoom?.()));
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  write(response: Response): boolean {
    return !this.ended && this.#stream.write({ message: response });
  }

  end(status: Status = { code: code.OK }): void {
    if (this.ended) return;
    if (status.code === code.OK) {
      const metadata = toGrpcJs(status.trailers ?? []);
      this.ended = true;
      this.#stream.end(metadata);
    } else {
      const response = toStatusResponse(status);
      this.ended = true;
      // grpc-js ends the call with it after what was written.
      this.#stream.emit('error', response);
    }
  }

  protected override breakOff(status: Status): void {
    this.end(status);
  }
}

/**
 * The metadata of a request. Node joins the values of a name that comes more than once with a comma, and a
 * value may have a comma of its own, so {@link get} returns such values as one.
 */
class ReceivedMetadata implements Metadata {
  readonly #metadata: GrpcJsMetadata;

  constructor(metadata: GrpcJsMetadata) {
    this.#metadata = metadata;
  }

  get(name: string): (string | Buffer)[] {
    return this.#metadata.get(name);
  }

  *entries(): Generator<[name: string, value: string | Buffer]> {
    for (const [name, values] of Object.entries(this.#metadata.toJSON())) {
      for (const value of values) yield [name, value];
    }
  }
}

/** Returns metadata for grpc-js, without what a header field cannot hold: grpc-js throws for it. */
function toGrpcJs(entries: MetadataEntries): GrpcJsMetadata {
  const metadata = new GrpcJsMetadata();
  for (const [name, value] of toFields(entries)) {
    metadata.add(name, name.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
  }
  return metadata;
}

function toStatusResponse(status: Status): Partial<StatusObject> {
  // grpc-js calls encodeURI, which throws for half of a surrogate pair.
  const details = (status.message ?? '').toWellFormed();
  return { code: status.code, details, metadata: toGrpcJs(status.trailers ?? []) };
}
