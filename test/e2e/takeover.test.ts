import { expect, test } from 'vitest';
import { component } from '../support/daprd.ts';
import { startPair } from '../support/pair.ts';
import { startSidecar } from '../support/sidecar.ts';

test('a socket named jetstream serves an unchanged pubsub.jetstream Component', async () => {
  await using pair = await startPair({ component: { socketName: 'jetstream' } });
  await pair.nats.stream('ORDERS', 'orders');
  const metadata = { natsURL: pair.nats.url, name: 'my-conn-name', durableName: 'my-durable' };
  await using sidecar = await startSidecar(
    pair,
    'app',
    {},
    { resources: [component('pubsub', metadata, 'pubsub.jetstream')] },
  );
  await sidecar.daprd.publish('pubsub', 'orders', { n: 1 });
  await sidecar.app.count(1);
  // The built-in would have made a push consumer, and daprd itself would be the connection.
  const { config } = await pair.nats.api.consumers.info('ORDERS', 'my-durable');
  expect(config.deliver_subject).toBeUndefined();
  await pair.component.line(/"msg":"subscribed"/);
});
