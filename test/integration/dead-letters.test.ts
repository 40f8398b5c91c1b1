import { expect, test } from 'vitest';
import { startComponent } from '../support/component.ts';
import { Host } from '../support/host.ts';
import { type Pair, startPair } from '../support/pair.ts';
import { until } from '../support/wait.ts';

const dead = async ({ nats }: Pair) => (await nats.api.streams.info('DEAD')).state.messages;

test('stopped before a dead letter could be stored: the next process stores it', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  // Long enough for all that happens before it is over.
  const fields = { deadLetterSubject: 'dead', maxDeliver: '1', ackWait: '15s' };
  const host = await pair.host(fields);
  const subscription = host.subscribe('orders');
  await host.publish('orders', 'x');
  const [message] = await subscription.received(1);
  subscription.nak(message?.id ?? '');
  await pair.component.line(/cannot store a dead letter yet/);
  pair.component.signal('SIGTERM');
  expect(await pair.component.ended).toBe(0);
  const lines = pair.component.lines.join('\n');
  expect(lines).toMatch(/"streamSequences":\[1\],"msg":"1 dead letter\(s\) not stored/);
  expect(lines).not.toMatch(/gave back|lost/);
  await pair.nats.stream('DEAD', 'dead');
  await using next = await startComponent({ folder: pair.folder });
  using again = new Host(next.socket);
  await again.init({ natsURL: pair.nats.url, consumerID: 'app', ...fields });
  again.subscribe('orders');
  await until('the dead letter', async () => (await dead(pair)) === 1, 30_000);
});

test.each([
  ['never settled in time', { ackWait: '500ms' }, 'leave it'],
  ['refused, with ackPolicy all', { ackPolicy: 'all' }, 'refuse it'],
])('stopped, and nobody will tell of it again: %s: said to be lost', async (_, fields, what) => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host({ deadLetterSubject: 'dead', maxDeliver: '1', ...fields });
  const subscription = host.subscribe('orders');
  await host.publish('orders', 'x');
  const [message] = await subscription.received(1);
  if (what === 'refuse it') subscription.nak(message?.id ?? '');
  await pair.component.line(/cannot store a dead letter yet/);
  pair.component.signal('SIGTERM');
  expect(await pair.component.ended).toBe(0);
  const lines = pair.component.lines.join('\n');
  expect(lines).toMatch(/"streamSequences":\[1\],"msg":"1 dead letter\(s\) lost/);
  expect(lines).not.toMatch(/gave back|not stored/);
});

test('dead twice before a stream takes it: stored, counted and told of once', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host({ deadLetterSubject: 'dead', maxDeliver: '1', ackWait: '500ms' });
  const subscription = host.subscribe('orders');
  await host.publish('orders', 'x');
  const [message] = await subscription.received(1);
  await pair.component.line(/cannot store a dead letter yet/);
  subscription.nak(message?.id ?? '');
  await pair.nats.stream('DEAD', 'dead');
  await pair.component.line(/moved a message to dead/);
  await until('its place', async () => {
    return (await pair.nats.api.consumers.info('ORDERS', 'app-orders')).num_ack_pending === 0;
  });
  expect(await dead(pair)).toBe(1);
  expect(pair.component.lines.filter((line) => line.includes('moved a message'))).toHaveLength(1);
});

test.each([
  ['why it died', 7_900, ['own', 'Dead-Letter-Subject', 'Nats-Msg-Id']],
  ['anything besides', 8_150, ['own']],
])('a message that leaves no room for %s is kept whole, without it', async (_, size, keys) => {
  await using pair = await startPair({ nats: { config: 'max_payload: 8192' } });
  await pair.nats.stream('ORDERS', 'orders');
  await pair.nats.stream('DEAD', 'dead');
  const host = await pair.host({ deadLetterSubject: 'dead', maxDeliver: '1' });
  const subscription = host.subscribe('orders');
  subscription.onMessage = ({ id }) => subscription.nak(id);
  const data = 'x'.repeat(size);
  await host.publish('orders', data, { own: 'header' });
  await until('the dead letter', async () => (await dead(pair)) === 1);
  const letter = await pair.nats.api.streams.getMessage('DEAD', { seq: 1 });
  expect(letter?.string()).toBe(data);
  expect(letter?.header?.keys()).toEqual(keys);
  await until('its place', async () => {
    return (await pair.nats.api.consumers.info('ORDERS', 'app-orders')).num_ack_pending === 0;
  });
});

test('a message that the dead letter subject can never take is given up, and said so', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  await pair.nats.api.streams.add({ name: 'DEAD', subjects: ['dead'], max_msg_size: 1_000 });
  const host = await pair.host({ deadLetterSubject: 'dead', maxDeliver: '1' });
  const subscription = host.subscribe('orders');
  subscription.onMessage = ({ id }) => subscription.nak(id);
  await host.publish('orders', 'x'.repeat(2_000));
  await pair.component.line(/terminated a message that dead cannot take: .*message size exceeds/);
  await until('its place', async () => {
    return (await pair.nats.api.consumers.info('ORDERS', 'app-orders')).num_ack_pending === 0;
  });
});
