import { expect, test } from 'vitest';
import { daprClient } from '../support/dapr-client.ts';
import { startPair } from '../support/pair.ts';
import { freePort } from '../support/ports.ts';
import { startSidecar } from '../support/sidecar.ts';
import { until } from '../support/wait.ts';

test.each(['http', 'grpc'] as const)(
  'publish and subscribe over %s: 100 messages arrive, in order',
  async (protocol) => {
    await using pair = await startPair();
    await pair.nats.stream('ORDERS', 'orders');
    await using sidecar = await startSidecar(pair, 'app', { protocol });
    const dapr = daprClient(protocol, sidecar.daprd);
    for (let n = 0; n < 100; n++) {
      const { error } = await dapr.pubsub.publish('pubsub', 'orders', { n });
      expect(error).toBeUndefined();
    }
    await sidecar.app.count(100);
    const sent = Array.from({ length: 100 }, (_, n) => ({ topic: 'orders', data: { n } }));
    expect(sidecar.app.received).toEqual(sent);
    await dapr.stop();
  },
);

test('a bulk arrives whole', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  await using sidecar = await startSidecar(pair, 'app');
  const dapr = daprClient('http', sidecar.daprd);
  const messages = Array.from({ length: 250 }, (_, n) => ({ n }));
  const { failedMessages } = await dapr.pubsub.publishBulk('pubsub', 'orders', messages);
  expect(failedMessages).toEqual([]);
  await sidecar.app.count(250);
  expect(sidecar.app.received.map(({ data }) => data)).toEqual(messages);
  await dapr.stop();
});

test('a handler that fails gets its message again', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const runs: unknown[] = [];
  const handle = (data: unknown) => {
    runs.push(data);
    if (runs.length <= 2) throw new Error('not yet');
  };
  await using sidecar = await startSidecar(pair, 'app', { handle });
  await sidecar.daprd.publish('pubsub', 'orders', { n: 1 });
  await sidecar.app.count(1);
  expect(runs).toEqual([{ n: 1 }, { n: 1 }, { n: 1 }]);
});

test("Dapr's dead letter topic, in the same stream: daprd alone counts what it puts there", async () => {
  const port = { component: await freePort(), daprd: await freePort() };
  await using pair = await startPair({ component: { args: ['--http-port', `${port.component}`] } });
  await pair.nats.stream('ORDERS', 'orders', 'orders.dead');
  const handle = (_: unknown, topic: string) => {
    if (topic === 'orders') throw new Error('never');
  };
  const topics = ['orders', 'orders.dead'];
  const app = { topics, deadLetterTopic: 'orders.dead', handle };
  const counting = ['--enable-metrics=true', '--metrics-port', `${port.daprd}`];
  const args = [...counting, '--metrics-listen-address', '127.0.0.1'];
  await using sidecar = await startSidecar(pair, 'app', app, { args });
  await sidecar.daprd.publish('pubsub', 'orders', { n: 1 });
  await sidecar.app.count(1);
  expect(sidecar.app.received).toEqual([{ topic: 'orders.dead', data: { n: 1 } }]);

  const metrics = async (port: number) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const dropped =
    /^dapr_component_pubsub_ingress_count\{.*process_status="drop".*topic="orders"\} 1$/m;
  await until('the count of daprd', async () => dropped.test(await metrics(port.daprd)));
  const own = await metrics(port.component);
  expect(own).toContain('dapr_nats_jetstream_consumer_pending{');
  expect(own).not.toMatch(/^dapr_nats_jetstream_(dead_letters|naks|terms)_total\{.*\} [1-9]/m);
});

test('two apps with the same Component name on one socket folder each get every message', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  await using one = await startSidecar(pair, 'one');
  await using two = await startSidecar(pair, 'two');
  for (let n = 0; n < 50; n++) await (n % 2 ? one : two).daprd.publish('pubsub', 'orders', { n });
  await Promise.all([one.app.count(50), two.app.count(50)]);
  for (const { app } of [one, two]) {
    expect(new Set(app.received.map(({ data }) => (data as { n: number }).n)).size).toBe(50);
    expect(app.received).toHaveLength(50);
  }
});

test('two replicas of an app share the messages', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const few = { metadata: { prefetchCount: '5' } };
  await using one = await startSidecar(pair, 'app', {}, few);
  await using two = await startSidecar(pair, 'app', {}, few);
  for (let n = 0; n < 60; n++) await one.daprd.publish('pubsub', 'orders', { n });
  const all = () => [...one.app.received, ...two.app.received];
  await until('60 messages', () => all().length >= 60);
  expect(all()).toHaveLength(60);
  for (const { app } of [one, two]) expect(app.received.length).toBeGreaterThan(0);
  expect(new Set(all().map(({ data }) => (data as { n: number }).n)).size).toBe(60);
});

test('a publish without a stream fails with the reason', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  await using sidecar = await startSidecar(pair, 'app');
  await expect(sidecar.daprd.publish('pubsub', 'nowhere', 1)).rejects.toThrow(
    /no stream takes the subject/,
  );
});

test('settings that cannot be used keep daprd from starting, with the reason in its log', async () => {
  await using pair = await startPair();
  const metadata = { ackWait: '10', durablName: 'd' };
  await expect(startSidecar(pair, 'app', {}, { metadata })).rejects.toThrow(
    /ackWait: .*needs a unit.*/,
  );
});
