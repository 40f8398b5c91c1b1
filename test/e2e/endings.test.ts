import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startComponent } from '../support/component.ts';
import { startPair } from '../support/pair.ts';
import { startSidecar } from '../support/sidecar.ts';
import { until } from '../support/wait.ts';

const numbers = (received: { data: unknown }[]) =>
  received.map(({ data }) => (data as { n: number }).n);

test('SIGTERM in mid-delivery loses nothing', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const handled: number[] = [];
  const handle = async (data: unknown) => {
    await sleep(20);
    handled.push((data as { n: number }).n);
  };
  {
    await using sidecar = await startSidecar(pair, 'app', { handle });
    for (let n = 0; n < 300; n++) await sidecar.daprd.publish('pubsub', 'orders', { n });
    await until('some to be handled', () => handled.length > 20);
    expect(await pair.component.end('SIGTERM')).toBe(0);
    expect(handled.length).toBeLessThan(300);
  }
  // What a supervisor does: component first, then daprd.
  await using again = await startComponent({ folder: pair.folder });
  await using sidecar = await startSidecar(pair, 'app', { handle });
  await until('every message', () => new Set(handled).size === 300, 60_000);
  await until('nothing left', async () => {
    const info = await pair.nats.api.consumers.info('ORDERS', 'app-orders');
    return info.num_ack_pending === 0 && info.num_pending === 0;
  });
  expect(again.running && sidecar.daprd.child.running).toBe(true);
  // What was being handled when the process ended may run twice, not more.
  expect(handled.length).toBeLessThanOrEqual(310);
});

test.each(['SIGTERM', 'SIGKILL'] as const)(
  'daprd that goes (%s) in mid-delivery: another gets the rest within seconds',
  async (signal) => {
    await using pair = await startPair();
    await pair.nats.stream('ORDERS', 'orders');
    await using slow = await startSidecar(pair, 'app', { handle: () => sleep(500) });
    for (let n = 0; n < 20; n++) await slow.daprd.publish('pubsub', 'orders', { n });
    await slow.app.count(1);
    await using other = await startSidecar(pair, 'app');
    const end = slow.daprd.child.end(signal);
    const wanted = () => new Set([...numbers(slow.app.received), ...numbers(other.app.received)]);
    await until('every message', () => wanted().size === 20, 15_000);
    await end;
  },
);

test('a pod that is told to stop: what the app is at is finished and acknowledged', async () => {
  await using pair = await startPair({ component: { args: ['--stop-after-sidecar', '30'] } });
  await pair.nats.stream('ORDERS', 'orders');
  let under = false;
  const handle = async () => {
    under = true;
    // Longer than the component alone would wait.
    await sleep(4_000);
  };
  const args = ['--dapr-graceful-shutdown-seconds', '20'];
  await using sidecar = await startSidecar(pair, 'app', { handle }, { args });
  await sidecar.daprd.publish('pubsub', 'orders', { n: 1 });
  await until('the handler', () => under);
  // All at once, as Kubernetes does.
  const ends = [pair.component.end('SIGTERM'), sidecar.daprd.child.end('SIGTERM')];
  expect(await Promise.all(ends)).toEqual([0, 0]);
  expect(sidecar.app.received).toHaveLength(1);
  const { num_ack_pending, ack_floor } = await pair.nats.api.consumers.info('ORDERS', 'app-orders');
  expect(num_ack_pending).toBe(0);
  expect(ack_floor.stream_seq).toBe(1);
});

test('a daprd that blocks its stop: what waits is handled, and nothing new comes', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const paused = Promise.withResolvers<void>();
  const args = ['--dapr-block-shutdown-duration', '3s'];
  await using sidecar = await startSidecar(pair, 'app', { handle: () => paused.promise }, { args });
  for (let n = 0; n < 20; n++) await sidecar.daprd.publish('pubsub', 'orders', { n });
  const info = () => pair.nats.api.consumers.info('ORDERS', 'app-orders');
  await until('all to wait there', async () => (await info()).num_ack_pending === 20);
  const end = sidecar.daprd.child.end('SIGTERM');
  await pair.component.line(/subscription paused/);
  await sidecar.daprd.publish('pubsub', 'orders', { n: 20 });
  paused.resolve();
  expect(await end).toBe(0);
  expect(numbers(sidecar.app.received)).toEqual(Array.from({ length: 20 }, (_, n) => n));
  const left = { num_pending: 1, num_ack_pending: 0, num_redelivered: 0 };
  expect(await info()).toMatchObject(left);
});
