import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GenericContainer, Network, type StartedTestContainer, Wait } from 'testcontainers';
import { beforeAll, expect, test } from 'vitest';
import { docker } from '../../tools/docker.ts';
import { until } from '../support/wait.ts';
import { Hardened, logs, Restarted, volume } from './hardened.ts';
import { buildAsIn, images, ordersImage, root } from './images.ts';

const sockets = '/tmp/dapr-components-sockets';

beforeAll(() => buildAsIn('docs/kubernetes.md'), 600_000);

interface Pod extends AsyncDisposable {
  component: StartedTestContainer;
  daprd: StartedTestContainer;
  app: StartedTestContainer;
}

/** NATS, the component, daprd and the sample app, each in a container; daprd in the app's network, as in a pod. */
async function startPod(ordersPerSecond = 1): Promise<Pod> {
  await using stack = new AsyncDisposableStack();
  const { NATS_IMAGE, DAPRD_IMAGE } = await images();
  const network = stack.use(await new Network().start());
  const folder = stack.use(await volume());
  const mounts = [{ source: folder.name, target: sockets }];
  stack.use(
    await new GenericContainer(NATS_IMAGE)
      .withCommand(['-js', '-sd', '/data'])
      .withTmpFs({ '/data': 'rw' })
      .withNetwork(network)
      .withNetworkAliases('nats')
      .withWaitStrategy(Wait.forLogMessage(/Server is ready/))
      .start(),
  );
  const component = stack.use(
    await new Hardened()
      .withNetwork(network)
      .withBindMounts(mounts)
      .withEnvironment({
        DAPR_NATS_JETSTREAM_SIDECAR_URL: 'http://orders:3500',
        DAPR_NATS_JETSTREAM_RESTART_ORPHANED_SIDECAR: 'true',
      })
      .withWaitStrategy(Wait.forLogMessage(/"msg":"ready/))
      .start(),
  );
  const app = stack.use(
    await new GenericContainer(ordersImage)
      .withNetwork(network)
      .withNetworkAliases('orders')
      .withEnvironment({ ORDERS_PER_SECOND: `${ordersPerSecond}` })
      .start(),
  );
  const resource = await readFile(join(root, 'deploy/compose/pubsub.yaml'), 'utf8');
  const daprd = stack.use(
    await new Restarted(DAPRD_IMAGE)
      .withNetworkMode(`container:${app.getId()}`)
      .withBindMounts(mounts)
      .withCopyContentToContainer([
        { content: resource, target: '/components/pubsub.yaml', mode: 0o644 },
      ])
      .withCommand([
        ...['./daprd', '--app-id=orders', '--app-port=3000', '--app-protocol=grpc'],
        ...['--resources-path=/components', '--dapr-listen-addresses=0.0.0.0'],
      ])
      .start(),
  );
  const owned = stack.move();
  return { component, daprd, app, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function numbers(app: StartedTestContainer, what: 'sent' | 'received'): Promise<Set<string>> {
  const found = (await logs(app)).matchAll(new RegExp(`^${what} order (\\d+)$`, 'gm'));
  return new Set([...found].map(([, number = '']) => number));
}

test('orders flow between containers of four images, over a socket on a shared volume', async () => {
  await using pod = await startPod();
  await until('five orders', async () => (await numbers(pod.app, 'received')).size >= 5, 60_000);
  const user = (container: StartedTestContainer) =>
    docker(['inspect', '--format', '{{.Config.User}}', container.getId()]);
  expect(await user(pod.daprd)).toBe('65532:65532');
  const { output, exitCode } = await pod.component.exec(['dapr-nats-jetstream', 'healthcheck']);
  expect({ output: output.trim(), exitCode }).toEqual({
    output: `SERVING: ${sockets}/nats-jetstream.sock`,
    exitCode: 0,
  });
});

test('killed and started again, it has daprd do the same, and nothing that was stored is lost', async () => {
  await using pod = await startPod(100);
  await until('300 orders', async () => (await numbers(pod.app, 'received')).size >= 300, 60_000);
  await docker(['kill', '--signal', 'KILL', pod.component.getId()]);
  const before = await numbers(pod.app, 'sent');
  await docker(['start', pod.component.getId()]);
  await until(
    '300 more orders',
    async () => (await numbers(pod.app, 'sent')).size >= before.size + 300,
    60_000,
  );
  expect(await logs(pod.component)).toContain('to shut down, for its supervisor to start it again');
  await until('all that was stored', async () => {
    const [sent, received] = [await numbers(pod.app, 'sent'), await numbers(pod.app, 'received')];
    // The last one may be on its way.
    return [...sent].slice(0, -1).every((number) => received.has(number));
  });
});
