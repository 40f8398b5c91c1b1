import type { ConsumerInfo } from '@nats-io/jetstream';
import { afterAll, expect, test } from 'vitest';
import type { Host, HostSubscription } from '../../support/host.ts';
import { startPair } from '../../support/pair.ts';
import { until } from '../../support/wait.ts';

const pair = await startPair();
afterAll(() => pair[Symbol.asyncDispose]());
const { api } = pair.nats;

interface Subscribed {
  host: Host;
  topic: string;
  stream: string;
  subscription: HostSubscription;
  info: ConsumerInfo;
}

let number = 0;

/** A stream and a topic of its own, and what the server says of the consumer on it. */
async function subscribe(
  properties: Record<string, string>,
  metadata: Record<string, string> = {},
  before: (host: Host, topic: string) => Promise<unknown> = async () => undefined,
): Promise<Subscribed> {
  const topic = `topic${++number}`;
  const stream = `STREAM${number}`;
  await pair.nats.stream(stream, topic);
  const host = await pair.host(properties, topic);
  await before(host, topic);
  const subscription = host.subscribe(topic, metadata);
  const info = await until(`a consumer of ${stream}`, async () => {
    const [first] = await api.consumers.list(stream).next();
    return first;
  });
  return { host, topic, stream, subscription, info };
}

const threeBefore = async (host: Host, topic: string) => {
  for (const text of ['1', '2', '3']) await host.publish(topic, text);
};

test('consumerID names the durable', async () => {
  const { info, topic } = await subscribe({ consumerID: 'my-app' });
  expect(info.name).toBe(`my-app-${topic}`);
  expect(info.config.durable_name).toBe(info.name);
  expect(info.config.filter_subject).toBe(topic);
});

test('durableName names the durable', async () => {
  const { info } = await subscribe({ durableName: 'mine' });
  expect(info.name).toBe('mine');
});

test('ephemeral: every replica gets every message, and nothing is left behind', async () => {
  const { host, topic, stream, subscription, info } = await subscribe({ ephemeral: 'true' });
  expect(info.config.durable_name).toBeUndefined();
  const replica = (await pair.host({ ephemeral: 'yes' }, topic)).subscribe(topic);
  await until('two consumers', async () => (await api.consumers.list(stream).next()).length === 2);
  await host.publish(topic, 'x');
  await Promise.all([subscription.received(1), replica.received(1)]);
  subscription.end();
  replica.end();
  await until('none left', async () => (await api.consumers.list(stream).next()).length === 0);
});

test('an ephemeral consumer that was lost goes on after the last settled message', async () => {
  const { host, topic, stream, subscription, info } = await subscribe({ ephemeral: 'true' });
  for (const text of ['1', '2', '3']) await host.publish(topic, text);
  const [first, second] = await subscription.received(3);
  subscription.ack(first?.id ?? '');
  subscription.ack(second?.id ?? '');
  await until('two settled', async () => {
    const { ack_floor } = await api.consumers.info(stream, info.name);
    return ack_floor.stream_seq === 2;
  });
  await api.consumers.delete(stream, info.name);
  await host.publish(topic, '4');
  await subscription.received(4);
  // The app has the third already: once more would be once too often.
  expect(subscription.texts).toEqual(['1', '2', '3', '4']);
  for (const { id } of subscription.messages.slice(2)) subscription.ack(id);
  await until('all settled', async () => {
    const [made] = await api.consumers.list(stream).next();
    return made?.ack_floor.stream_seq === 4;
  });
});

test('queueGroupName: a push consumer whose group shares the messages', async () => {
  const { host, topic, subscription, info } = await subscribe({ queueGroupName: 'group' });
  expect(info.config).toMatchObject({ durable_name: 'group', deliver_group: 'group' });
  expect(info.config.deliver_subject).toBeTruthy();
  const member = (await pair.host({ queueGroupName: 'group' }, topic)).subscribe(topic);
  for (const one of [subscription, member]) one.ackAll();
  await until('the second member', async () => {
    const { connections } = await pair.nats.monitor('connz?subs=1');
    return connections.filter(({ subscriptions }) => subscriptions === 2).length >= 2;
  });
  for (let index = 0; index < 60; index++) await host.publish(topic, `${index}`);
  const all = () => [...subscription.texts, ...member.texts];
  await until('60 messages', () => all().length >= 60);
  expect(new Set(all()).size).toBe(60);
  expect(all()).toHaveLength(60);
});

test.each([
  [{}, false],
  [{ consumerType: 'pull', heartbeat: '5s' }, false],
  [{ consumerType: 'push' }, true],
  [{ heartbeat: '5s' }, true],
  [{ flowControl: 'true' }, true],
  [{ rateLimit: '1024' }, true],
  [{ flowControl: 'false' }, false],
])('consumerType: %j is push: %s', async (properties, push) => {
  const { host, topic, subscription, info } = await subscribe(properties as never);
  expect(info.config.deliver_subject !== undefined).toBe(push);
  await host.publish(topic, 'x');
  const [message] = await subscription.received(1);
  subscription.nak(message?.id ?? '');
  await subscription.received(2);
  subscription.ackAll();
});

test('flowControl: on, with a heartbeat of 5s, and 5,000 messages flow', async () => {
  const { host, topic, subscription, info } = await subscribe({ flowControl: 'true' });
  expect(info.config).toMatchObject({ flow_control: true, idle_heartbeat: 5e9 });
  subscription.ackAll();
  const entries = Array.from({ length: 5_000 }, (_, index) => ({
    entryId: `${index}`,
    event: Buffer.alloc(2_000, 1),
  }));
  await host.call('BulkPublish', { topic, entries });
  await subscription.received(5_000, 30_000);
});

test('heartbeat: as set, and its absence is noticed', async () => {
  const { info, stream, topic, host, subscription } = await subscribe({ heartbeat: '200ms' });
  expect(info.config.idle_heartbeat).toBe(200e6);
  await api.consumers.delete(stream, info.name);
  await pair.component.line(/no heartbeat from the consumer/);
  await host.publish(topic, 'after');
  await subscription.received(1);
});

test('rateLimit: bits a second', async () => {
  const { host, topic, subscription, info } = await subscribe({ rateLimit: '8000000' });
  expect(info.config.rate_limit_bps).toBe(8_000_000);
  subscription.ackAll();
  const start = Date.now();
  for (let index = 0; index < 6; index++) await host.publish(topic, Buffer.alloc(500_000));
  await subscription.received(6);
  // 3 MB at 1 MB a second, of which the server lets the first one through at once.
  expect(Date.now() - start).toBeGreaterThan(1_500);
});

test.each([
  ['explicit', 'explicit'],
  ['all', 'all'],
  ['none', 'none'],
  ['EXPLICIT', 'explicit'],
])('ackPolicy %s', async (ackPolicy, wanted) => {
  const { info } = await subscribe({ ackPolicy });
  expect(info.config.ack_policy).toBe(wanted);
});

test('ackPolicy all: acknowledged only when every earlier one is settled', async () => {
  const { stream, subscription, info } = await subscribe({ ackPolicy: 'all' }, {}, threeBefore);
  const [first, second, third] = await subscription.received(3);
  const floor = async () => (await api.consumers.info(stream, info.name)).ack_floor.stream_seq;
  subscription.ack(third?.id ?? '');
  subscription.nak(first?.id ?? '');
  const again = (await subscription.received(4))[3];
  expect(again?.data.toString()).toBe('1');
  expect(await floor()).toBe(0);
  subscription.ack(again?.id ?? '');
  expect(await floor()).toBe(0);
  subscription.ack(second?.id ?? '');
  await until('all three', async () => (await floor()) === 3);
  expect(subscription.messages).toHaveLength(4);
});

test.each([
  ['the first', [0, 3]],
  ['the second', [3, 0]],
])('ackPolicy all: of two deliveries of one message %s is settled first', async (_, order) => {
  const fields = { ackPolicy: 'all', ackWait: '500ms' };
  const { stream, subscription, info } = await subscribe(fields, {}, threeBefore);
  // Nobody settles the first one in time.
  const messages = await subscription.received(4);
  expect(messages[3]?.data.toString()).toBe('1');
  const floor = async () => (await api.consumers.info(stream, info.name)).ack_floor.stream_seq;
  for (const index of [2, 1]) subscription.ack(messages[index]?.id ?? '');
  expect(await floor()).toBe(0);
  for (const index of order) subscription.ack(messages[index]?.id ?? '');
  await until('all three', async () => (await floor()) === 3);
});

test('ackPolicy none: nothing is awaited, and more than a window flows', async () => {
  const { host, topic, stream, subscription, info } = await subscribe({
    ackPolicy: 'none',
    prefetchCount: '5',
  });
  for (let index = 0; index < 50; index++) await host.publish(topic, `${index}`);
  await subscription.received(50);
  expect((await api.consumers.info(stream, info.name)).num_ack_pending).toBe(0);
});

test('ackWait: what the server waits for', async () => {
  const { host, topic, subscription, info } = await subscribe({ ackWait: '500ms' });
  expect(info.config.ack_wait).toBe(500e6);
  const start = Date.now();
  await host.publish(topic, 'x');
  await subscription.received(2);
  expect(Date.now() - start).toBeGreaterThanOrEqual(480);
});

test('maxDeliver: no further delivery', async () => {
  const { host, topic, subscription, info } = await subscribe({ maxDeliver: '2', backOff: '10ms' });
  expect(info.config.max_deliver).toBe(2);
  subscription.onMessage = ({ id }) => subscription.nak(id);
  await host.publish(topic, 'x');
  await pair.component.line(/refused 2 times \(maxDeliver\)/);
  subscription.onMessage = ({ id }) => subscription.ack(id);
  await host.publish(topic, 'y');
  await subscription.received(3);
  expect(subscription.texts).toEqual(['x', 'x', 'y']);
});

test('backOff: on the consumer, and between the deliveries', async () => {
  const { host, topic, subscription, info } = await subscribe({ backOff: '[200ms, 400ms]' });
  expect(info.config.backoff).toEqual([200e6, 400e6]);
  const at: number[] = [];
  subscription.onMessage = () => at.push(Date.now());
  // First the server's own gap, for a handler that never ends; then that of a nak.
  await host.publish(topic, 'x');
  const [, second] = await subscription.received(2);
  subscription.nak(second?.id ?? '');
  await subscription.received(3);
  expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThanOrEqual(180);
  expect((at[2] ?? 0) - (at[1] ?? 0)).toBeGreaterThanOrEqual(380);
});

test('maxAckPending: unsettled messages of the whole consumer', async () => {
  const { host, topic, stream, subscription, info } = await subscribe({ maxAckPending: '3' });
  expect(info.config.max_ack_pending).toBe(3);
  for (let index = 0; index < 10; index++) await host.publish(topic, `${index}`);
  await subscription.received(3);
  expect((await api.consumers.info(stream, info.name)).num_ack_pending).toBe(3);
  expect(subscription.messages).toHaveLength(3);
});

test('prefetchCount: unsettled messages of one subscription', async () => {
  const { host, topic, stream, subscription, info } = await subscribe({ prefetchCount: '4' });
  for (let index = 0; index < 10; index++) await host.publish(topic, `${index}`);
  await subscription.received(4);
  expect((await api.consumers.info(stream, info.name)).num_ack_pending).toBe(4);
});

test('concurrency single: one message with the app, prefetchCount from the server', async () => {
  const fields = { concurrency: 'single', prefetchCount: '3' };
  const { host, topic, stream, subscription, info } = await subscribe(fields);
  for (let index = 0; index < 5; index++) await host.publish(topic, `${index}`);
  await until('three to be fetched', async () => {
    return (await api.consumers.info(stream, info.name)).num_ack_pending === 3;
  });
  expect(subscription.texts).toEqual(['0']);
  subscription.ackAll();
  expect((await subscription.received(5)).map(({ data }) => `${data}`)).toEqual([...'01234']);
});

test('memoryStorage', async () => {
  expect((await subscribe({ memoryStorage: 'true' })).info.config.mem_storage).toBe(true);
  expect((await subscribe({})).info.config.mem_storage).toBeFalsy();
});

test.each([
  [{ deliverPolicy: 'all' }, 'all', ['1', '2', '3']],
  [{ deliverPolicy: 'last' }, 'last', ['3']],
  [{ deliverPolicy: 'new' }, 'new', []],
  [{ deliverPolicy: 'sequence', startSequence: '2' }, 'by_start_sequence', ['2', '3']],
  [{ startSequence: '3' }, 'by_start_sequence', ['3']],
  [{ deliverPolicy: 'time', startTime: '1630349391' }, 'by_start_time', ['1', '2', '3']],
  [{ startTime: '1630349391' }, 'by_start_time', ['1', '2', '3']],
  [{ deliverAll: 'true' }, 'all', ['1', '2', '3']],
  [{ deliverAll: 'false' }, 'last', ['3']],
])('deliverPolicy, startSequence, startTime, deliverAll: %j', async (fields, policy, texts) => {
  const { host, topic, subscription, info } = await subscribe(fields as never, {}, threeBefore);
  expect(info.config.deliver_policy).toBe(policy);
  await host.publish(topic, 'later');
  await subscription.received(texts.length + 1);
  expect(subscription.texts).toEqual([...texts, 'later']);
});

test('deadLetterSubject: what used up maxDeliver goes there, once, and says why', async () => {
  const dead = `dead${number}`;
  await pair.nats.stream(`DEAD${number}`, dead);
  const { host, topic, stream, subscription, info } = await subscribe({
    deadLetterSubject: dead,
    maxDeliver: '2',
    backOff: '10ms',
  });
  subscription.onMessage = ({ id }) => subscription.nak(id);
  await host.publish(topic, 'poison', { traceparent: '00-1' });
  const letters = host.subscribe(dead);
  const [letter] = await letters.received(1);
  expect(letter?.data.toString()).toBe('poison');
  expect(letter?.metadata).toMatchObject({
    traceparent: '00-1',
    'Dead-Letter-Reason': expect.stringContaining('maxDeliver'),
    'Dead-Letter-Subject': topic,
    'Dead-Letter-Stream': stream,
    'Dead-Letter-Sequence': '1',
    'Dead-Letter-Delivery-Count': '2',
    'Dead-Letter-Consumer': info.name,
  });
  await until('nothing pending', async () => {
    return (await api.consumers.info(stream, info.name)).num_ack_pending === 0;
  });
});

test.each([
  [{ durableName: 'own' }, { durable_name: 'own' }],
  [{ queueGroupName: 'own' }, { deliver_group: 'own' }],
  [{ deliverPolicy: 'new' }, { deliver_policy: 'new' }],
  [{ startSequence: '1' }, { deliver_policy: 'by_start_sequence', opt_start_seq: 1 }],
  [{ startTime: '1630349391' }, { deliver_policy: 'by_start_time' }],
  [{ ackWait: '9s' }, { ack_wait: 9e9 }],
  [{ maxDeliver: '9' }, { max_deliver: 9 }],
  [{ backOff: '1s,2s' }, { backoff: [1e9, 2e9] }],
  [{ maxAckPending: '9' }, { max_ack_pending: 9 }],
])('a Subscription overrides %j', async (metadata, wanted) => {
  const { info } = await subscribe({ ackWait: '20s', maxDeliver: '5' }, metadata as never);
  expect(info.config).toMatchObject(wanted);
});

test('a Subscription overrides ephemeral, prefetchCount and concurrency', async () => {
  expect((await subscribe({}, { ephemeral: 'true' })).info.config.durable_name).toBeUndefined();
  for (const [metadata, fetched] of [
    [{ prefetchCount: '1' }, 1],
    [{ concurrency: 'single' }, 3],
  ] as const) {
    const { stream, subscription, info } = await subscribe({}, metadata as never, threeBefore);
    await until('prefetching', async () => {
      return (await api.consumers.info(stream, info.name)).num_ack_pending === fetched;
    });
    await subscription.received(1);
    expect(subscription.messages).toHaveLength(1);
  }
});

test('a durable the built-in component made is taken over, and goes on where it was', async () => {
  for (const group of [undefined, 'workers']) {
    const topic = `builtin${++number}`;
    const stream = `STREAM${number}`;
    await pair.nats.stream(stream, topic);
    const publisher = await pair.host({}, `publisher${number}`);
    for (const text of ['1', '2', '3']) await publisher.publish(topic, text);
    await api.consumers.add(stream, {
      durable_name: 'old',
      deliver_subject: `_INBOX.old${number}`,
      deliver_group: group,
      ack_policy: 'explicit' as never,
      deliver_policy: 'all' as never,
      filter_subject: topic,
      max_ack_pending: 1000,
    });
    // The built-in had settled the first message.
    const old = pair.nats.client.subscribe(`_INBOX.old${number}`, { queue: group, max: 3 });
    for await (const message of old) if (message.string() === '1') message.respond('+ACK');
    await pair.nats.client.flush();
    const properties: Record<string, string> = { durableName: 'old', ackWait: '1s' };
    if (group) properties.queueGroupName = group;
    const subscription = (await pair.host(properties, topic)).subscribe(topic);
    subscription.ackAll();
    await subscription.received(2, 40_000);
    expect(subscription.texts).toEqual(['2', '3']);
  }
});

test('a setting that cannot be changed is named, and the subscription goes on trying', async () => {
  const { topic, stream, info } = await subscribe({ durableName: 'fixed', deliverPolicy: 'all' });
  const other = await pair.host({ durableName: 'fixed', deliverPolicy: 'new' }, `${topic}b`);
  const subscription = other.subscribe(topic);
  await pair.component.line(/fixed.* of stream .* cannot be changed to what deliverPolicy says/);
  await api.consumers.delete(stream, info.name);
  await until('the new one', async () => {
    const { config } = await api.consumers.info(stream, 'fixed');
    return config.deliver_policy === 'all' || config.deliver_policy === 'new';
  });
  expect(subscription.status).toBeUndefined();
});

test.each([{ heartbeat: '1s' }, { flowControl: 'true' }, { rateLimit: '8000000' }])(
  'replicas that start at once with %j: each message goes to one of them',
  async (fields) => {
    const topic = `atonce${++number}`;
    await pair.nats.stream(`STREAM${number}`, topic);
    const hosts = await Promise.all([
      pair.host(fields as never, topic),
      pair.host(fields as never, topic),
    ]);
    const replicas = hosts.map((host) => host.subscribe(topic));
    for (const replica of replicas) replica.ackAll();
    await until(
      'the consumer',
      async () => (await api.consumers.list(`STREAM${number}`).next())[0],
    );
    const publisher = await pair.host({}, `${topic} publisher`);
    // The claims are settled within one message each way; until then both may listen.
    await until('one of them to stand back, or a group', async () => {
      const [info] = await api.consumers.list(`STREAM${number}`).next();
      const stoodBack = pair.component.lines.some((line) => {
        return line.includes(`"topic":"${topic}"`) && /another replica has|in use by/.test(line);
      });
      return info?.config.deliver_group !== undefined || stoodBack;
    });
    for (let index = 0; index < 20; index++) await publisher.publish(topic, `${index}`);
    const all = () => replicas.flatMap(({ texts }) => texts);
    await until('20 messages', () => all().length >= 20);
    expect(new Set(all()).size).toBe(20);
    expect(all()).toHaveLength(20);
  },
);

test('prefetchCount and concurrency hold for push consumers too', async () => {
  for (const [fields, most] of [
    [{ prefetchCount: '4' }, 4],
    [{ concurrency: 'single' }, 1],
  ] as const) {
    const push = { ...fields, consumerType: 'push' };
    const { host, topic, subscription, stream, info } = await subscribe(push);
    for (let index = 0; index < 20; index++) await host.publish(topic, `${index}`);
    await until('all to be sent by the server', async () => {
      return (await api.consumers.info(stream, info.name)).num_ack_pending === 20;
    });
    expect(subscription.messages).toHaveLength(most);
    subscription.ackAll();
    await subscription.received(20);
  }
});

test('a stream made anew: settling an old message does not settle a new one', async () => {
  const { host, topic, stream, subscription } = await subscribe({ ackWait: '2s' });
  await host.publish(topic, 'old');
  const [old] = await subscription.received(1);
  await api.streams.delete(stream);
  await pair.nats.stream(stream, topic);
  await until('publishing', () => host.publish(topic, 'new').then(() => true));
  await until('the new one', () => subscription.texts.includes('new'), 20_000);
  subscription.ack(old?.id ?? '');
  const fresh = subscription.messages.find(({ data }) => data.toString() === 'new');
  subscription.nak(fresh?.id ?? '');
  await until('it again', () => subscription.texts.filter((text) => text === 'new').length >= 2);
});

test('ackPolicy all: what was refused and is gone holds up nothing for ever', async () => {
  const { host, topic, stream, subscription } = await subscribe({
    ackPolicy: 'all',
    ackWait: '500ms',
    prefetchCount: '4',
  });
  for (let index = 0; index < 12; index++) await host.publish(topic, `${index}`);
  const [first] = await subscription.received(4);
  await api.streams.deleteMessage(stream, 1);
  subscription.nak(first?.id ?? '');
  subscription.ackAll();
  await until('all the others', () => new Set(subscription.texts).size === 12, 20_000);
});

test('what had its last delivery is not lost when the app stops', async () => {
  const dead = `last${++number}`;
  await pair.nats.stream(`LAST${number}`, dead);
  const fields = { maxDeliver: '1', deadLetterSubject: dead };
  const { host, topic, subscription } = await subscribe(fields);
  for (let index = 0; index < 5; index++) await host.publish(topic, `${index}`);
  await subscription.received(5);
  subscription.cancel();
  const letters = host.subscribe(dead);
  await letters.received(5);
});

test('a dead letter that its own subscription matches is not moved round and round', async () => {
  const name = `round${++number}`;
  await pair.nats.stream(`ROUND${number}`, `${name}.>`);
  const fields = { maxDeliver: '1', deadLetterSubject: `${name}.dead` };
  const host = await pair.host(fields, name);
  const subscription = host.subscribe(`${name}.>`);
  subscription.onMessage = ({ id }) => subscription.nak(id);
  await host.publish(`${name}.one`, 'poison');
  await pair.component.line(
    new RegExp(`"ROUND${number}".*terminated a dead letter that cannot be`),
  );
  expect((await api.streams.info(`ROUND${number}`)).state.messages).toBe(2);
});

test('what is delivered maxDeliver times and never settled goes to the dead letter subject', async () => {
  const dead = `never${++number}`;
  await pair.nats.stream(`NEVER${number}`, dead);
  const fields = { maxDeliver: '2', ackWait: '300ms', deadLetterSubject: dead };
  const { host, topic, subscription } = await subscribe(fields);
  await host.publish(topic, 'ignored');
  await subscription.received(1);
  const [letter] = await host.subscribe(dead).received(1);
  expect(letter?.data.toString()).toBe('ignored');
  expect(letter?.metadata['Dead-Letter-Reason']).toContain('never settled (maxDeliver)');
});

test('Subscription metadata that does nothing is warned of', async () => {
  await subscribe({}, { durableNmae: 'x', heartbeat: '1s', rawPayload: 'true' });
  await pair.component.line(/durableNmae is not a field; did you mean durableName\?/);
  await pair.component.line(/heartbeat has no effect in a Subscription's metadata/);
});
