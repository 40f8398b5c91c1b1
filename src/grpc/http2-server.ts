import type { Socket } from 'node:net';
import { BusyPoll } from './busy-poll.ts';
import { type CallHead, readCallHead } from './call-head.ts';
import { Connection, type Pressure } from './http2/connection.ts';
import { defaultLimits, type Limits } from './limits.ts';
import type { Method } from './method.ts';
import { RefusedCall } from './refused-call.ts';
import type { GrpcServer, GrpcServerOptions, ServedConnection } from './server.ts';
import { ServedStreamingCall } from './streaming-call.ts';
import { Totals } from './totals.ts';
import { ServedUnaryCall } from './unary-call.ts';

/** Idle connections that are closed at once when there are too many: to find them takes time. */
const closedAtOnce = 32;

/** A connection that has been without a call for so long may be about to make one. Unit: milliseconds. */
const freshFor = 1_000;

export interface Http2ServerOptions<Peer> extends GrpcServerOptions<Peer> {
  limits?: Partial<Limits>;
  /** Told when a connection was ended for what its peer did. */
  dropped?(reason: string): void;
  /** Whether a connection is kept when there are too many, since its peer is known. */
  keeps?(peer: Peer): boolean;
}

/** Serves gRPC over HTTP/2 in plain text, on sockets that others accept. */
export class Http2Server<Peer> implements GrpcServer<Peer> {
  readonly #options: Http2ServerOptions<Peer>;
  readonly #limits: Limits;
  readonly #methods: ReadonlyMap<string, Method<Peer>>;
  readonly #totals = new Totals();
  readonly #poll = new BusyPoll();
  readonly #connections = new Map<Connection<CallHead>, Peer>();

  constructor(options: Http2ServerOptions<Peer>) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#methods = new Map(options.methods.map((method) => [method.path, method]));
  }

  serve(socket: Socket, peer: Peer): ServedConnection {
    const { defect, dropped } = this.#options;
    const options = { peer, defect, poll: this.#poll };
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
      onPressure: (kind) => this.#relieve(kind),
      onDefect: (error) => defect(error, ''),
    });
    this.#connections.set(connection, peer);
    if (this.#connections.size > this.#limits.connections) this.#makeRoom(connection);
    return connection;
  }

  /** Closes connections that nobody keeps: those without a call for longest, else the oldest. */
  #makeRoom(newest: Connection): void {
    const reason = `there are more than ${this.#limits.connections} connections`;
    const candidates = [...this.#connections]
      .filter(([connection, peer]) => connection !== newest && !this.#options.keeps?.(peer))
      .map(([connection]) => connection);
    const before = performance.now() - freshFor;
    const idle = candidates.filter(
      ({ idleSince }) => idleSince !== undefined && idleSince < before,
    );
    const oldest = idle.toSorted((a, b) => (a.idleSince ?? 0) - (b.idleSince ?? 0));
    for (const connection of oldest.slice(0, closedAtOnce)) connection.abandon(reason);
    if (idle.length > 0) return;
    // The oldest, not the newest: in a flood the newest may be of a client that behaves.
    const [first = newest] = candidates;
    first.abandon(reason);
  }

  /** Closes a connection: of what waits for windows, the one with the most; else the one that stalls for longest. */
  #relieve(kind: Pressure): void {
    const all = [...this.#connections.keys()];
    const [worst] =
      kind === 'queued'
        ? all.toSorted((a, b) => b.queued - a.queued)
        : all.toSorted((a, b) => a.stalledSince - b.stalledSince);
    worst?.abandon('the client reads too slowly, and too much waits for slow clients');
  }
}
