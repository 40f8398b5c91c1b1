import { expect, test } from 'vitest';
import { startComponent } from '../support/component.ts';
import { Host } from '../support/host.ts';
import { type Pair, startPair } from '../support/pair.ts';
import { until } from '../support/wait.ts';

const dead = async ({ nats }: Pair) => (await nats.api.streams.info('DEAD')).state.messages;

test('stopped before a dead letter could be stored: the next process stores it', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const fields = { deadLetterSubject: 'dead', maxDeliver: '1', ackWait: '5s' };
  const host = await pair.host(fields);
  const subscription = host.subscribe('orders');
  await host.publish('orders', 'x');
  const [message] = await subscription.received(1);
  subscription.nak(message?.id ?? '');
  await pair.component.line(/cannot store a dead letter yet/);
  pair.component.signal('SIGTERM');
  expect(await pair.component.ended).toBe(0);
  expect(pair.component.lines.join('\n')).toContain('stopped with 1 dead letter(s) not stored');
  expect(pair.component.lines.join('\n')).not.toContain('gave back');
  await pair.nats.stream('DEAD', 'dead');
  await using next = await startComponent({ folder: pair.folder });
  using again = new Host(next.socket);
  await again.init({ natsURL: pair.nats.url, consumerID: 'app', ...fields });
  again.subscribe('orders');
  await until('the dead letter', async () => (await dead(pair)) === 1);
});

test('a message that leaves no room for why it died is kept whole, without it', async () => {
  await using pair = await startPair({ nats: { config: 'max_payload: 8192' } });
  await pair.nats.stream('ORDERS', 'orders');
  await pair.nats.stream('DEAD', 'dead');
  const host = await pair.host({ deadLetterSubject: 'dead', maxDeliver: '1' });
  const subscription = host.subscribe('orders');
  subscription.onMessage = ({ id }) => subscription.nak(id);
  const data = 'x'.repeat(8_100);
  await host.publish('orders', data, { own: 'header' });
  await until('the dead letter', async () => (await dead(pair)) === 1);
  const letter = await pair.nats.api.streams.getMessage('DEAD', { seq: 1 });
  expect(letter?.string()).toBe(data);
  expect([...(letter?.header ?? [])]).toEqual([['own', ['header']]]);
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
