import { status } from '@grpc/grpc-js';
import { afterAll, expect, test } from 'vitest';
import { startPair } from '../../support/pair.ts';
import { until } from '../../support/wait.ts';

const pair = await startPair();
afterAll(() => pair[Symbol.asyncDispose]());
const { api } = pair.nats;

test('streamName: the one to use, and the one to wait for', async () => {
  await pair.nats.stream('NAMED', 'named');
  const host = await pair.host({ streamName: 'OTHER' }, 'named');
  host.subscribe('named');
  await pair.component.line(/there is no stream .*OTHER.* create it: nats stream add OTHER/);
  const right = (await pair.host({ streamName: 'NAMED' }, 'right')).subscribe('named');
  await host.publish('named', 'x');
  await right.received(1);
});

test('streamManagement none: nothing is made', async () => {
  const host = await pair.host({}, 'none');
  await expect(host.publish('unmade', 'x')).rejects.toMatchObject({
    code: status.FAILED_PRECONDITION,
  });
  await expect(api.streams.info('unmade')).rejects.toThrow('not found');
});

test('streamManagement create: by a publish, with the topic as subject', async () => {
  const host = await pair.host({ streamManagement: 'create' }, 'create');
  await host.publish('made.by-publish', 'x');
  const stream = await api.streams.find('made.by-publish');
  expect(stream).toMatch(/^made_by-publish~[0-9a-f]{12}$/);
  const { config, state } = await api.streams.info(stream);
  expect(config.subjects).toEqual(['made.by-publish']);
  expect(state.messages).toBe(1);
});

test('streamManagement create: by a subscription, with every field', async () => {
  const host = await pair.host(
    {
      streamManagement: 'create',
      streamName: 'EVERYTHING',
      streamSubjects: 'every.*, all.>',
      streamStorage: 'memory',
      streamRetention: 'interest',
      streamMaxAge: '1h',
      streamMaxBytes: '1048576',
      duplicateWindow: '30s',
    },
    'everything',
  );
  const subscription = host.subscribe('every.thing');
  const { config } = await until('the stream', () => api.streams.info('EVERYTHING'));
  expect(config).toMatchObject({
    subjects: ['every.*', 'all.>'],
    storage: 'memory',
    retention: 'interest',
    max_age: 3600e9,
    max_bytes: 1_048_576,
    duplicate_window: 30e9,
  });
  // By interest a stream keeps only what somebody has subscribed to.
  await until('the consumer', () =>
    api.consumers
      .list('EVERYTHING')
      .next()
      .then(([one]) => one),
  );
  await host.publish('every.thing', 'x', { msgId: 'once' });
  await host.publish('every.thing', 'x', { msgId: 'once' });
  await host.publish('every.thing', 'y');
  await subscription.received(2);
  expect(subscription.texts).toEqual(['x', 'y']);
});

test.each(['limits', 'interest', 'workqueue'])('streamRetention %s', async (streamRetention) => {
  const topic = `retained-${streamRetention}`;
  const host = await pair.host({ streamManagement: 'create', streamRetention }, topic);
  const subscription = host.subscribe(topic);
  subscription.ackAll();
  await until('the stream', () => api.streams.info(topic));
  await until('the consumer', () =>
    api.consumers
      .list(topic)
      .next()
      .then(([one]) => one),
  );
  await host.publish(topic, 'x');
  await subscription.received(1);
  const kept = streamRetention === 'limits' ? 1 : 0;
  await until('what is kept', async () => (await api.streams.info(topic)).state.messages === kept);
});

test('streamStorage file, streamMaxAge: messages grow old', async () => {
  const fields = { streamManagement: 'create', streamStorage: 'file', streamMaxAge: '500ms' };
  const host = await pair.host({ ...fields, duplicateWindow: '500ms' }, 'aging');
  await host.publish('aging', 'x');
  expect((await api.streams.info('aging')).config.storage).toBe('file');
  await until('none left', async () => (await api.streams.info('aging')).state.messages === 0);
});

test('streamMaxBytes: old messages make room', async () => {
  const fields = { streamManagement: 'create', streamMaxBytes: '2000' };
  const host = await pair.host(fields, 'small');
  for (let index = 0; index < 5; index++) await host.publish('small', Buffer.alloc(900));
  expect((await api.streams.info('small')).state.messages).toBeLessThan(3);
});

test('streamManagement update: brings an existing stream in line, and takes nothing away', async () => {
  await pair.nats.stream('OLD', 'old.one');
  const host = await pair.host(
    { streamManagement: 'update', streamName: 'OLD', streamMaxAge: '2h' },
    'update',
  );
  host.subscribe('old.two');
  await until('the new subject', async () => {
    const { config } = await api.streams.info('OLD');
    return config.subjects?.length === 2 && config.max_age === 7200e9;
  });
  expect((await api.streams.info('OLD')).config.subjects).toEqual(['old.one', 'old.two']);
});

test('what the server does not let one change is said, with its reason', async () => {
  await pair.nats.stream('FIXED', 'fixed');
  const fields = { streamManagement: 'update', streamName: 'FIXED', streamStorage: 'memory' };
  const host = await pair.host(fields, 'fixed');
  const subscription = host.subscribe('fixed');
  await pair.component.line(/stream FIXED cannot be updated as the stream\* fields say: .*storage/);
  expect(subscription.status).toBeUndefined();
});

test('two that create the same stream at once both get it', async () => {
  const hosts = await Promise.all(
    ['one', 'two', 'three'].map((name) =>
      pair.host({ streamManagement: 'create' }, `race ${name}`),
    ),
  );
  await Promise.all(hosts.map((host) => host.publish('race', 'x')));
  expect((await api.streams.info('race')).state.messages).toBe(3);
});

test('topics that read alike get streams of their own', async () => {
  const host = await pair.host({ streamManagement: 'create' }, 'alike');
  for (const topic of ['like.this', 'like_this']) await host.publish(topic, topic);
  expect(await api.streams.find('like.this')).not.toBe(await api.streams.find('like_this'));
});

test('a topic that streamSubjects does not cover is said, and nothing is made', async () => {
  const fields = { streamManagement: 'create', streamSubjects: 'covered.>' };
  const host = await pair.host(fields, 'uncovered');
  await expect(host.publish('uncovered', 'x')).rejects.toMatchObject({
    code: status.FAILED_PRECONDITION,
    details: expect.stringContaining('streamSubjects (covered.>) does not cover it'),
  });
});

test('streamName: a mirror, which lists no subjects, delivers', async () => {
  await pair.nats.stream('ORIGIN', 'mirrored');
  await api.streams.add({ name: 'MIRROR', mirror: { name: 'ORIGIN' } });
  const host = await pair.host({ streamName: 'MIRROR' }, 'mirrored');
  const subscription = host.subscribe('mirrored');
  await host.publish('mirrored', 'x');
  await subscription.received(1);
});
