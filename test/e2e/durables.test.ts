import { expect, test } from 'vitest';
import { startPair } from '../support/pair.ts';
import { startSidecar } from '../support/sidecar.ts';

const topics = (count: number) => Array.from({ length: count }, (_, index) => `topic${index}`);

test.each([2, 20])('%d topics under one durableName all deliver', async (count) => {
  await using pair = await startPair();
  await pair.nats.stream('MANY', ...topics(count));
  const metadata = { durableName: 'shared' };
  await using sidecar = await startSidecar(pair, 'app', { topics: topics(count) }, { metadata });
  for (const topic of topics(count)) await sidecar.daprd.publish('pubsub', topic, { topic });
  await sidecar.app.count(count);
  const received = sidecar.app.received.map(({ topic, data }) => ({ topic, data }));
  for (const topic of topics(count)) expect(received).toContainEqual({ topic, data: { topic } });
  expect(received).toHaveLength(count);
  const consumers = await pair.nats.api.consumers.list('MANY').next();
  expect(consumers).toHaveLength(count);
  expect(consumers.map(({ name }) => name)).toContain('shared');
});

test('a wildcard topic delivers what it matches', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders.>');
  await using sidecar = await startSidecar(pair, 'app', { topics: ['orders.*'] });
  await sidecar.daprd.publish('pubsub', 'orders.created', { n: 1 });
  await sidecar.daprd.publish('pubsub', 'orders.deep.down', { n: 2 });
  await sidecar.daprd.publish('pubsub', 'orders.paid', { n: 3 });
  await sidecar.app.count(2);
  expect(sidecar.app.received.map(({ data }) => data)).toEqual([{ n: 1 }, { n: 3 }]);
});

test.each(['consumerID', 'consumerid'])(
  '%s names the durable, whatever daprd adds',
  async (key) => {
    await using pair = await startPair();
    await pair.nats.stream('ORDERS', 'orders');
    await using sidecar = await startSidecar(pair, 'app', {}, { metadata: { [key]: 'custom' } });
    await sidecar.daprd.publish('pubsub', 'orders', {});
    await sidecar.app.count(1);
    const consumers = await pair.nats.api.consumers.list('ORDERS').next();
    expect(consumers.map(({ name }) => name)).toEqual(['custom-orders']);
  },
);
