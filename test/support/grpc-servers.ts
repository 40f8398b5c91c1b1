import { once } from 'node:events';
import { createServer, type ListenOptions, type Socket } from 'node:net';
import { createGrpcJsServer } from '../../src/dapr/grpc-js-server.ts';
import { Http2Server, type Http2ServerOptions } from '../../src/grpc/http2-server.ts';
import type { GrpcServer } from '../../src/grpc/server.ts';

/** The two servers that serve the same methods. */
export const serverKinds = ['own', 'grpc-js'] as const;

export type ServerKind = (typeof serverKinds)[number];

/** The server that the outside suites judge; `JUDGES_SERVER` names another than our own. */
export function judgedServer(): ServerKind {
  const name = process.env.JUDGES_SERVER || 'own';
  const kind = serverKinds.find((known) => known === name);
  if (kind) return kind;
  throw new Error(`JUDGES_SERVER is ${name}: set it to ${serverKinds.join(' or ')}, or unset it`);
}

export function createGrpcServer<Peer>(
  kind: ServerKind,
  options: Http2ServerOptions<Peer>,
): GrpcServer<Peer> {
  return kind === 'own' ? new Http2Server(options) : createGrpcJsServer(options);
}

/** Accepts connections and hands each to `serve`. The end closes all of them. */
export async function listen(
  where: ListenOptions,
  serve: (socket: Socket) => void,
): Promise<{ port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    serve(socket);
  });
  listener.listen(where);
  await once(listener, 'listening');
  const address = listener.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    [Symbol.asyncDispose]: async () => {
      const closed = once(listener, 'close');
      listener.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
