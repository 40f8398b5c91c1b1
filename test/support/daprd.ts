import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type BinaryName, resolveBinary } from '../../tools/binaries.ts';
import { Child, type ChildOptions } from './child.ts';
import { hasFlag } from './daprd-flags.ts';
import { freePort } from './ports.ts';
import { Supervisor } from './supervisor.ts';
import { temporaryFolder } from './temp.ts';
import { until } from './wait.ts';

export type DaprdBinary = Extract<BinaryName, `daprd${string}`>;

/** Without it the internal gRPC server is on every address; daprd 1.12 has nothing else. */
const internalAddress = '--dapr-internal-grpc-listen-address';

export interface DaprdOptions {
  /** Not to be reached by a Ctrl-C at the terminal. */
  detached?: boolean;
  appId: string;
  /** The sockets folder. */
  sockets: string;
  /** Resources besides the Component: each becomes a file. */
  resources: object[];
  app?: { port: number; protocol: 'http' | 'grpc' };
  logLevel?: string;
  /** Of its HTTP API; any free one unless given. */
  httpPort?: number;
  /** Started again, on the same ports, whenever it ends. */
  supervised?: boolean;
  /** Which daprd; one that knows the built-in component is larger. */
  binary?: DaprdBinary;
  /** Features its Configuration turns on. */
  features?: string[];
  args?: string[];
  env?: NodeJS.ProcessEnv;
  onLine?: (line: string) => void;
}

/** A real daprd, alone on loopback: no placement, no scheduler, no multicast name resolution. */
export class Daprd {
  readonly httpPort: number;
  readonly grpcPort: number;
  /** Where its resources are read from; with hot reload a changed file takes effect. */
  readonly resources: string;
  readonly #running: { child: Child; stop(signal?: NodeJS.Signals): Promise<void> };
  readonly #stack: AsyncDisposableStack;

  private constructor(
    ports: { http: number; grpc: number },
    running: { child: Child; stop(signal?: NodeJS.Signals): Promise<void> },
    resources: string,
    stack: AsyncDisposableStack,
  ) {
    this.httpPort = ports.http;
    this.grpcPort = ports.grpc;
    this.#running = running;
    this.resources = resources;
    this.#stack = stack;
  }

  static async start(options: DaprdOptions): Promise<Daprd> {
    await using stack = new AsyncDisposableStack();
    const command = await resolveBinary(options.binary ?? 'daprd');
    const folder = stack.use(await temporaryFolder());
    const resources = join(folder.path, 'resources');
    await mkdir(resources);
    for (const [index, resource] of options.resources.entries()) {
      await writeFile(join(resources, `${index}.yaml`), stringify(resource));
    }
    const config = join(folder.path, 'config.yaml');
    const database = join(folder.path, 'names.db');
    await writeFile(config, localConfiguration(database, options.features));
    const onLoopback = await hasFlag(command, internalAddress);
    const ports = { http: options.httpPort ?? (await freePort()), grpc: await freePort() };
    const internalPort = await freePort();
    const { app } = options;
    const childOptions: ChildOptions = {
      name: `daprd of ${options.appId}`,
      command,
      args: [
        ...['--app-id', options.appId, '--config', config, '--resources-path', resources],
        ...['--dapr-http-port', `${ports.http}`, '--dapr-grpc-port', `${ports.grpc}`],
        ...['--dapr-listen-addresses', '127.0.0.1', '--enable-metrics=false'],
        ...(onLoopback ? [internalAddress, '127.0.0.1'] : []),
        ...['--dapr-internal-grpc-port', `${internalPort}`],
        ...['--log-level', options.logLevel ?? 'info', '--dapr-graceful-shutdown-seconds', '2'],
        ...(app ? ['--app-port', `${app.port}`, '--app-protocol', app.protocol] : []),
        ...(options.args ?? []),
      ],
      detached: options.detached,
      env: { DAPR_COMPONENTS_SOCKETS_FOLDER: options.sockets, ...options.env },
      ready: /dapr initialized. Status: Running/,
      onLine: options.onLine,
    };
    const launch = () => Child.start(childOptions);
    const running = options.supervised ? await Supervisor.start(launch) : alone(await launch());
    stack.defer(() => running.stop());
    return new Daprd(ports, running, resources, stack.move());
  }

  /** The process that runs now, or ran last. */
  get child(): Child {
    return this.#running.child;
  }

  /** Ends it for good. */
  stop(signal?: NodeJS.Signals): Promise<void> {
    return this.#running.stop(signal);
  }

  /** Publishes over HTTP. Rejects unless daprd answers 2xx. */
  async publish(pubsub: string, topic: string, data: unknown, query = ''): Promise<void> {
    const url = `${this.url}/v1.0/publish/${pubsub}/${topic}${query}`;
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(data),
    });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  }

  get url(): string {
    return `http://127.0.0.1:${this.httpPort}`;
  }

  /** Waits until daprd has subscribed for the app. */
  async subscribed(topic: string): Promise<void> {
    await until(`daprd's subscription to ${topic}`, async () => {
      const response = await fetch(`${this.url}/v1.0/metadata`);
      const { subscriptions } = (await response.json()) as { subscriptions?: { topic: string }[] };
      return subscriptions?.some((subscription) => subscription.topic === topic);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

function alone(child: Child) {
  return { child, stop: (signal?: NodeJS.Signals) => child.end(signal).then(() => undefined) };
}

/** A Component resource. */
export function component(
  name: string,
  metadata: Record<string, string>,
  type = 'pubsub.nats-jetstream',
): object {
  return {
    apiVersion: 'dapr.io/v1alpha1',
    kind: 'Component',
    metadata: { name },
    spec: {
      type,
      version: 'v1',
      metadata: Object.entries(metadata).map(([name, value]) => ({ name, value })),
    },
  };
}

/** YAML. By default daprd looks other apps up by multicast DNS, which leaves this machine. */
export function localConfiguration(database: string, features: string[] = []): string {
  return stringify({
    apiVersion: 'dapr.io/v1alpha1',
    kind: 'Configuration',
    metadata: { name: 'local' },
    spec: {
      nameResolution: { component: 'sqlite', configuration: { connectionString: database } },
      features: features.map((name) => ({ name, enabled: true })),
    },
  });
}
