import { setImmediate as turn } from 'node:timers/promises';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import { Outbox } from '../../src/jetstream/outbox.ts';
import { NatsServer } from '../support/nats-server.ts';
import { until } from '../support/wait.ts';

/** An outbox on a connection of its own, and what arrives of what goes through it. */
async function start() {
  await using stack = new AsyncDisposableStack();
  const nats = stack.use(await NatsServer.start());
  const connection: NatsConnection = await connect({ servers: nats.url });
  stack.defer(() => connection.close());
  const arrived: string[] = [];
  nats.client.subscribe('a', { callback: (_, message) => void arrived.push(message.string()) });
  await nats.client.flush();
  const owned = stack.move();
  return {
    outbox: new Outbox(connection),
    connection,
    arrived,
    count: (wanted: number) => until(`${wanted} messages`, () => arrived.length >= wanted),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `${index}`);

test('the order stays, whoever waits for what', async () => {
  await using to = await start();
  const texts = numbered(300);
  for (const [index, text] of texts.entries()) {
    if (index % 3 === 0) to.outbox.send({ subject: 'a', payload: text });
    else to.outbox.sendLater({ subject: 'a', payload: text });
    if (index % 50 === 0) await turn();
  }
  await to.count(texts.length);
  expect(to.arrived).toEqual(texts);
});

test('what nobody waits for is sent all the same', async () => {
  await using to = await start();
  to.outbox.sendLater({ subject: 'a', payload: 'alone' });
  await to.count(1);
});

test('what nobody waits for goes with what somebody does', async () => {
  await using to = await start();
  to.outbox.sendLater({ subject: 'a', payload: 'first' });
  to.outbox.send({ subject: 'a', payload: 'second' });
  await turn();
  // Nothing is left that a timer could send.
  to.outbox.clear();
  await to.count(2);
  expect(to.arrived).toEqual(['first', 'second']);
});

test('129 of them wait for nothing', async () => {
  await using to = await start();
  for (const text of numbered(129)) to.outbox.sendLater({ subject: 'a', payload: text });
  await turn();
  to.outbox.clear();
  await to.count(129);
});

test('what waits at a disconnect is forgotten', async () => {
  await using to = await start();
  to.outbox.send({ subject: 'a', payload: 'forgotten' });
  to.outbox.sendLater({ subject: 'a', payload: 'forgotten' });
  to.outbox.clear();
  to.outbox.send({ subject: 'a', payload: 'sent' });
  await to.count(1);
  await to.connection.flush();
  expect(to.arrived).toEqual(['sent']);
});

test('flush hands over at once', async () => {
  await using to = await start();
  to.outbox.send({ subject: 'a', payload: 'one' });
  to.outbox.sendLater({ subject: 'a', payload: 'two' });
  to.outbox.flush();
  to.outbox.clear();
  await to.count(2);
});

test('what the client does not take is told, and holds up nothing', async () => {
  await using to = await start();
  const failed: unknown[] = [];
  to.outbox.send({
    subject: 'a',
    payload: Buffer.alloc(2 * 1024 * 1024),
    onRefused: (error) => failed.push(error),
  });
  to.outbox.send({ subject: 'a', payload: 'after' });
  await to.count(1);
  expect(failed).toEqual([
    expect.objectContaining({ message: expect.stringContaining('payload') }),
  ]);
  await to.connection.close();
  to.outbox.send({
    subject: 'a',
    payload: 'closed',
    onRefused: (error) => failed.push(error),
  });
  await until('the second failure', () => failed.length === 2);
});
