import { afterAll, expect, test } from 'vitest';
import { startCluster } from '../../support/cluster.ts';
import { NatsServer } from '../../support/nats-server.ts';
import { startPair } from '../../support/pair.ts';
import { freePort } from '../../support/ports.ts';
import { until } from '../../support/wait.ts';

const pair = await startPair();
afterAll(() => pair[Symbol.asyncDispose]());

const names = async () => {
  const { connections } = await pair.nats.monitor('connz');
  return connections.map(({ name }) => name);
};

test('name: what the server shows, with the built-in name as default', async () => {
  await pair.host({ name: 'my-conn-name' }, 'named');
  await pair.host({}, 'unnamed');
  expect(await names()).toEqual(
    expect.arrayContaining(['my-conn-name', 'dapr.io - pubsub.jetstream']),
  );
});

test('natsURL: several addresses, of which the first answers nobody', async () => {
  const natsURL = `nats://127.0.0.1:${await freePort()}, ${pair.nats.url}`;
  await pair.host({ natsURL, name: 'second-choice' }, 'several');
  expect(await names()).toContain('second-choice');
});

test('publishTimeout: how long a publish waits', async () => {
  pair.nats.client.subscribe('silence', { callback: () => undefined });
  await pair.nats.client.flush();
  const host = await pair.host({ publishTimeout: '400ms' }, 'impatient');
  const start = Date.now();
  await expect(host.publish('silence', 'x')).rejects.toThrow(/within 0.4 s \(publishTimeout\)/);
  expect(Date.now() - start).toBeGreaterThanOrEqual(400);
  expect(Date.now() - start).toBeLessThan(1_500);
});

/** A hub whose JetStream has the domain `hub`, and a leaf node without JetStream of its own. */
async function startHubAndLeaf() {
  await using stack = new AsyncDisposableStack();
  const port = await freePort();
  const hub = stack.use(
    await NatsServer.start({
      config: [
        'server_name: hub',
        'jetstream { domain: hub }',
        `leafnodes { listen: "127.0.0.1:${port}" }`,
      ].join('\n'),
    }),
  );
  const leaf = stack.use(
    await NatsServer.start({
      config: [
        'server_name: leaf',
        'jetstream { domain: leaf }',
        `leafnodes { remotes: [ { url: "nats://127.0.0.1:${port}" } ] }`,
      ].join('\n'),
    }),
  );
  await hub.stream('ORDERS', 'orders');
  await until('the leaf to be connected', async () => (await leaf.leafs()) > 0);
  const owned = stack.move();
  return { hub, leaf, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

test.each([
  ['domain', { domain: 'hub' }],
  ['apiPrefix', { apiPrefix: '$JS.hub.API' }],
  ['apiPrefix, which wins over domain', { apiPrefix: '$JS.hub.API.', domain: 'leaf' }],
])('%s: publishes to and subscribes from the hub, through a leaf node', async (_, properties) => {
  await using servers = await startHubAndLeaf();
  const { hub, leaf } = servers;
  const host = await pair.host({ natsURL: leaf.url, ...properties }, JSON.stringify(properties));
  await host.publish('orders', 'through the leaf');
  const subscription = host.subscribe('orders');
  const [message] = await subscription.received(1);
  expect(message?.data.toString()).toBe('through the leaf');
  subscription.ack(message?.id ?? '');
  await until('the hub to have the ack', async () => {
    const info = await hub.api.consumers.info('ORDERS', 'app-orders');
    return info.ack_floor.stream_seq === 1;
  });
  // Without the field the leaf's own JetStream is asked, which has no such stream.
  const own = await pair.host({ natsURL: leaf.url }, `${JSON.stringify(properties)} own`);
  await expect(own.subscribe('orders').received(1, 500)).rejects.toThrow('in vain');
});

test('replicas, streamReplicas: in a cluster of three', async () => {
  await using cluster = await startCluster();
  const [node] = cluster.nodes as [NatsServer];
  const natsURL = cluster.nodes.map(({ url }) => url).join(',');
  const streams = { streamManagement: 'create', streamReplicas: '3' };
  const host = await pair.host({ natsURL, replicas: '3', ...streams }, 'replicated');
  const subscription = host.subscribe('replicated');
  subscription.ackAll();
  await until('publishing', () => host.publish('replicated', 'x').then(() => true), 30_000);
  await subscription.received(1);
  const stream = await node.api.streams.info('replicated');
  expect(stream.config.num_replicas).toBe(3);
  const consumer = await node.api.consumers.info('replicated', 'app-replicated');
  expect(consumer.config.num_replicas).toBe(3);
  expect(consumer.cluster?.replicas).toHaveLength(2);
});
