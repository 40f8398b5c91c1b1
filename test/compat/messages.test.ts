import { describe, expect, test } from 'vitest';
import { daprClient } from '../support/dapr-client.ts';
import { until } from '../support/wait.ts';
import { matrix, numberOf, numbersOf, startOn, startStand, title } from './matrix.ts';

const first = (count: number) => Array.from({ length: count }, (_, n) => n);

describe.each(matrix)(title, (combination) => {
  /** Handlers that run at the same time may end in any order. */
  const inOrder = (numbers: number[]) =>
    combination.parallel ? numbers.toSorted((one, other) => one - other) : numbers;

  test.each(['http', 'grpc'] as const)('100 messages over %s, each once', async (protocol) => {
    await using pair = await startStand(combination);
    await using sidecar = await startOn(combination, pair, { protocol });
    const dapr = daprClient(protocol, sidecar.daprd);
    for (const n of first(100)) {
      const { error } = await dapr.pubsub.publish('pubsub', 'orders', { n });
      expect(error).toBeUndefined();
    }
    await sidecar.app.count(100);
    expect(inOrder(numbersOf(sidecar.app))).toEqual(first(100));
    await dapr.stop();
  });

  test('a bulk arrives whole', async () => {
    await using pair = await startStand(combination);
    await using sidecar = await startOn(combination, pair);
    const dapr = daprClient('http', sidecar.daprd);
    const messages = first(250).map((n) => ({ n }));
    const { failedMessages } = await dapr.pubsub.publishBulk('pubsub', 'orders', messages);
    expect(failedMessages).toEqual([]);
    await sidecar.app.count(250);
    expect(inOrder(numbersOf(sidecar.app))).toEqual(first(250));
    await dapr.stop();
  });

  test('a handler that fails gets its message again, the others once', async () => {
    await using pair = await startStand(combination);
    const runs: number[] = [];
    const handle = (data: unknown) => {
      const n = numberOf(data);
      runs.push(n);
      if (n === 1 && runs.filter((run) => run === 1).length <= 2) throw new Error('not yet');
    };
    await using sidecar = await startOn(combination, pair, { handle });
    for (const n of first(3)) await sidecar.daprd.publish('pubsub', 'orders', { n });
    await sidecar.app.count(3);
    expect(runs.toSorted()).toEqual([0, 1, 1, 1, 2]);
  });

  test("Dapr's dead letter topic, in the same stream", async () => {
    await using pair = await startStand(combination);
    const handle = (_: unknown, topic: string) => {
      if (topic === 'orders') throw new Error('never');
    };
    const topics = ['orders', 'orders.dead'];
    const app = { topics, deadLetterTopic: 'orders.dead', handle };
    await using sidecar = await startOn(combination, pair, app);
    await sidecar.daprd.publish('pubsub', 'orders', { n: 1 });
    await sidecar.app.count(1);
    expect(sidecar.app.received).toEqual([{ topic: 'orders.dead', data: { n: 1 } }]);
  });

  test.each([
    ['fewer delays', '10ms, 20ms'],
    ['as many delays as deliveries', '10ms, 20ms, 30ms'],
  ])('a message that used up maxDeliver is at deadLetterSubject: %s', async (_, backOff) => {
    await using pair = await startStand(combination);
    let runs = 0;
    const handle = () => {
      runs++;
      throw new Error('never');
    };
    const metadata = { maxDeliver: '3', backOff, deadLetterSubject: 'orders.dead' };
    await using sidecar = await startOn(combination, pair, { handle }, { metadata });
    const dead = pair.nats.client.subscribe('orders.dead', { max: 1 });
    await sidecar.daprd.publish('pubsub', 'orders', { n: 1 });
    for await (const message of dead) expect(message.string()).toContain('"n":1');
    expect(runs).toBe(3);
  });

  test('a wildcard topic delivers what it matches', async () => {
    await using pair = await startStand(combination);
    await using sidecar = await startOn(combination, pair, { topics: ['orders.*'] });
    await sidecar.daprd.publish('pubsub', 'orders.created', { n: 1 });
    await sidecar.daprd.publish('pubsub', 'orders.deep.down', { n: 2 });
    await sidecar.daprd.publish('pubsub', 'orders.paid', { n: 3 });
    await sidecar.app.count(2);
    expect(inOrder(numbersOf(sidecar.app))).toEqual([1, 3]);
  });

  test('two replicas of an app share the messages', async () => {
    await using pair = await startStand(combination);
    const few = { metadata: { prefetchCount: '5' } };
    await using one = await startOn(combination, pair, {}, few);
    await using two = await startOn(combination, pair, {}, few);
    for (const n of first(60)) await one.daprd.publish('pubsub', 'orders', { n });
    const all = () => [...numbersOf(one.app), ...numbersOf(two.app)];
    await until('60 messages', () => all().length >= 60);
    expect(all().toSorted((one, other) => one - other)).toEqual(first(60));
    for (const { app } of [one, two]) expect(app.received.length).toBeGreaterThan(0);
  });
});
