import type { Socket } from 'node:net';
import { type CallHead, readCallHead } from './call-head.ts';
import { Connection } from './http2/connection.ts';
import { defaultLimits, type Limits } from './limits.ts';
import type { Method } from './method.ts';
import { RefusedCall } from './refused-call.ts';
import type { GrpcServer, GrpcServerOptions, ServedConnection } from './server.ts';
import { ServedStreamingCall } from './streaming-call.ts';
import { Totals } from './totals.ts';
import { ServedUnaryCall } from './unary-call.ts';

export interface Http2ServerOptions<Peer> extends GrpcServerOptions<Peer> {
  limits?: Partial<Limits>;
  /** Told when a connection was ended for what its peer did. */
  dropped?(reason: string): void;
}

/** Serves gRPC over HTTP/2 in plain text, on sockets that others accept. */
export class Http2Server<Peer> implements GrpcServer<Peer> {
  readonly #options: Http2ServerOptions<Peer>;
  readonly #limits: Limits;
  readonly #methods: ReadonlyMap<string, Method<Peer>>;
  readonly #totals = new Totals();
  readonly #connections = new Set<Connection<CallHead>>();

  constructor(options: Http2ServerOptions<Peer>) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#methods = new Map(options.methods.map((method) => [method.path, method]));
  }

  serve(socket: Socket, peer: Peer): ServedConnection {
    if (this.#connections.size >= this.#limits.connections) this.#makeRoom();
    const { defect, dropped } = this.#options;
    const options = { peer, defect };
    const methods = this.#methods as ReadonlyMap<string, Method>;
    const connection: Connection<CallHead> = new Connection(socket, {
      limits: this.#limits,
      totals: this.#totals,
      readHead: (request) => readCallHead(methods, request),
      openStream: (connection, id, head) => {
        if (head.kind !== 'call') return new RefusedCall(connection, id, head);
        return head.method.kind === 'unary'
          ? new ServedUnaryCall(connection, id, head, options)
          : new ServedStreamingCall(connection, id, head, options);
      },
      onClosed: (reason) => {
        this.#connections.delete(connection);
        if (reason !== undefined) dropped?.(reason);
      },
      onPressure: () => this.#relieve(),
      onDefect: (error) => defect(error, ''),
    });
    this.#connections.add(connection);
    return connection;
  }

  /** Closes the connection that has been without a call for longest; the newest one if all have calls. */
  #makeRoom(): void {
    let longest: Connection | undefined;
    for (const connection of this.#connections) {
      const since = connection.idleSince;
      if (since === undefined) continue;
      if (since < (longest?.idleSince ?? Number.POSITIVE_INFINITY)) longest = connection;
    }
    longest ??= [...this.#connections].at(-1);
    longest?.abandon(`there are more than ${this.#limits.connections} connections`);
  }

  /** Closes the connection that has taken nothing for longest. */
  #relieve(): void {
    let longest: Connection | undefined;
    for (const connection of this.#connections) {
      const since = connection.stalledSince;
      if (since < (longest?.stalledSince ?? Number.POSITIVE_INFINITY)) longest = connection;
    }
    longest?.abandon('it does not read, and too much waits for peers that do not');
  }
}
