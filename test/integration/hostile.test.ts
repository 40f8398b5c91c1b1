import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { Host, HostSubscription } from '../support/host.ts';
import { startPair } from '../support/pair.ts';
import { Relay } from '../support/relay.ts';
import { until } from '../support/wait.ts';

test('random bytes and half-open connections harm nobody', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const sockets = Array.from({ length: 20 }, () => connect(pair.component.socket));
  for (const socket of sockets) socket.on('error', () => undefined);
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  for (const socket of sockets.slice(10)) socket.write(randomBytes(4_096));
  const subscription = host.subscribe('orders');
  await host.publish('orders', 'x');
  await subscription.received(1);
  for (const socket of sockets) socket.destroy();
  await host.publish('orders', 'y');
  await subscription.received(2);
});

test.each([
  ['no topic', { ackMessageId: '1' }],
  ['an empty topic', { topic: { name: '', metadata: {} } }],
  ['a topic that is no subject', { topic: { name: 'a b', metadata: {} } }],
  ['metadata that cannot be used', { topic: { name: 'orders', metadata: { ackWait: 'x' } } }],
])('a first request with %s: INVALID_ARGUMENT', async (_, request) => {
  await using pair = await startPair();
  const host = await pair.host();
  const stream = host.rawStream();
  stream.write(request);
  const { code } = await new HostSubscription(stream).ended();
  expect(code).toBe(status.INVALID_ARGUMENT);
});

test('a stream that ends before it says anything ends quietly', async () => {
  await using pair = await startPair();
  const host = await pair.host();
  const stream = host.rawStream();
  stream.end();
  expect((await new HostSubscription(stream).ended()).code).toBe(status.OK);
});

test('a second topic on one stream is ignored', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'a', 'b');
  const host = await pair.host();
  const stream = host.rawStream();
  const subscription = new HostSubscription(stream);
  stream.write({ topic: { name: 'a', metadata: {} } });
  stream.write({ topic: { name: 'b', metadata: {} } });
  await host.publish('b', 'no');
  await host.publish('a', 'yes');
  await subscription.received(1);
  expect(subscription.texts).toEqual(['yes']);
});

test('500 streams at a time are served, and all gone when their host goes', async () => {
  await using pair = await startPair();
  await pair.nats.stream('MANY', 'many.>');
  using relay = await Relay.start(pair.component.socket);
  using host = new Host(relay.socket);
  await host.init({ natsURL: pair.nats.url, consumerID: 'app' });
  const subscriptions = Array.from({ length: 500 }, (_, index) => host.subscribe(`many.${index}`));
  await Promise.all(subscriptions.map((_, index) => host.publish(`many.${index}`, `${index}`)));
  await Promise.all(subscriptions.map((subscription) => subscription.received(1, 45_000)));
  const mine = async () => {
    const { connections } = await pair.nats.monitor('connz?subs=1');
    return connections.filter(({ name }) => name === 'dapr.io - pubsub.jetstream');
  };
  expect(await mine()).toMatchObject([{ subscriptions: 502 }]);
  relay.cut();
  await until('its NATS connection to close', async () => (await mine()).length === 0);
  const other = await pair.host();
  await other.publish('many.x', 'still served');
});
