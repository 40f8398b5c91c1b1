import { NatsServer } from './nats-server.ts';
import { freePort } from './ports.ts';
import { until } from './wait.ts';

export interface Cluster extends AsyncDisposable {
  nodes: NatsServer[];
}

/** Three nats-servers that form a JetStream cluster, ready when this resolves. */
export async function startCluster(config = ''): Promise<Cluster> {
  await using stack = new AsyncDisposableStack();
  const ports = [await freePort(), await freePort(), await freePort()];
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`).join(', ');
  const nodes = await Promise.all(
    ports.map((port, index) =>
      NatsServer.start({
        config: [
          `server_name: node${index}`,
          `cluster { name: three, listen: "127.0.0.1:${port}", routes: [${routes}] }`,
          config,
        ].join('\n'),
      }),
    ),
  );
  for (const node of nodes) stack.use(node);
  const [first] = nodes as [NatsServer];
  await until(
    'a leader that takes streams of three replicas',
    async () => {
      await first.api.streams.add({ name: 'PROBE', subjects: ['probe'], num_replicas: 3 });
      return first.api.streams.delete('PROBE');
    },
    30_000,
  );
  const owned = stack.move();
  return { nodes, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
