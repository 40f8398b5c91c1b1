import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import type { ProcessCounts } from '../component/counters.ts';
import { type ComponentStatus, loadInstance, Sessions } from '../component/sessions.ts';
import type { Logger } from '../log.ts';
import { within } from '../within.ts';
import { serverDefinition } from './contract.ts';
import { OrphanWatch } from './orphan.ts';
import { createReflection } from './reflection.ts';
import { createService, features } from './service.ts';
import { Sidecar, type SidecarOptions } from './sidecar.ts';
import { listenAtSocket } from './socket.ts';

export interface ServerOptions {
  socketFolder: string;
  socketName: string;
  socketMode: number;
  /** The one daprd that is served, where it is known. */
  sidecar?: SidecarOptions | undefined;
  restartOrphanedSidecar?: boolean;
  log: Logger;
}

/** The whole process as it is now. */
export interface ServerStatus {
  /** `orphaned`: a daprd is served that has outlived the process it had initialised. */
  state: 'serving' | 'orphaned' | 'stopping';
  components: ComponentStatus[];
  counts: ProcessCounts;
}

export interface RunningServer {
  /** Path of the socket. */
  path: string;
  /** Whether the file there still is this process' socket, so that a daprd which starts finds it. */
  inPlace(): Promise<boolean>;
  status(): ServerStatus;
  /** Resolves once every daprd has gone, or after `limit` milliseconds. */
  hostsGone(limit: number): Promise<void>;
  /** Has NATS asked for what it alone knows: backlogs. Never rejects. */
  refresh(): Promise<void>;
  /**
   * Removes the socket, gives back every unsettled message, closes every connection. Takes at most
   * 4.5 s: what the rooms below do is bounded.
   */
  stop(): Promise<void>;
}

const grpcOptions = {
  // daprd may run with a larger --max-body-size than 4 MiB: NATS' max_payload decides, with an
  // error that names both sizes.
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.enable_channelz': 0,
};

/** How often it is looked whether the hosts have gone. Unit: milliseconds. */
const lookInterval = 50;

/** How long an answer still on its way may take at the end. Unit: milliseconds. */
const lastAnswers = 500;

/**
 * Serves the contract on the socket, with one gRPC server for each accepted connection.
 *
 * Each Component of each daprd dials a connection of its own, and several daprds may share the
 * socket: only the connection tells them apart (host.md: "Connections and instances").
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { log } = options;
  const health = new HealthImplementation({ '': 'SERVING' });
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
  const definition = serverDefinition();
  const reflection = createReflection();
  const open = new Map<Socket, { drain(graceTimeMs: number): void }>();

  const serve = (socket: Socket) => {
    const connection = sessions.open();
    const grpc = new GrpcServer(grpcOptions);
    grpc.addService(definition, createService(sessions, connection, log));
    reflection.addToServer(grpc);
    health.addToServer(grpc);
    const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
    open.set(socket, injector);
    // A peer that vanishes or sends no HTTP/2 at all concerns nobody but itself.
    socket.on('error', (error) => log.debug(`connection ended: ${error.message}`));
    socket.on('close', () => {
      open.delete(socket);
      injector.destroy();
      sessions.close(connection);
    });
    injector.injectConnection(socket);
  };

  const listener = createServer(serve);
  const { path, inPlace, remove } = await listenAtSocket(listener, {
    folder: options.socketFolder,
    name: options.socketName,
    mode: options.socketMode,
  });
  listener.on('error', (error) => log.error(`socket ${path}: ${error.message}`));
  // Meanwhile the host dials. Whoever needs it hears of a failure.
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
    for (const injector of open.values()) injector.drain(lastAnswers);
    await within(lastAnswers, closed);
    // A peer that neither reads nor closes its end must not keep the process.
    for (const socket of open.keys()) socket.destroy();
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
