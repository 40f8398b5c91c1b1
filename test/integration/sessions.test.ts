import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { Host } from '../support/host.ts';
import { NatsServer } from '../support/nats-server.ts';
import { startPair } from '../support/pair.ts';
import { Relay } from '../support/relay.ts';
import { SilentServers } from '../support/silent-servers.ts';
import { until } from '../support/wait.ts';

test('two hosts with the same Component name keep their own settings', async () => {
  await using pair = await startPair();
  await using elsewhere = await NatsServer.start();
  await pair.nats.stream('HERE', 'orders');
  await elsewhere.stream('THERE', 'orders');
  const here = await pair.host();
  const there = await pair.host({ natsURL: elsewhere.url });
  await here.publish('orders', 'here');
  await there.publish('orders', 'there');
  const first = async (nats: NatsServer, stream: string) =>
    (await nats.api.streams.getMessage(stream, { seq: 1 }))?.string();
  expect(await first(pair.nats, 'HERE')).toBe('here');
  expect(await first(elsewhere, 'THERE')).toBe('there');
});

test('a call before any Init: FAILED_PRECONDITION with the remedy', async () => {
  await using pair = await startPair();
  using host = new Host(pair.component.socket);
  await expect(host.publish('orders', 'x')).rejects.toMatchObject({
    code: status.FAILED_PRECONDITION,
    details: expect.stringContaining('restart daprd'),
  });
  const ended = await host.subscribe('orders').ended();
  expect(ended.code).toBe(status.FAILED_PRECONDITION);
  await host.call('Ping');
});

test('an idle reconnect without Init is adopted', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const before = await pair.host();
  await before.publish('orders', '1');
  before[Symbol.dispose]();
  using after = new Host(pair.component.socket);
  await until('adoption', () => after.publish('orders', '2').then(() => true));
  await pair.component.line(/reconnected without Init/);
});

test.each([
  'consumerID',
  // daprd knows it in the spelling above alone, and adds it in that.
  'CONSUMERid',
])('an idle reconnect that could be either of two, by %s, is refused', async (key) => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  using relay = await Relay.start(pair.component.socket);
  for (const own of ['one', 'other']) {
    using host = new Host(relay.socket);
    await host.init({ natsURL: pair.nats.url, consumerID: 'app', [key]: own });
  }
  relay.cut();
  await instancesGone(pair.nats);
  using after = new Host(pair.component.socket);
  await expect(after.publish('orders', 'x')).rejects.toMatchObject({
    code: status.FAILED_PRECONDITION,
    details: expect.stringContaining('several daprds'),
  });
});

test("a host that was never initialised here takes over nobody else's settings", async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  using orphan = new Host(pair.component.socket);
  const refused = { code: status.FAILED_PRECONDITION };
  const first = await pair.host({ consumerID: 'another' });
  await expect(orphan.publish('orders', 'x')).rejects.toMatchObject(refused);
  // Longer than a host that dials again may overlap with its old connection.
  await sleep(2_500);
  first[Symbol.dispose]();
  // Its settings could be adopted now, by a host that only dials again.
  using again = new Host(pair.component.socket);
  await until('adoption', () => again.publish('orders', 'x').then(() => true));
  await expect(orphan.publish('orders', 'x')).rejects.toMatchObject(refused);
  using late = new Host(pair.component.socket);
  await expect(late.publish('orders', 'x')).rejects.toMatchObject(refused);
});

test('of two replicas on one socket each may dial again while the other is there', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const one = await pair.host();
  const other = await pair.host();
  one[Symbol.dispose]();
  using again = new Host(pair.component.socket);
  await until('adoption', () => again.publish('orders', 'x').then(() => true));
  other[Symbol.dispose]();
  using later = new Host(pair.component.socket);
  await until('adoption', () => later.publish('orders', 'x').then(() => true));
});

test('settings that were reloaded are the ones adopted later', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const names = async () => {
    const { connections } = await pair.nats.monitor('connz');
    return connections.map(({ name }) => name);
  };
  using relay = await Relay.start(pair.component.socket);
  for (const name of ['old', 'reloaded']) {
    using host = new Host(relay.socket);
    await host.init({ natsURL: pair.nats.url, consumerID: 'app', name });
  }
  relay.cut();
  await until('both to be gone', async () => !(await names()).some((name) => name));
  using after = new Host(pair.component.socket);
  await until('adoption', () => after.publish('orders', '1').then(() => true));
  expect(await names()).toContain('reloaded');
  expect(await names()).not.toContain('old');
});

test('a subscription that is adopted while NATS is down waits for it', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const before = await pair.host();
  before[Symbol.dispose]();
  // Else its settings are not there to be adopted yet.
  await instancesGone(pair.nats);
  await pair.nats.stop();
  using after = new Host(pair.component.socket);
  const subscription = after.subscribe('orders');
  await pair.component.line(/reconnected without Init/);
  await pair.nats.startAgain();
  await until('publishing', () => after.publish('orders', '1').then(() => true));
  await subscription.received(1);
  expect(subscription.status).toBeUndefined();
});

test('Init again on the same connection takes the new settings', async () => {
  await using pair = await startPair();
  await using elsewhere = await NatsServer.start();
  await elsewhere.stream('THERE', 'orders');
  const host = await pair.host();
  await host.init({ natsURL: elsewhere.url, consumerID: 'app' });
  await host.publish('orders', '1');
  expect((await elsewhere.api.streams.info('THERE')).state.messages).toBe(1);
});

test('bad settings: INVALID_ARGUMENT that names every field', async () => {
  await using pair = await startPair();
  await expect(pair.host({ ackWait: '10', maxDeliver: 'x' })).rejects.toMatchObject({
    code: status.INVALID_ARGUMENT,
    details: expect.stringMatching(/ackWait: "10" needs a unit.*maxDeliver: "x"/),
  });
});

test('after a refused Init, later calls say why', async () => {
  await using pair = await startPair();
  using host = new Host(pair.component.socket);
  await expect(host.init({ natsURL: pair.nats.url, ackWait: '10' })).rejects.toThrow(/ackWait/);
  await expect(host.publish('orders', 'x')).rejects.toMatchObject({
    code: status.FAILED_PRECONDITION,
    details: expect.stringMatching(/Init was refused: .*ackWait/),
  });
  await host.init({ natsURL: pair.nats.url });
});

test('no server there: UNAVAILABLE within 5 s', async () => {
  await using pair = await startPair();
  const start = Date.now();
  await expect(pair.host({ natsURL: 'nats://127.0.0.1:1' })).rejects.toMatchObject({
    code: status.UNAVAILABLE,
    details: expect.stringContaining('127.0.0.1:1'),
  });
  expect(Date.now() - start).toBeLessThan(5_000);
});

test('servers that accept and say nothing: UNAVAILABLE within 5 s, and no connection stays', async () => {
  await using pair = await startPair();
  await using silent = await SilentServers.start(3);
  // The second list is not through when the time is up.
  for (const urls of [silent.urls.slice(0, 1), silent.urls]) {
    const start = Date.now();
    await expect(pair.host({ natsURL: urls.join(',') })).rejects.toMatchObject({
      code: status.UNAVAILABLE,
    });
    expect(Date.now() - start).toBeLessThan(5_000);
    await until('the end of its connections', () => silent.open === 0, 1_000);
  }
});

test('credentials: in the URL or in fields; wrong ones are UNAUTHENTICATED and not repeated', async () => {
  const user = { user: 'joe', pass: 'p@ss' };
  await using pair = await startPair({
    nats: { config: 'authorization { user: joe, password: "p@ss" }', client: user },
  });
  const { port } = pair.nats;
  await pair.host({ natsURL: `nats://joe:p%40ss@127.0.0.1:${port}` });
  await pair.host({ username: 'joe', password: 'p@ss' });
  await expect(pair.host({ username: 'joe', password: 'wr0ng' })).rejects.toMatchObject({
    code: status.UNAUTHENTICATED,
    details: expect.not.stringContaining('wr0ng'),
  });
  await expect(pair.host()).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  expect(pair.component.lines.join('\n')).not.toMatch(/p@ss|p%40ss|wr0ng/);
});

test('a token: in the URL or in its field', async () => {
  await using pair = await startPair({
    nats: { config: 'authorization { token: "s3cret" }', client: { token: 's3cret' } },
  });
  await pair.host({ token: 's3cret' });
  await pair.host({ natsURL: `nats://s3cret@127.0.0.1:${pair.nats.port}` });
  await expect(pair.host({ token: 'no' })).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
});

test('tls:// against a server without TLS: no connection, never plain text', async () => {
  await using pair = await startPair();
  const natsURL = `tls://127.0.0.1:${pair.nats.port}`;
  await expect(pair.host({ natsURL })).rejects.toMatchObject({
    code: status.UNAVAILABLE,
    details: expect.stringContaining('tls'),
  });
});

/** Waits until the component has no connection to it. */
function instancesGone(nats: NatsServer): Promise<unknown> {
  return until('the instances to be gone', async () => {
    const { connections } = await nats.monitor('connz');
    return connections.every(({ name }) => name !== 'dapr.io - pubsub.jetstream');
  });
}
