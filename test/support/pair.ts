import type { Child } from './child.ts';
import { type ComponentOptions, startComponent } from './component.ts';
import { Host } from './host.ts';
import { NatsServer, type NatsServerOptions } from './nats-server.ts';
import { temporaryFolder } from './temp.ts';

export interface Pair extends AsyncDisposable {
  nats: NatsServer;
  component: Child & { socket: string };
  /** The sockets folder. */
  folder: string;
  /** A host of its own connection, initialised for consumerID `app` unless told otherwise. */
  host(properties?: Record<string, string>, name?: string): Promise<Host>;
}

/** A nats-server and the component beside it: what nearly every integration test stands on. */
export async function startPair(
  options: { nats?: NatsServerOptions; component?: Partial<ComponentOptions> } = {},
): Promise<Pair> {
  await using stack = new AsyncDisposableStack();
  const nats = stack.use(await NatsServer.start(options.nats));
  const folder = stack.use(await temporaryFolder());
  const component = stack.use(await startComponent({ folder: folder.path, ...options.component }));
  const owned = stack.move();
  return {
    nats,
    component,
    folder: folder.path,
    async host(properties = {}, name = 'pubsub') {
      const host = owned.use(new Host(component.socket, name));
      await host.init({ natsURL: nats.url, consumerID: 'app', ...properties });
      return host;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
