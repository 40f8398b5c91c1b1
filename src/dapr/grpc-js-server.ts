import type { Socket } from 'node:net';
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { type Codec, encode } from '../grpc/codec.ts';
import type { Method } from '../grpc/method.ts';
import type { GrpcServer, GrpcServerOptions, ServedConnection } from '../grpc/server.ts';
import {
  type Box,
  type CallContext,
  GrpcJsStreamingCall,
  GrpcJsUnaryCall,
} from './grpc-js-call.ts';

const grpcOptions = {
  // daprd may run with a larger --max-body-size than 4 MiB. The max_payload of NATS decides, with an
  // error that names both sizes.
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.enable_channelz': 0,
};

/**
 * Returns a server that runs on grpc-js. Each connection has a grpc-js server of its own, because the calls of
 * grpc-js do not tell connections of a Unix socket apart.
 */
export function createGrpcJsServer<Peer>(options: GrpcServerOptions<Peer>): GrpcServer<Peer> {
  const { methods, defect } = options;

  const serve = (socket: Socket, peer: Peer): ServedConnection => {
    const server = new Server(grpcOptions);
    for (const method of methods) register(server, method, { peer, path: method.path, defect });
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    // A peer that vanishes concerns nobody else; 'close' follows.
    socket.on('error', () => {});
    socket.on('close', () => injector.destroy());
    injector.injectConnection(socket);
    return {
      drain: (grace) => injector.drain(grace),
      destroy: () => socket.destroy(),
    };
  };
  return { serve };
}

function register<Peer>(server: Server, method: Method<Peer>, context: CallContext<Peer>): void {
  const { path } = method;
  const request: Codec<unknown> = method.request;
  const response: Codec<unknown> = method.response;
  const deserialize = (bytes: Buffer) => ({ message: request.decode(bytes, 0, bytes.length) });
  const serialize = ({ message }: Box<unknown>) => {
    try {
      return encode(response, message);
    } catch (error) {
      context.defect(error, path);
      throw error;
    }
  };
  if (method.kind === 'unary') {
    const handler = (
      call: ServerUnaryCall<Box<unknown>, Box<unknown>>,
      respond: sendUnaryData<Box<unknown>>,
    ) => {
      const unary = new GrpcJsUnaryCall(call, respond, context);
      unary.guard(() => method.handle(call.request.message, unary));
    };
    server.register(path, handler, serialize, deserialize, 'unary');
  } else {
    const handler = (stream: ServerDuplexStream<Box<unknown>, Box<unknown>>) => {
      const streaming = new GrpcJsStreamingCall(stream, context);
      streaming.guard(() => method.handle(streaming));
    };
    server.register(path, handler, serialize, deserialize, 'bidi');
  }
}
