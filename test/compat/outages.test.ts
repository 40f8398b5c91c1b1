import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Load } from '../chaos/load.ts';
import { Tally } from '../support/tally.ts';
import { until } from '../support/wait.ts';
import { matrix, numberOf, startOn, startStand, title } from './matrix.ts';

/** How long everything may take to arrive after an outage. Unit: milliseconds. */
const settleLimit = 40_000;

/** Once each of the combination's servers. */
const servers = matrix.filter(({ daprd }) => daprd === 'daprd');

/** Unit: messages a second. */
const rate = 100;

describe.each(matrix)(title, (combination) => {
  test.each([
    ['stopped', 'SIGTERM'],
    ['killed', 'SIGKILL'],
  ] as const)('NATS %s under load: nothing acknowledged is lost', async (_, signal) => {
    await using pair = await startStand(combination);
    const tally = new Tally();
    const handle = (data: unknown) => tally.received((data as { orderId: number }).orderId);
    const metadata = { ackWait: '5s' };
    await using sidecar = await startOn(combination, pair, { handle }, { metadata });
    const load = new Load({ daprd: sidecar.daprd, topic: 'orders', rate, tally });
    try {
      await until('messages', () => tally.arrived >= rate);
      await pair.nats.stop(signal);
      await sleep(2_000);
      await pair.nats.startAgain();
      const wanted = tally.arrived + 2 * rate;
      await until('messages again', () => tally.arrived >= wanted, settleLimit);
    } finally {
      await load.stop();
    }
    await tally.settled(settleLimit);
    expect(tally.lost).toBe(0);
    expect(tally.stored).toBeGreaterThan(3 * rate);
    // Two seconds are waited out by a publish.
    expect(tally.failed).toBe(0);
  });

  test('a consumer that is deleted is made again', async () => {
    await using pair = await startStand(combination);
    await using sidecar = await startOn(combination, pair);
    await sidecar.daprd.publish('pubsub', 'orders', { n: 1 });
    await sidecar.app.count(1);
    await pair.nats.api.consumers.delete('ORDERS', 'app-orders');
    await sidecar.daprd.publish('pubsub', 'orders', { n: 2 });
    await until('the second message', () =>
      sidecar.app.received.some(({ data }) => (data as { n: number }).n === 2),
    );
  });
});

describe.each(servers)(title, (combination) => {
  test('what is handled while NATS is away is not handled again', async () => {
    await using pair = await startStand(combination);
    const runs: number[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const handle = (data: unknown) => {
      runs.push(numberOf(data));
      return promise;
    };
    const metadata = { ackWait: '4s' };
    await using sidecar = await startOn(combination, pair, { handle }, { metadata });
    await sidecar.daprd.publish('pubsub', 'orders', { n: 1 });
    await until('the handler', () => runs.length === 1);
    await pair.nats.stop('SIGKILL');
    await pair.component.line(/lost the connection/);
    resolve();
    await sidecar.app.count(1);
    await pair.nats.startAgain();
    await pair.component.line(/reconnected to NATS/);
    await until('the settlement', async () => {
      const info = await pair.nats.api.consumers.info('ORDERS', 'app-orders');
      return info.num_ack_pending === 0;
    });
    expect(runs).toEqual([1]);
  });
});
