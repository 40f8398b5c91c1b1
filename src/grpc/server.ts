import type { Socket } from 'node:net';
import type { Method } from './method.ts';

/** Serves gRPC on accepted sockets. Two implementations exist: ours, and one on grpc-js. */
export interface GrpcServer<Peer> {
  /** Serves one accepted connection until it closes; `peer` becomes part of each of its calls. */
  serve(socket: Socket, peer: Peer): ServedConnection;
}

export interface ServedConnection {
  /** Takes no new call, lets open calls end for `grace` milliseconds at most, and closes the connection. */
  drain(grace: number): void;
  /** Closes the connection at once. */
  destroy(): void;
}

export interface GrpcServerOptions<Peer> {
  methods: readonly Method<Peer>[];
  /** Told each defect: an error that a handler threw. */
  defect(error: unknown, path: string): void;
}
