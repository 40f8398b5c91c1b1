import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { resolveBinary } from '../../tools/binaries.ts';
import { Child, freePort } from './child.ts';
import { temporaryFolder } from './temp.ts';

export interface NatsServerOptions {
  /** Not to be reached by a Ctrl-C at the terminal. */
  detached?: boolean;
  /** Lines added to its configuration. */
  config?: string;
  /** For the test's own connection, where the server asks for credentials. */
  user?: { user: string; pass: string };
}

/** A real nats-server with JetStream on loopback, its store in a temporary folder. */
export class NatsServer {
  readonly port: number;
  readonly #monitorPort: number;
  /** The test's own connection to it. */
  readonly client: NatsConnection;
  readonly api: JetStreamManager;
  #child: Child;
  readonly #start: () => Promise<Child>;
  readonly #stack: AsyncDisposableStack;

  private constructor(fields: {
    port: number;
    monitorPort: number;
    client: NatsConnection;
    api: JetStreamManager;
    child: Child;
    start: () => Promise<Child>;
    stack: AsyncDisposableStack;
  }) {
    this.port = fields.port;
    this.#monitorPort = fields.monitorPort;
    this.client = fields.client;
    this.api = fields.api;
    this.#child = fields.child;
    this.#start = fields.start;
    this.#stack = fields.stack;
  }

  static async start({ config = '', user, detached }: NatsServerOptions = {}): Promise<NatsServer> {
    await using stack = new AsyncDisposableStack();
    const command = await resolveBinary('nats-server');
    const folder = stack.use(await temporaryFolder());
    const port = await freePort();
    const monitorPort = await freePort();
    const file = join(folder.path, 'server.conf');
    const store = JSON.stringify(join(folder.path, 'store'));
    await writeFile(
      file,
      `host: 127.0.0.1\nport: ${port}\nhttp: 127.0.0.1:${monitorPort}\njetstream { store_dir: ${store} }\n${config}\n`,
    );
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
    const client = await connect({
      servers: `127.0.0.1:${port}`,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      ...user,
    });
    stack.defer(() => client.close());
    const api = await jetstreamManager(client);
    return new NatsServer({ port, monitorPort, client, api, child, start, stack: stack.move() });
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

  /** Ends the process; `SIGKILL` to let it crash. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#child.end(signal);
  }

  /** Starts it again on the same port and store. */
  async startAgain(): Promise<void> {
    this.#child = await this.#start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    await this.#child.end();
    await this.#stack.disposeAsync();
  }
}
