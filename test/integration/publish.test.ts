import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { startPair } from '../support/pair.ts';
import { RawClient } from '../support/raw-client.ts';
import { TcpRelay } from '../support/relay.ts';
import { until } from '../support/wait.ts';

const event = (id: string) =>
  JSON.stringify({ specversion: '1.0', id, source: 'test', type: 'test', data: 1 });

test('the same CloudEvent is stored once a subject, raw payloads each time', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders', 'dead');
  const host = await pair.host();
  await host.publish('orders', event('e1'));
  await host.publish('orders', event('e1'));
  await host.publish('dead', event('e1'));
  for (const raw of ['null', 'null', '{"id":"e1"}', '{"id":"e1"}'])
    await host.publish('orders', raw);
  const { state } = await pair.nats.api.streams.info('ORDERS');
  expect(state.messages).toBe(6);
});

test('an empty message is a message', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  await host.publish('orders', '');
  expect((await pair.nats.api.streams.info('ORDERS')).state.messages).toBe(1);
});

test('without a stream: FAILED_PRECONDITION that names the subject and the remedy', async () => {
  await using pair = await startPair();
  const host = await pair.host();
  await expect(host.publish('nowhere', 'x')).rejects.toMatchObject({
    code: status.FAILED_PRECONDITION,
    details: expect.stringMatching(/no stream takes the subject "nowhere".*nats stream add/),
  });
});

test('a plain NATS subscriber is no stream: not OK, and it says so', async () => {
  await using pair = await startPair();
  pair.nats.client.subscribe('echo', { callback: (_, message) => void message.respond('hi') });
  await pair.nats.client.flush();
  const host = await pair.host();
  await expect(host.publish('echo', 'x')).rejects.toMatchObject({
    code: status.FAILED_PRECONDITION,
  });
});

test('a subscriber that never answers: DEADLINE_EXCEEDED after publishTimeout', async () => {
  await using pair = await startPair();
  pair.nats.client.subscribe('silence', { callback: () => undefined });
  await pair.nats.client.flush();
  const host = await pair.host({ publishTimeout: '300ms' });
  await expect(host.publish('silence', 'x')).rejects.toMatchObject({
    code: status.DEADLINE_EXCEEDED,
    details: expect.stringContaining('publishTimeout'),
  });
});

test.each(['', 'a b', 'a..b', 'orders.*', '$JS.API.STREAM.DELETE.ORDERS', 'x'.repeat(300)])(
  'topic %j: INVALID_ARGUMENT, and the connection stays',
  async (topic) => {
    await using pair = await startPair();
    await pair.nats.stream('ORDERS', 'orders');
    const host = await pair.host();
    await expect(host.publish(topic, 'x')).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    await host.publish('orders', 'still works');
  },
);

test('over max_payload: INVALID_ARGUMENT with both sizes', async () => {
  await using pair = await startPair({ nats: { config: 'max_payload: 8192' } });
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  await expect(host.publish('orders', Buffer.alloc(10_000))).rejects.toMatchObject({
    code: status.INVALID_ARGUMENT,
    details: expect.stringMatching(/10000 bytes.*8192 \(max_payload\)/),
  });
  await host.publish('orders', Buffer.alloc(8_000));
});

test.each([
  ['a value too long', { key: 'x'.repeat(70_000) }],
  ['an id too long', { msgId: 'x'.repeat(70_000) }],
  ['too many keys', Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`k${n}`, 'v']))],
])('metadata with %s: INVALID_ARGUMENT', async (_, metadata) => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  await expect(host.publish('orders', 'x', metadata as never)).rejects.toMatchObject({
    code: status.INVALID_ARGUMENT,
  });
});

test("a stream's refusal is passed on", async () => {
  await using pair = await startPair();
  await pair.nats.api.streams.add({
    name: 'FULL',
    subjects: ['full'],
    max_msgs: 1,
    discard: 'new' as never,
  });
  const host = await pair.host();
  await host.publish('full', 'first');
  await expect(host.publish('full', 'second')).rejects.toMatchObject({
    code: status.UNAVAILABLE,
    details: expect.stringContaining('maximum messages exceeded'),
  });
});

test('a bulk reports exactly the entries that failed', async () => {
  await using pair = await startPair({ nats: { config: 'max_payload: 8192' } });
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const entries = [
    { entryId: 'a', event: Buffer.from('1') },
    { entryId: 'b', event: Buffer.alloc(10_000) },
    { entryId: 'c', event: Buffer.from('3'), metadata: { key: 'own' } },
  ];
  const { failedEntries } = await host.call('BulkPublish', {
    entries,
    topic: 'orders',
    metadata: { key: 'shared' },
  });
  expect(failedEntries).toEqual([{ entryId: 'b', error: expect.stringContaining('max_payload') }]);
  expect((await pair.nats.api.streams.info('ORDERS')).state.messages).toBe(2);
  const header = async (seq: number) =>
    (await pair.nats.api.streams.getMessage('ORDERS', { seq }))?.header.get('key');
  expect([await header(1), await header(2)]).toEqual(['shared', 'own']);
});

test('a bulk under which the connection breaks: each entry has the outcome it would have alone', async () => {
  await using pair = await startPair({ nats: { config: 'max_payload: 8192' } });
  await pair.nats.stream('ORDERS', 'orders');
  await using relay = await TcpRelay.start(pair.nats.port);
  const host = await pair.host({ natsURL: `nats://127.0.0.1:${relay.port}` });
  relay.hold();
  const bulk = host.call('BulkPublish', {
    entries: [
      { entryId: 'event', event: Buffer.from(event('e1')) },
      { entryId: 'too large', event: Buffer.alloc(10_000) },
      { entryId: 'raw', event: Buffer.from('raw') },
    ],
    topic: 'orders',
  });
  const stored = async () => (await pair.nats.api.streams.info('ORDERS')).state.messages;
  await until('both on the stream, unconfirmed', async () => (await stored()) === 2);
  relay.cut();
  const { failedEntries } = await bulk;
  const errors = Object.fromEntries(
    failedEntries.map(({ entryId, error }: { entryId: string; error: string }) => [entryId, error]),
  );
  expect(errors).toEqual({
    'too large': expect.stringContaining('max_payload'),
    raw: expect.stringContaining('broke before the confirmation'),
  });
  expect(await stored()).toBe(2);
});

test('a publish that fails says whether the message may have been stored', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  await using relay = await TcpRelay.start(pair.nats.port);
  const natsURL = `nats://127.0.0.1:${relay.port}`;
  const host = await pair.host({ natsURL, publishTimeout: '3s' });
  const failure = (data: string) =>
    host.publish('orders', data).then(
      () => 'stored',
      ({ details }) => details as string,
    );
  relay.hold();
  const silent = failure(event('e1'));
  expect(await silent).toMatch(/no stream confirmed "orders".*; the message may have been stored$/);
  const broken = failure(event('e2'));
  await until('both on the stream', async () => {
    return (await pair.nats.api.streams.info('ORDERS')).state.messages === 2;
  });
  await pair.nats.stop();
  expect(await broken).toMatch(/not connected to NATS .*; the message may have been stored$/);
  const never = await failure(event('e3'));
  expect(never).toContain('not connected to NATS');
  expect(never).not.toContain('stored');
});

test('a bulk for a topic that is no subject fails entry by entry; an empty one is done', async () => {
  await using pair = await startPair();
  const host = await pair.host();
  const entries = ['a', 'b'].map((entryId) => ({ entryId, event: Buffer.from('1') }));
  const { failedEntries } = await host.call('BulkPublish', { entries, topic: 'a b' });
  const error = expect.stringContaining('no NATS subject');
  expect(failedEntries).toEqual(entries.map(({ entryId }) => ({ entryId, error })));
  expect(await host.call('BulkPublish', { topic: 'orders' })).toEqual({ failedEntries: [] });
});

test('an id for a whole bulk does not make its messages duplicates of each other', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const entries = ['a', 'b', 'c'].map((entryId) => ({ entryId, event: Buffer.from(entryId) }));
  await host.call('BulkPublish', { entries, topic: 'orders', metadata: { msgId: 'same' } });
  expect((await pair.nats.api.streams.info('ORDERS')).state.messages).toBe(3);
});

test('a missing permission is said at once, not after the timeout', async () => {
  const config = `
    authorization { users: [
      { user: test, password: test }
      { user: mute, password: p, permissions: { publish: { deny: "orders" } } }
      { user: deaf, password: p, permissions: { subscribe: { deny: "_INBOX.>" } } }
    ] }`;
  const client = { user: 'test', pass: 'test' };
  await using pair = await startPair({ nats: { config, client } });
  await pair.nats.stream('ORDERS', 'orders');
  for (const username of ['mute', 'deaf']) {
    const host = await pair.host({ username, password: 'p' }, username);
    const start = Date.now();
    await expect(host.publish('orders', 'x')).rejects.toMatchObject({
      code: status.PERMISSION_DENIED,
    });
    expect(Date.now() - start).toBeLessThan(2_000);
  }
});

test('an answer that cannot be read is none, and harms nobody', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const raw = await RawClient.connect(pair.nats.port);
  raw.send('SUB odd 1\r\n');
  raw.onData = (text) => {
    const [, reply] = /^MSG odd 1 (\S+) /m.exec(text) ?? [];
    if (reply) raw.send(`HPUB ${reply} 24 24\r\nNATS/1.0\r\nbad key: 1\r\n\r\n\r\n`);
  };
  const host = await pair.host({ publishTimeout: '500ms' });
  await host.publish('odd', 'x').catch(() => undefined);
  await host.publish('orders', 'still works');
  raw.close();
});

test('a short outage is waited out: what is published in it is stored once', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  await pair.nats.stop('SIGKILL');
  await pair.component.line(/lost the connection to NATS/);
  const published = Array.from({ length: 20 }, (_, index) =>
    host.publish('orders', index % 2 ? `raw ${index}` : event(`e${index}`)),
  );
  await pair.nats.startAgain();
  await Promise.all(published);
  const { state } = await until('the stream', () => pair.nats.api.streams.info('ORDERS'));
  expect(state.messages).toBe(20);
});

test('a longer outage: UNAVAILABLE after publishTimeout, then at once; afterwards OK', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host({ publishTimeout: '1s' });
  await pair.nats.stop('SIGKILL');
  await pair.component.line(/lost the connection to NATS/);
  const refused = { code: status.UNAVAILABLE, details: expect.stringMatching(/not connected/) };
  await expect(host.publish('orders', 'early')).rejects.toMatchObject(refused);
  const start = Date.now();
  await expect(host.publish('orders', 'late')).rejects.toMatchObject(refused);
  expect(Date.now() - start).toBeLessThan(500);
  await pair.nats.startAgain();
  await pair.component.line(/reconnected to NATS/);
  await host.publish('orders', 'after');
  const { state } = await until('the stream', () => pair.nats.api.streams.info('ORDERS'));
  expect(state.messages).toBe(1);
});

test('a connection that breaks under load: each CloudEvent is OK, and stored once', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  await using relay = await TcpRelay.start(pair.nats.port);
  const host = await pair.host({ natsURL: `nats://127.0.0.1:${relay.port}` });
  let next = 0;
  const caller = async () => {
    while (next < 2_000) {
      const index = next++;
      if (index % 400 === 200) relay.cut();
      await host.publish('orders', event(`e${index}`));
    }
  };
  await Promise.all(Array.from({ length: 32 }, caller));
  const { state } = await pair.nats.api.streams.info('ORDERS');
  expect(state.messages).toBe(2_000);
});

test('a server that takes nothing more is given up for one that does', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  await using relay = await TcpRelay.start(pair.nats.port);
  const host = await pair.host({ natsURL: `nats://127.0.0.1:${relay.port}` });
  await host.publish('orders', 'before');
  relay.freeze();
  // More than the buffers on the way hold: the last of it is never written out.
  const large = Buffer.alloc(900_000);
  const lost = Array.from({ length: 20 }, () => host.publish('orders', large));
  expect((await Promise.allSettled(lost)).every(({ status }) => status === 'rejected')).toBe(true);
  await pair.component.line(/reconnected to NATS/, 25_000);
  await host.publish('orders', 'after');
});
