import { NatsServer } from './nats-server.ts';
import { freePort } from './ports.ts';
import { until } from './wait.ts';

export interface Cluster extends AsyncDisposable {
  nodes: NatsServer[];
}

/** How often nats-server 2.10 may found its cluster wrongly before that is an error. */
const mostFoundings = 4;

/** Until three servers have a leader and take streams. Unit: milliseconds. */
const leaderLimit = 30_000;

/**
 * Three nats-servers that form a JetStream cluster, ready when this resolves.
 *
 * Now and then three servers of version 2.10 that start at the same moment found a cluster of two: their
 * leader does not know yet that the third has JetStream, and takes it out for good. They are started anew.
 */
export async function startCluster(config = ''): Promise<Cluster> {
  for (let founding = 1; founding <= mostFoundings; founding++) {
    const cluster = await foundCluster(config);
    if (cluster) return cluster;
  }
  throw new Error(
    `nats-server founded a cluster of two servers, not three, ${mostFoundings} times`,
  );
}

/** Undefined where one of the three was left out. */
async function foundCluster(config: string): Promise<Cluster | undefined> {
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
  const outcome = await until(
    'a leader that takes streams of three replicas',
    async () => {
      if ((await clusterSize(first)) < nodes.length) return 'left out';
      await first.api.streams.add({ name: 'PROBE', subjects: ['probe'], num_replicas: 3 });
      return (await first.api.streams.delete('PROBE')) && 'founded';
    },
    leaderLimit,
  );
  if (outcome === 'left out') return undefined;
  const owned = stack.move();
  return { nodes, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** How many servers its JetStream cluster is meant to have; as many as there are routes until it knows. */
async function clusterSize(node: NatsServer): Promise<number> {
  const { meta_cluster } = await node.jetstream();
  return meta_cluster?.cluster_size ?? Number.POSITIVE_INFINITY;
}
