import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { Host } from '../support/host.ts';
import { startPair } from '../support/pair.ts';
import { Relay } from '../support/relay.ts';
import { until } from '../support/wait.ts';

test('OK means stored: bytes, headers and id are on the stream', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const bytes = Uint8Array.from({ length: 512 }, (_, index) => index % 256);
  await host.publish('orders', bytes, { traceparent: '00-a-b-01', msgId: 'm1' });
  const stored = await pair.nats.api.streams.getMessage('ORDERS', { seq: 1 });
  expect(stored?.data).toEqual(bytes);
  expect(stored?.header.get('traceparent')).toBe('00-a-b-01');
  expect(stored?.header.get('Nats-Msg-Id')).toBe('m1');
});

test('5 MiB pass where the NATS server takes them', async () => {
  await using pair = await startPair({ nats: { config: 'max_payload: 8388608' } });
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  await host.publish('orders', Buffer.alloc(5 * 1024 * 1024, 1));
  expect((await pair.nats.api.streams.info('ORDERS')).state.bytes).toBeGreaterThan(5_000_000);
});

test('a bulk of 5,000 is stored in order', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const entries = Array.from({ length: 5_000 }, (_, index) => ({
    entryId: `${index}`,
    event: Buffer.from(`${index}`),
  }));
  const { failedEntries } = await host.call('BulkPublish', { entries, topic: 'orders' });
  expect(failedEntries).toEqual([]);
  const subscription = host.subscribe('orders', { prefetchCount: '5000' });
  subscription.ackAll();
  await subscription.received(5_000);
  expect(subscription.texts).toEqual(entries.map(({ entryId }) => entryId));
});

test('a message arrives byte for byte, with its real subject and headers', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders.>');
  const host = await pair.host();
  const subscription = host.subscribe('orders.*');
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  await host.publish('orders.created', bytes, { traceparent: '00-a-b-01' });
  const [message] = await subscription.received(1);
  expect(new Uint8Array(message?.data ?? [])).toEqual(bytes);
  expect(message).toMatchObject({
    topicName: 'orders.*',
    metadata: { Topic: 'orders.created', traceparent: '00-a-b-01' },
  });
});

test('over 4 MiB is terminated with a line in the log, what is behind it arrives', async () => {
  await using pair = await startPair({ nats: { config: 'max_payload: 8388608' } });
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  subscription.ackAll();
  await host.publish('orders', 'small');
  await host.publish('orders', Buffer.alloc(4 * 1024 * 1024));
  await host.publish('orders', 'behind it');
  await subscription.received(2);
  expect(subscription.texts).toEqual(['small', 'behind it']);
  await pair.component.line(/terminated a message for good.*4194304 bytes/);
  await until('nothing pending', async () => {
    const info = await pair.nats.api.consumers.info('ORDERS', 'app-orders');
    return info.num_ack_pending === 0;
  });
});

test('Pause stops the flow and Resume starts it, the stream stays open', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  subscription.ackAll();
  await host.publish('orders', '1');
  await subscription.received(1);
  await host.call('Pause');
  await pair.component.line(/subscription paused/);
  await host.publish('orders', '2');
  // The server would deliver at once to any request that were still open.
  await until('it to stay on the server', async () => {
    const info = await pair.nats.api.consumers.info('ORDERS', 'app-orders');
    return info.num_waiting === 0 && info.num_pending === 1;
  });
  expect(subscription.texts).toEqual(['1']);
  await host.call('Resume');
  await subscription.received(2);
  expect(subscription.status).toBeUndefined();
});

test('a reader that never reads does not stop its neighbour', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'big', 'small');
  const host = await pair.host();
  const stream = host.rawStream();
  stream.on('error', () => undefined);
  stream.write({ topic: { name: 'big', metadata: {} } });
  stream.pause();
  const payload = Buffer.alloc(512 * 1024);
  for (let index = 0; index < 40; index++) await host.publish('big', payload);
  const neighbour = host.subscribe('small');
  neighbour.ackAll();
  for (let index = 0; index < 100; index++) await host.publish('small', `${index}`);
  await neighbour.received(100);
  stream.cancel();
});

test.each(['end', 'cancel'] as const)(
  'a host that goes (%s) leaves nothing behind: another gets it at once',
  async (how) => {
    await using pair = await startPair();
    await pair.nats.stream('ORDERS', 'orders');
    const first = (await pair.host()).subscribe('orders');
    const publisher = await pair.host({ consumerID: 'publisher' });
    for (let index = 0; index < 20; index++) await publisher.publish('orders', `${index}`);
    await first.received(20);
    const second = (await pair.host({}, 'second')).subscribe('orders');
    await pair.component.line(/"component":"second".*"msg":"subscribed"/);
    const start = Date.now();
    first[how]();
    await second.received(20);
    expect(Date.now() - start).toBeLessThan(1_000);
  },
);

test('a connection that closes gives back what its subscriptions had', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  using relay = await Relay.start(pair.component.socket);
  using host = new Host(relay.socket);
  await host.init({ natsURL: pair.nats.url, consumerID: 'app' });
  const subscription = host.subscribe('orders');
  await host.publish('orders', '1');
  await subscription.received(1);
  const other = (await pair.host()).subscribe('orders');
  const start = Date.now();
  relay.cut();
  await other.received(1);
  expect(Date.now() - start).toBeLessThan(1_000);
});

test('SIGTERM: a handler that publishes can finish', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders', 'results');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  await host.publish('orders', '1');
  const [message] = await subscription.received(1);
  const end = pair.component.end('SIGTERM');
  await pair.component.line(/giving back unsettled messages/);
  await host.publish('results', 'done');
  subscription.ack(message?.id ?? '');
  expect(await end).toBe(0);
});

test('SIGTERM with a peer that neither reads nor closes its end: 0 within 5 s', async () => {
  await using pair = await startPair();
  const peer = connect({ path: pair.component.socket, allowHalfOpen: true });
  peer.on('error', () => undefined);
  await once(peer, 'connect');
  peer.pause();
  const start = Date.now();
  expect(await pair.component.end('SIGTERM')).toBe(0);
  expect(Date.now() - start).toBeLessThan(5_000);
  peer.destroy();
});
