import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { type ConnectionOptions, connect, type NatsConnection } from '@nats-io/transport-node';
import { type BinaryName, resolveBinary } from '../../tools/binaries.ts';
import { Child } from './child.ts';
import { freePort } from './ports.ts';
import { temporaryFolder } from './temp.ts';
import { until } from './wait.ts';

export interface NatsServerOptions {
  /** Not to be reached by a Ctrl-C at the terminal. */
  detached?: boolean;
  /** Lines added to its configuration. */
  config?: string;
  /** How the test itself connects, where the server asks for more; false: not at all. */
  client?: Partial<ConnectionOptions> | false;
  binary?: NatsServerBinary;
}

export type NatsServerBinary = Extract<BinaryName, `nats-server${string}`>;

/**
 * A configuration with a jetstream block of its own gets the store put into it; one that says
 * `jetstream: disabled` stays without.
 */
function jetstream(store: string, config: string): string {
  if (/^jetstream: disabled$/m.test(config)) return config;
  const own = /^jetstream \{/m;
  if (own.test(config)) return config.replace(own, `jetstream { store_dir: ${store}, `);
  return `jetstream { store_dir: ${store} }\n${config}`;
}

/** A real nats-server with JetStream on loopback, its store in a temporary folder. */
export class NatsServer {
  readonly port: number;
  readonly #monitorPort: number;
  /** Replaces the lines added to the configuration; counts from the next start, or {@link reload}. */
  readonly configure: (config: string) => Promise<void>;
  readonly #client: NatsConnection | undefined;
  readonly #api: JetStreamManager | undefined;
  #child: Child;
  readonly #start: () => Promise<Child>;
  readonly #stack: AsyncDisposableStack;

  private constructor(fields: {
    port: number;
    monitorPort: number;
    configure: (config: string) => Promise<void>;
    client: NatsConnection | undefined;
    api: JetStreamManager | undefined;
    child: Child;
    start: () => Promise<Child>;
    stack: AsyncDisposableStack;
  }) {
    this.port = fields.port;
    this.#monitorPort = fields.monitorPort;
    this.configure = fields.configure;
    this.#client = fields.client;
    this.#api = fields.api;
    this.#child = fields.child;
    this.#start = fields.start;
    this.#stack = fields.stack;
  }

  static async start({
    config = '',
    client: own,
    detached,
    binary = 'nats-server',
  }: NatsServerOptions = {}): Promise<NatsServer> {
    await using stack = new AsyncDisposableStack();
    const command = await resolveBinary(binary);
    const folder = stack.use(await temporaryFolder());
    const port = await freePort();
    const monitorPort = await freePort();
    const file = join(folder.path, 'server.conf');
    const store = JSON.stringify(join(folder.path, 'store'));
    const listen = `host: 127.0.0.1\nport: ${port}\nhttp: 127.0.0.1:${monitorPort}`;
    const configure = (more: string) => writeFile(file, `${listen}\n${jetstream(store, more)}\n`);
    await configure(config);
    const start = () =>
      Child.start({
        name: 'nats-server',
        command,
        args: ['-c', file],
        detached,
        ready: /Server is ready/,
      });
    const child = await start();
    stack.defer(() => child.end().then(() => undefined));
    if (own === false) {
      const none = { client: undefined, api: undefined };
      return new NatsServer({
        port,
        monitorPort,
        configure,
        ...none,
        child,
        start,
        stack: stack.move(),
      });
    }
    const client = await connect({
      servers: `127.0.0.1:${port}`,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      ...own,
    });
    stack.defer(() => client.close());
    const api = await jetstreamManager(client, { checkAPI: false });
    return new NatsServer({
      port,
      monitorPort,
      configure,
      client,
      api,
      child,
      start,
      stack: stack.move(),
    });
  }

  /** The test's own connection to it. */
  get client(): NatsConnection {
    if (!this.#client) throw new Error('this server was started without a client');
    return this.#client;
  }

  get api(): JetStreamManager {
    if (!this.#api) throw new Error('this server was started without a client');
    return this.#api;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Creates a stream; its name is the first subject's first part unless given. */
  async stream(name: string, ...subjects: string[]): Promise<void> {
    await this.api.streams.add({ name, subjects });
  }

  /** What the server's own monitoring says, for example of `connz`. */
  async monitor(path: string): Promise<{ connections: { name: string; subscriptions: number }[] }> {
    const response = await fetch(`http://127.0.0.1:${this.#monitorPort}/${path}`);
    return (await response.json()) as never;
  }

  /** What its monitoring says of JetStream. */
  async jetstream(): Promise<{ meta_cluster?: { cluster_size: number } }> {
    return (await this.monitor('jsz')) as never;
  }

  /** How many leaf node connections it has. */
  async leafs(): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${this.#monitorPort}/leafz`);
    return ((await response.json()) as { leafnodes: number }).leafnodes;
  }

  /** Ends the process; `SIGKILL` to let it crash. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#child.end(signal);
  }

  /** Has it read its configuration again, with these lines added; resolves when it has. */
  async reload(config: string): Promise<void> {
    const before = this.said(/Reloaded server config/);
    await this.configure(config);
    this.#child.signal('SIGHUP');
    await until('the reload', () => this.said(/Reloaded server config/) > before);
  }

  /** How many lines of its log match. */
  said(pattern: RegExp): number {
    return this.#child.lines.filter((line) => pattern.test(line)).length;
  }

  /** SIGSTOP freezes it, SIGCONT has it go on, SIGUSR2 begins its lame-duck mode. */
  signal(signal: NodeJS.Signals): void {
    this.#child.signal(signal);
  }

  /** Starts it again on the same port and store. */
  async startAgain(): Promise<void> {
    this.#child = await this.#start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client?.close();
    await this.#child.end();
    await this.#stack.disposeAsync();
  }
}
