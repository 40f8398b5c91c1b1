import { join } from 'node:path';
import {
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js';
import type { Codec } from '../../src/grpc/codec.ts';
import type { Method, StreamingMethod, UnaryMethod } from '../../src/grpc/method.ts';
import type { ServedConnection } from '../../src/grpc/server.ts';
import { createGrpcServer, listen, type ServerKind } from './grpc-servers.ts';
import { temporaryFolder } from './temp.ts';

/** A message is its text. `bad` cannot be read, and `bad` cannot be written. */
const text: Codec<string> = {
  decode: (bytes, start, end) => {
    const message = bytes.toString('utf8', start, end);
    if (message === 'bad') throw new Error('the message is bad');
    return message;
  },
  size: (message) => {
    if (message === 'bad') throw new Error('the message is bad');
    return Buffer.byteLength(message);
  },
  write: (message, target, at) => {
    target.write(message, at);
  },
};

type Peer = { number: number };

export const unaryPath = '/test.Service/Unary';
export const streamPath = '/test.Service/Stream';

export interface Handlers {
  unary?: UnaryMethod<string, string, Peer>['handle'];
  stream?: StreamingMethod<string, string, Peer>['handle'];
}

export interface Outcome {
  response: string | undefined;
  status: StatusObject;
  metadata: Metadata;
}

/** Serves a unary and a streaming method whose messages are text, for a client on a Unix socket. */
export async function textServer(kind: ServerKind, { unary, stream }: Handlers) {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const path = join(folder.path, 'socket');
  const defects: unknown[] = [];
  const connections: ServedConnection[] = [];
  const codecs = { request: text, response: text };
  const methods: Method<Peer>[] = [];
  if (unary) methods.push({ kind: 'unary', path: unaryPath, ...codecs, handle: unary });
  if (stream) methods.push({ kind: 'streaming', path: streamPath, ...codecs, handle: stream });
  const server = createGrpcServer<Peer>(kind, {
    methods,
    defect: (error) => defects.push(error),
  });
  stack.use(
    await listen({ path }, (socket) => {
      connections.push(server.serve(socket, { number: connections.length + 1 }));
    }),
  );
  const client = new Client(`unix:${path}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  stack.defer(() => client.close());

  return {
    defects,
    connections,
    /** Makes a unary call. */
    call: (request: string, options: { metadata?: Metadata; timeout?: number } = {}) =>
      new Promise<Outcome>((resolve) => {
        let headers = new Metadata();
        let answer: string | undefined;
        const call = client.makeUnaryRequest(
          unaryPath,
          Buffer.from,
          String,
          request,
          options.metadata ?? new Metadata(),
          deadlineIn(options.timeout),
          (_: ServiceError | null, response?: string) => {
            answer = response;
          },
        );
        call.on('metadata', (received) => {
          headers = received;
        });
        call.on('status', (status) => {
          // The callback comes in the same turn.
          setImmediate(() => resolve({ response: answer, status, metadata: headers }));
        });
      }),
    /** Opens a stream, and collects what arrives. */
    open: (options: { metadata?: Metadata; timeout?: number } = {}) =>
      new OpenStream(
        client.makeBidiStreamRequest(
          streamPath,
          Buffer.from,
          String,
          options.metadata ?? new Metadata(),
          deadlineIn(options.timeout),
        ),
      ),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function deadlineIn(timeout = 20_000): { deadline: number } {
  return { deadline: Date.now() + timeout };
}

/** The client's side of a stream. */
export class OpenStream {
  readonly call: ClientDuplexStream<string, string>;
  readonly received: string[] = [];
  /** How the stream ended. */
  readonly status: Promise<StatusObject>;

  constructor(call: ClientDuplexStream<string, string>) {
    this.call = call;
    call.on('data', (response: string) => this.received.push(response));
    call.on('error', () => {});
    this.status = new Promise((resolve) => call.on('status', resolve));
  }
}
