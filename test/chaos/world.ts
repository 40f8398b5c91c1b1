import { App, type AppOptions } from '../support/app.ts';
import { startCluster } from '../support/cluster.ts';
import { startComponent } from '../support/component.ts';
import { component, Daprd } from '../support/daprd.ts';
import { NatsServer, type NatsServerOptions } from '../support/nats-server.ts';
import { freePort } from '../support/ports.ts';
import { Supervisor } from '../support/supervisor.ts';
import { temporaryFolder } from '../support/temp.ts';

/** What is put to the test: this component, or the one that is built into daprd. */
export type Peer = 'ours' | 'built-in';

export interface WorldOptions {
  peer: Peer;
  /** Which daprd; the built-in component is only in the larger one. */
  binary: 'daprd' | 'daprd-allcomponents';
  nats?: NatsServerOptions;
  cluster?: boolean;
  /** Takes what the processes of the pods say. */
  log?: (line: string) => void;
}

export interface PodOptions {
  appId: string;
  app?: Partial<AppOptions>;
  /** Metadata of the Component, beside natsURL. */
  metadata?: Record<string, string>;
}

/** One app with what an orchestrator would put beside it, each started again when it ends. */
export interface Pod {
  daprd: Daprd;
  /** Undefined for the built-in, which is part of daprd, and without an app. */
  component: Supervisor | undefined;
  app: App | undefined;
}

/** NATS and the pods of one scenario. */
export class World {
  /** Those that are not disposed of yet. */
  static readonly open = new Set<World>();
  readonly peer: Peer;
  readonly nodes: NatsServer[];
  readonly #options: WorldOptions;
  readonly #stack: AsyncDisposableStack;

  private constructor(options: WorldOptions, nodes: NatsServer[], stack: AsyncDisposableStack) {
    this.peer = options.peer;
    this.#options = options;
    this.nodes = nodes;
    this.#stack = stack;
    World.open.add(this);
  }

  /** Ends this process, and what it has started, at SIGINT and SIGTERM. */
  static endAtSignals(): void {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      // A terminal and npm may both send it.
      let stopping = false;
      process.on(signal, async () => {
        if (stopping) return;
        stopping = true;
        process.stderr.write('\nstopping\n');
        await Promise.all([...World.open].map((world) => world[Symbol.asyncDispose]()));
        process.exit(1);
      });
    }
  }

  static async start(options: WorldOptions): Promise<World> {
    await using stack = new AsyncDisposableStack();
    const nodes = options.cluster
      ? stack.use(await startCluster()).nodes
      : [stack.use(await NatsServer.start(options.nats))];
    return new World(options, nodes, stack.move());
  }

  get nats(): NatsServer {
    return this.nodes[0] as NatsServer;
  }

  /** Resolves when daprd says that it runs. */
  async pod({ appId, app: appOptions, metadata = {} }: PodOptions): Promise<Pod> {
    const ours = this.peer === 'ours';
    const { binary, log } = this.#options;
    const logOf = (process: string) => (line: string) => log?.(`${appId} ${process}: ${line}`);
    const onLine = logOf('component');
    const folder = this.#stack.use(await temporaryFolder());
    const httpPort = await freePort();
    const app =
      appOptions &&
      this.#stack.use(
        await App.start({ protocol: 'http', pubsub: 'pubsub', topics: ['orders'], ...appOptions }),
      );
    const args = ['--restart-orphaned-sidecar', '--sidecar-url', `http://127.0.0.1:${httpPort}`];
    const server = ours
      ? this.#stack.use(
          await Supervisor.start(() => startComponent({ folder: folder.path, args, onLine })),
        )
      : undefined;
    const natsURL = this.nodes.map(({ url }) => url).join(',');
    const type = ours ? 'pubsub.nats-jetstream' : 'pubsub.jetstream';
    const daprd = this.#stack.use(
      await Daprd.start({
        appId,
        sockets: folder.path,
        resources: [component('pubsub', { natsURL, ...metadata }, type)],
        ...(app ? { app } : {}),
        httpPort,
        binary,
        supervised: true,
        onLine: logOf('daprd'),
      }),
    );
    return { daprd, component: server, app };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    World.open.delete(this);
    await this.#stack.disposeAsync();
  }
}
