import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessCounts } from '../component/counters.ts';
import {
  type ComponentStatus,
  type Connection,
  loadInstance,
  Sessions,
} from '../component/sessions.ts';
import { messageOf } from '../errors.ts';
import { Http2Server, type Http2ServerOptions } from '../grpc/http2-server.ts';
import type { GrpcServer, ServedConnection } from '../grpc/server.ts';
import type { Logger } from '../log.ts';
import { within } from '../within.ts';
import { Health } from './health.ts';
import { OrphanWatch } from './orphan.ts';
import { reflectionMethods } from './reflection.ts';
import { features, pubSubMethods } from './service.ts';
import { Sidecar, type SidecarOptions } from './sidecar.ts';
import { listenAtSocket } from './socket.ts';

export interface ServerOptions {
  socketFolder: string;
  socketName: string;
  socketMode: number;
  /** The one daprd that is served, if it is known. */
  sidecar?: SidecarOptions | undefined;
  restartOrphanedSidecar?: boolean;
  /** `own` is src/grpc; `grpc-js` is the library. */
  grpcServer: 'own' | 'grpc-js';
  log: Logger;
}

/** The whole process as it is now. */
export interface ServerStatus {
  /** `orphaned`: a daprd has outlived the component process that it had initialised. */
  state: 'serving' | 'orphaned' | 'stopping';
  components: ComponentStatus[];
  counts: ProcessCounts;
}

export interface RunningServer {
  /** Path of the socket. */
  path: string;
  /** Whether the file at the path is still this process' socket, so that a starting daprd finds it. */
  inPlace(): Promise<boolean>;
  status(): ServerStatus;
  /** Resolves once every daprd has gone, or after `limit` milliseconds. */
  hostsGone(limit: number): Promise<void>;
  /** Refreshes the backlogs from NATS. Never rejects. */
  refresh(): Promise<void>;
  /**
   * Removes the socket, gives back every unsettled message and closes every connection. Takes at most 4.5 s:
   * instances may take 4 s, the last answers 0.5 s.
   */
  stop(): Promise<void>;
}

/** How often the server checks whether every daprd has gone. Unit: milliseconds. */
const lookInterval = 50;

/** How long the last answers may take when the process stops. Unit: milliseconds. */
const lastAnswers = 500;

/** Least time between two log lines about connections that broke the rules. Unit: milliseconds. */
const dropInterval = 1_000;

/**
 * Serves the contract on the socket.
 *
 * Each Component of each daprd dials a connection of its own, and several daprds may share the socket. Only the
 * connection tells them apart, so it is part of each call (docs/decisions/0002-state-per-connection.md).
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { log } = options;
  const health = new Health();
  health.setStatus('', 'SERVING');
  let state: ServerStatus['state'] = 'serving';
  const orphans = new OrphanWatch({
    type: `pubsub.${options.socketName}`,
    feature: features[0],
    sidecar: options.sidecar && new Sidecar(options.sidecar),
    restart: options.restartOrphanedSidecar === true,
    orphaned: (is) => {
      health.setStatus('', is ? 'NOT_SERVING' : 'SERVING');
      if (state !== 'stopping') state = is ? 'orphaned' : 'serving';
    },
    log,
  });
  const sessions = new Sessions({
    log,
    initialised: (name) => orphans.initialised(name),
    neverInitialised: (name) => orphans.called(name),
  });
  const grpc = await createGrpcServer(options.grpcServer, {
    methods: [...pubSubMethods(sessions, log), ...reflectionMethods(), ...health.methods],
    defect: (error, path) =>
      log.error({ err: error }, `internal error in ${path || 'a connection'}: ${messageOf(error)}`),
    dropped: dropLogger(log),
    keeps: (connection) => sessions.isInUse(connection),
  });
  const open = new Map<Socket, ServedConnection>();

  const serve = (socket: Socket) => {
    const connection = sessions.open();
    socket.on('close', () => {
      open.delete(socket);
      sessions.close(connection);
    });
    open.set(socket, grpc.serve(socket, connection));
  };

  const listener = createServer(serve);
  const { path, inPlace, remove } = await listenAtSocket(listener, {
    folder: options.socketFolder,
    name: options.socketName,
    mode: options.socketMode,
  });
  listener.on('error', (error) => log.error(`socket ${path}: ${error.message}`));
  // Meanwhile daprd dials. The first Init reports a failure.
  setImmediate(() => loadInstance().catch(() => undefined));

  const hostsGone = async (limit: number) => {
    const deadline = performance.now() + limit;
    while (sessions.hosts > 0 && performance.now() < deadline) await sleep(lookInterval);
  };

  const stop = async () => {
    orphans.stop();
    state = 'stopping';
    health.setStatus('', 'NOT_SERVING');
    await remove();
    const closed = new Promise<void>((done) => listener.close(() => done()));
    await sessions.closeAll();
    for (const served of open.values()) served.drain(lastAnswers);
    await within(lastAnswers, closed);
    // A peer that neither reads nor closes its connection must not keep the process alive.
    for (const served of open.values()) served.destroy();
    await closed;
  };
  return {
    path,
    inPlace,
    status: () => ({ state, components: sessions.status(), counts: sessions.counts }),
    hostsGone,
    refresh: () => sessions.refreshBacklogs(),
    stop,
  };
}

type DaprServerOptions = Http2ServerOptions<Connection>;

async function createGrpcServer(
  name: ServerOptions['grpcServer'],
  options: DaprServerOptions,
): Promise<GrpcServer<Connection>> {
  if (name === 'own') return new Http2Server(options);
  // Loaded only if it is used: loading it takes as long as everything else at start.
  const { createGrpcJsServer } = await import('./grpc-js-server.ts');
  return createGrpcJsServer(options);
}

/** Returns a function that logs why a connection was closed, and how many closed connections were not logged. */
function dropLogger(log: Logger): (reason: string) => void {
  let last = Number.NEGATIVE_INFINITY;
  let silent = 0;
  return (reason) => {
    const now = performance.now();
    if (now - last < dropInterval) {
      silent++;
      return;
    }
    log.warn(
      { ...(silent > 0 ? { others: silent } : {}) },
      `closed a connection to the socket: ${reason}`,
    );
    last = now;
    silent = 0;
  };
}
