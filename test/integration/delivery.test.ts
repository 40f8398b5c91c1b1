import { jetstream } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { startPair } from '../support/pair.ts';
import { RawClient } from '../support/raw-client.ts';
import { TcpRelay } from '../support/relay.ts';
import { until } from '../support/wait.ts';

test('an ack settles for good', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  subscription.ackAll();
  for (let index = 0; index < 1_000; index++) await host.publish('orders', `${index}`);
  await subscription.received(1_000);
  expect(subscription.texts).toEqual(Array.from({ length: 1_000 }, (_, index) => `${index}`));
  await until('no ack pending', async () => {
    const info = await pair.nats.api.consumers.info('ORDERS', 'app-orders');
    return info.num_ack_pending === 0 && info.ack_floor.stream_seq === 1_000;
  });
});

test('a nack redelivers: at once the first time, later each further time', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  const at: number[] = [];
  subscription.onMessage = ({ id }) => {
    at.push(Date.now());
    if (at.length < 3) subscription.nak(id);
    else subscription.ack(id);
  };
  await host.publish('orders', 'poison');
  await subscription.received(3);
  const [first = 0, second = 0, third = 0] = at;
  expect(second - first).toBeLessThan(500);
  expect(third - second).toBeGreaterThanOrEqual(950);
});

test('backOff sets the gaps of a nack', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host({ backOff: '300ms, 2s, 900ms' });
  const subscription = host.subscribe('orders');
  const at: number[] = [];
  subscription.onMessage = ({ id }) => {
    at.push(Date.now());
    if (at.length < 5) subscription.nak(id);
    else subscription.ack(id);
  };
  await host.publish('orders', 'poison');
  await subscription.received(5);
  const gaps = at.slice(1).map((time, index) => time - (at[index] ?? 0));
  for (const [index, gap] of [300, 2_000, 900, 900].entries()) {
    // Measured: the server is up to 0.2 s late, and never early.
    expect(Math.abs((gaps[index] ?? 0) - gap)).toBeLessThan(250);
  }
});

test('late, double and unknown settlements harm nobody', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  await host.publish('orders', 'one');
  const [message] = await subscription.received(1);
  const id = message?.id ?? '';
  for (const settle of [id, id, 'unknown', '']) subscription.ack(settle);
  subscription.nak(id);
  await host.publish('orders', 'two');
  await subscription.received(2);
  expect(subscription.texts).toEqual(['one', 'two']);
  expect(subscription.status).toBeUndefined();
});

test('no more than prefetchCount messages are unsettled', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host({ prefetchCount: '10' });
  const subscription = host.subscribe('orders');
  for (let index = 0; index < 50; index++) await host.publish('orders', `${index}`);
  await subscription.received(10);
  const pending = async () =>
    (await pair.nats.api.consumers.info('ORDERS', 'app-orders')).num_ack_pending;
  expect(await pending()).toBe(10);
  expect(subscription.messages).toHaveLength(10);
  subscription.ackAll();
  await subscription.received(50);
  await until('all settled', async () => (await pending()) === 0);
});

test('a request made while another is served asks for no more than there is room for', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  await using relay = await TcpRelay.start(pair.nats.port);
  const natsURL = `nats://127.0.0.1:${relay.port}`;
  const host = await pair.host({ natsURL, prefetchCount: '6' });
  const subscription = host.subscribe('orders');
  const stream = jetstream(pair.nats.client);
  const info = () => pair.nats.api.consumers.info('ORDERS', 'app-orders');
  for (const text of ['1', '2']) await stream.publish('orders', text);
  const messages = await subscription.received(2);
  // The first request is served to its end, unknown to the component, which asks for two more.
  relay.hold();
  for (let index = 3; index <= 20; index++) await stream.publish('orders', `${index}`);
  for (const { id } of messages) subscription.ack(id);
  await until('two more', async () => (await info()).delivered.consumer_seq === 8);
  relay.release();
  await subscription.received(8);
  // Whatever else it asked for would be asked before this.
  await host.publish('orders', 'last');
  expect((await info()).num_ack_pending).toBe(6);
});

test('concurrency single: one at a time', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host({ concurrency: 'single' });
  const subscription = host.subscribe('orders');
  for (let index = 0; index < 5; index++) await host.publish('orders', `${index}`);
  for (let count = 1; count <= 5; count++) {
    const messages = await subscription.received(count);
    await host.call('Ping');
    expect(messages).toHaveLength(count);
    subscription.ack(messages.at(-1)?.id ?? '');
  }
});

test('concurrency single: what was fetched ahead is not redelivered while it waits', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host({ ackWait: '1s', concurrency: 'single' });
  const subscription = host.subscribe('orders');
  for (let index = 0; index < 5; index++) await host.publish('orders', `${index}`);
  for (let count = 1; count <= 5; count++) {
    const messages = await subscription.received(count);
    await new Promise((done) => setTimeout(done, 850));
    subscription.ack(messages[count - 1]?.id ?? '');
  }
  await host.publish('orders', 'last');
  await subscription.received(6);
  expect(subscription.texts).toEqual(['0', '1', '2', '3', '4', 'last']);
});

test('waiting its turn never costs a redelivery; exceeding ackWait does', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host({ ackWait: '1s' });
  const subscription = host.subscribe('orders');
  for (let index = 0; index < 8; index++) await host.publish('orders', `${index}`);
  // One handler after the other, each nearly as long as it may be: the last waits 6 ackWaits.
  for (let count = 1; count <= 8; count++) {
    const messages = await subscription.received(count);
    await new Promise((done) => setTimeout(done, 850));
    subscription.ack(messages[count - 1]?.id ?? '');
  }
  expect(subscription.texts).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
  await host.publish('orders', 'never settled');
  await subscription.received(10);
  expect(subscription.texts.slice(8)).toEqual(['never settled', 'never settled']);
});

test('a stream that comes late is waited for, and the log says how to create it', async () => {
  await using pair = await startPair();
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  await pair.component.line(/no stream takes the subject .*orders.*nats stream add/);
  await pair.nats.stream('ORDERS', 'orders');
  await pair.component.line(/"msg":"subscribed again"/);
  await host.publish('orders', 'at last');
  await subscription.received(1);
  expect(subscription.status).toBeUndefined();
});

test('a server that restarts, and a consumer that is deleted, end no subscription', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  subscription.ackAll();
  await host.publish('orders', 'one');
  await subscription.received(1);

  await pair.nats.stop('SIGKILL');
  await pair.component.line(/lost the connection/);
  await pair.nats.startAgain();
  await pair.component.line(/reconnected to NATS/);
  await until('publishing again', () => host.publish('orders', 'two').then(() => true));
  await subscription.received(2);

  await pair.nats.api.consumers.delete('ORDERS', 'app-orders');
  await until('the consumer again', () => pair.nats.api.consumers.info('ORDERS', 'app-orders'));
  await host.publish('orders', 'three');
  await until('three', () => subscription.texts.includes('three'));
  expect(subscription.status).toBeUndefined();
});

test('replicas of an app share, other apps get their own', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const few = { prefetchCount: '5' };
  const replicas = [await pair.host(few), await pair.host(few)].map((host) =>
    host.subscribe('orders'),
  );
  const other = (await pair.host({ consumerID: 'other' })).subscribe('orders');
  for (const subscription of [...replicas, other]) subscription.ackAll();
  const publisher = await pair.host({ consumerID: 'publisher' });
  for (let index = 0; index < 100; index++) await publisher.publish('orders', `${index}`);
  await other.received(100);
  await until('100 among the replicas', () => replicas.flatMap((one) => one.texts).length >= 100);
  expect(new Set(replicas.flatMap((one) => one.texts)).size).toBe(100);
  expect(replicas.flatMap((one) => one.texts)).toHaveLength(100);
  for (const one of replicas) expect(one.texts.length).toBeGreaterThan(0);
});

test('two topics work under one durableName', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'a', 'b');
  const host = await pair.host({ durableName: 'shared' });
  const [a, b] = [host.subscribe('a'), host.subscribe('b')];
  await host.publish('a', '1');
  await host.publish('b', '2');
  await Promise.all([a.received(1), b.received(1)]);
  expect([a.texts, b.texts]).toEqual([['1'], ['2']]);
});

test('an existing durable is gone on with, its changeable settings brought in line', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const publisher = await pair.host();
  for (const text of ['1', '2', '3']) await publisher.publish('orders', text);
  await pair.nats.api.consumers.add('ORDERS', {
    durable_name: 'old',
    filter_subject: 'orders',
    ack_policy: 'explicit' as never,
    opt_start_seq: 2,
    deliver_policy: 'by_start_sequence' as never,
  });
  const host = await pair.host({ durableName: 'old', ackWait: '7s', maxAckPending: '50' });
  const subscription = host.subscribe('orders');
  await subscription.received(2);
  expect(subscription.texts).toEqual(['2', '3']);
  const { config } = await pair.nats.api.consumers.info('ORDERS', 'old');
  expect(config).toMatchObject({ ack_wait: 7e9, max_ack_pending: 50 });
});

test.each([
  [{ deliverPolicy: 'all' }, ['1', '2', '3']],
  [{ deliverPolicy: 'last' }, ['3']],
  [{ deliverPolicy: 'new' }, []],
  [{ startSequence: '2' }, ['2', '3']],
])('a new consumer starts where %j says', async (properties, texts) => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host(properties as Record<string, string>);
  for (const text of ['1', '2', '3']) await host.publish('orders', text);
  const subscription = host.subscribe('orders');
  await pair.component.line(/"msg":"subscribed"/);
  await host.publish('orders', 'later');
  await subscription.received(texts.length + 1);
  expect(subscription.texts).toEqual([...texts, 'later']);
});

test('startTime: what was stored before that second is left out', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const publisher = await pair.host();
  await publisher.publish('orders', 'before');
  const startTime = Math.floor(Date.now() / 1000) + 1;
  await until('the next second', () => Date.now() >= startTime * 1000);
  await publisher.publish('orders', 'after');
  const subscription = (await pair.host({ startTime: `${startTime}` })).subscribe('orders');
  await subscription.received(1);
  expect(subscription.texts).toEqual(['after']);
});

test('a host that has closed its subscription: what it did not handle is elsewhere at once', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const settings = { ackWait: '30s', maxDeliver: '3' };
  const closing = (await pair.host(settings)).subscribe('orders');
  const host = await pair.host(settings);
  for (let index = 0; index < 10; index++) await host.publish('orders', `${index}`);
  await closing.received(10);
  const other = host.subscribe('orders');
  // As daprd says it, for each message whose turn comes after that.
  for (const { id } of closing.messages) closing.nak(id, 'subscription is closed');
  other.ackAll();
  await other.received(10, 5_000);
  // None of them went back to the one that is closing.
  expect(closing.messages).toHaveLength(10);
  expect(new Set(other.texts).size).toBe(10);
});

test('headers that cannot be read harm nobody: the message arrives without them', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  subscription.ackAll();
  const raw = await RawClient.connect(pair.nats.port);
  raw.publish('orders', 'bad key: 1', 'first');
  raw.publish('orders', 'Key: a\rb', 'second');
  raw.publish('orders', 'K\u00e9y: 1', 'third');
  await subscription.received(3);
  await host.publish('orders', 'fourth');
  await subscription.received(4);
  expect(subscription.texts).toEqual(['first', 'second', 'third', 'fourth']);
  raw.close();
});

test('a handler that never ends does not keep what waits behind it from another replica', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host({ ackWait: '300ms' });
  const stuck = host.subscribe('orders');
  for (let index = 0; index < 10; index++) await host.publish('orders', `${index}`);
  await stuck.received(10);
  const healthy = (await pair.host({ ackWait: '300ms' })).subscribe('orders');
  healthy.ackAll();
  await until('the others', () => new Set(healthy.texts).size >= 9, 20_000);
});

test('an outage longer than ackWait: what waited its turn is not handed over twice', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host({ ackWait: '1s' });
  const subscription = host.subscribe('orders');
  for (let index = 0; index < 10; index++) await host.publish('orders', `${index}`);
  await subscription.received(10);
  await pair.nats.stop('SIGKILL');
  await pair.component.line(/lost the connection/);
  const info = () => pair.nats.api.consumers.info('ORDERS', 'app-orders');
  await new Promise((done) => setTimeout(done, 1_500));
  await pair.nats.startAgain();
  await pair.component.line(/reconnected to NATS/);
  await until('the redeliveries', async () => (await info()).num_redelivered >= 9);
  subscription.ackAll();
  await until('all settled', async () => (await info()).num_ack_pending === 0);
  // The one whose turn it was may run again, no other.
  expect(subscription.messages.length).toBeLessThanOrEqual(11);
});

test('settled during an outage: sent after it', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  await host.publish('orders', 'x');
  const [message] = await subscription.received(1);
  await pair.nats.stop('SIGKILL');
  await pair.component.line(/lost the connection/);
  subscription.ack(message?.id ?? '');
  subscription.end();
  await pair.nats.startAgain();
  await until('the ack', async () => {
    const info = await pair.nats.api.consumers.info('ORDERS', 'app-orders');
    return info.ack_floor.stream_seq === 1;
  });
});

test('subscribed during an outage: delivering as soon as it is over', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  await pair.nats.stop('SIGKILL');
  await pair.component.line(/lost the connection/);
  const subscription = host.subscribe('orders');
  subscription.ackAll();
  await pair.nats.startAgain();
  await pair.component.line(/reconnected to NATS/);
  await until('publishing again', () => host.publish('orders', 'x').then(() => true));
  await subscription.received(1, 2_500);
});

test('a connection that breaks again and again does not widen the window', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  await using relay = await TcpRelay.start(pair.nats.port);
  const natsURL = `nats://127.0.0.1:${relay.port}`;
  const host = await pair.host({ natsURL, concurrency: 'single' });
  const subscription = host.subscribe('orders');
  await pair.component.line(/"msg":"subscribed"/);
  for (let cut = 1; cut <= 3; cut++) {
    relay.cut();
    await until('reconnecting', () => {
      return (
        pair.component.lines.filter((line) => line.includes('reconnected to NATS')).length >= cut
      );
    });
  }
  const publisher = await pair.host({}, 'publisher');
  for (let index = 0; index < 5; index++) await publisher.publish('orders', `${index}`);
  await subscription.received(1);
  // Whatever else the server had sent would arrive before an answer to this.
  await host.publish('orders', 'last');
  expect(subscription.messages).toHaveLength(1);
});

test('short pull requests end and are made anew without losing count', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  await pair.nats.api.consumers.add('ORDERS', {
    durable_name: 'short',
    filter_subject: 'orders',
    ack_policy: 'explicit' as never,
    max_expires: 1e9,
    max_batch: 7,
  });
  const host = await pair.host({ durableName: 'short', prefetchCount: '20' });
  const subscription = host.subscribe('orders');
  subscription.ackAll();
  for (let round = 1; round <= 3; round++) {
    for (let index = 0; index < 30; index++) await host.publish('orders', `${index}`);
    await subscription.received(round * 30);
    await new Promise((done) => setTimeout(done, 1_200));
  }
  const { num_waiting } = await pair.nats.api.consumers.info('ORDERS', 'short');
  expect(num_waiting).toBeGreaterThan(0);
  expect(num_waiting).toBeLessThanOrEqual(3);
});
