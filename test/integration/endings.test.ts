import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { Child } from '../support/child.ts';
import { nodeFlags } from '../support/component.ts';
import { Host } from '../support/host.ts';
import { NatsServer } from '../support/nats-server.ts';
import { startPair } from '../support/pair.ts';
import { Pipe } from '../support/pipe.ts';
import { freePort } from '../support/ports.ts';
import { temporaryFolder } from '../support/temp.ts';
import { until } from '../support/wait.ts';

test('told to go on until daprd has gone, it serves to the last, and then ends', async () => {
  const port = await freePort();
  const args = ['--stop-after-sidecar', '30', '--http-port', `${port}`];
  await using pair = await startPair({ component: { args } });
  await pair.nats.stream('ORDERS', 'orders');
  using host = new Host(pair.component.socket);
  await host.init({ natsURL: pair.nats.url, consumerID: 'app' });
  const subscription = host.subscribe('orders');
  await host.publish('orders', 'first');
  const [first] = await subscription.received(1);
  pair.component.signal('SIGTERM');
  await pair.component.line(/going on until daprd has gone, 30 s at most/);
  // Longer than handlers get otherwise.
  await sleep(2_500);
  // It still is what daprd needs.
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
  await host.publish('orders', 'of the handler');
  subscription.ack(first?.id ?? '');
  await subscription.received(2);
  subscription.ack(subscription.messages[1]?.id ?? '');
  const gone = Date.now();
  subscription.end();
  host[Symbol.dispose]();
  expect(await pair.component.ended).toBe(0);
  expect(Date.now() - gone).toBeLessThan(5_000);
  const { ack_floor } = await pair.nats.api.consumers.info('ORDERS', 'app-orders');
  expect(ack_floor.stream_seq).toBe(2);
});

test('a daprd that does not go is waited for no longer than it was told', async () => {
  await using pair = await startPair({ component: { args: ['--stop-after-sidecar', '1'] } });
  await pair.host();
  const start = Date.now();
  pair.component.signal('SIGTERM');
  expect(await pair.component.ended).toBe(0);
  expect(Date.now() - start).toBeGreaterThanOrEqual(1_000);
  expect(Date.now() - start).toBeLessThan(5_000);
});

test('a second SIGTERM ends the waiting for daprd, not the stop: messages are given back', async () => {
  await using pair = await startPair({ component: { args: ['--stop-after-sidecar', '30'] } });
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  await host.publish('orders', '1');
  await host.publish('orders', '2');
  const [first] = await subscription.received(2);
  pair.component.signal('SIGTERM');
  await pair.component.line(/going on until daprd has gone/);
  // Not so soon that it is taken for the same.
  await sleep(600);
  const start = Date.now();
  pair.component.signal('SIGTERM');
  await pair.component.line(/giving back unsettled messages/);
  // Handlers get their time.
  subscription.ack(first?.id ?? '');
  expect(await pair.component.ended).toBe(0);
  expect(Date.now() - start).toBeLessThan(5_000);
  await pair.component.line(/gave back 1 unsettled message/);
  const { ack_floor } = await pair.nats.api.consumers.info('ORDERS', 'app-orders');
  expect(ack_floor.stream_seq).toBe(1);
});

test('a third SIGTERM ends at once', async () => {
  await using pair = await startPair({ component: { args: ['--stop-after-sidecar', '30'] } });
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  await host.publish('orders', '1');
  await subscription.received(1);
  pair.component.signal('SIGTERM');
  await pair.component.line(/going on until daprd has gone/);
  await sleep(600);
  pair.component.signal('SIGTERM');
  await pair.component.line(/giving back unsettled messages/);
  await sleep(600);
  const start = Date.now();
  expect(await pair.component.end('SIGTERM')).toBe(1);
  expect(Date.now() - start).toBeLessThan(1_000);
});

test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const)(
  '%s: gives back what is unsettled, removes the socket, ends with 0 within 5 s',
  async (signal) => {
    await using pair = await startPair();
    await pair.nats.stream('ORDERS', 'orders');
    const host = await pair.host();
    const subscription = host.subscribe('orders');
    for (let index = 0; index < 20; index++) await host.publish('orders', `${index}`);
    await subscription.received(20);
    const start = Date.now();
    expect(await pair.component.end(signal)).toBe(0);
    expect(Date.now() - start).toBeLessThan(5_000);
    await expect(access(pair.component.socket)).rejects.toThrow('ENOENT');
    // Left to ackWait, they would take 30 s to come back.
    const consumer = await jetstream(pair.nats.client).consumers.get('ORDERS', 'app-orders');
    const again = await consumer.fetch({ max_messages: 20, expires: 1_000 });
    const texts: string[] = [];
    for await (const message of again) texts.push(message.string());
    expect(new Set(texts).size).toBe(20);
  },
);

test('told to stop before all of it is loaded, it ends with 0 and makes no socket', async () => {
  await using folder = await temporaryFolder();
  // As soon as there is a listener: whatever comes earlier is between Node and the system.
  const signal =
    "process.on('newListener',(name)=>name==='SIGTERM'&&process.nextTick(()=>process.kill(process.pid,name)))";
  await using component = await Child.start({
    name: 'component',
    command: process.execPath,
    args: [
      `--import=data:text/javascript,${signal}`,
      'src/main.ts',
      '--socket-folder',
      folder.path,
    ],
    ready: /SIGTERM: stopped before the start/,
  });
  expect(await component.ended).toBe(0);
  expect(component.lines).toHaveLength(1);
});

test('SIGUSR1 opens no debugger', async () => {
  await using pair = await startPair();
  pair.component.signal('SIGUSR1');
  const host = await pair.host();
  await host.call('Ping');
  expect(pair.component.lines.join('\n')).not.toContain('Debugger');
  expect(await pair.component.end()).toBe(0);
});

test('SIGTERM lets what the host is handling be settled first', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  await host.publish('orders', '1');
  const [message] = await subscription.received(1);
  const end = pair.component.end('SIGTERM');
  await pair.component.line(/giving back unsettled messages/);
  await new Promise((done) => setTimeout(done, 300));
  subscription.ack(message?.id ?? '');
  expect(await end).toBe(0);
  const info = await pair.nats.api.consumers.info('ORDERS', 'app-orders');
  expect(info).toMatchObject({ num_ack_pending: 0, num_redelivered: 0, num_pending: 0 });
  expect(info.ack_floor.stream_seq).toBe(1);
});

test('with a log that nobody reads it goes on, and SIGTERM ends it with 0 within 5 s', async () => {
  await using nats = await NatsServer.start();
  await nats.stream('ORDERS', 'orders');
  await using folder = await temporaryFolder();
  const pipe = await Pipe.open(folder.path);
  const args = [...nodeFlags, 'src/main.ts', '--socket-folder', folder.path, '--log-level=debug'];
  const component = spawn(process.execPath, args, { stdio: ['ignore', pipe.writer, 'inherit'] });
  const ended = once(component, 'exit');
  pipe.closeWriter();
  try {
    const socket = join(folder.path, 'nats-jetstream.sock');
    await until('the socket', () => existsSync(socket));
    using host = new Host(socket);
    await host.init({ natsURL: nats.url, consumerID: 'app' });
    const subscription = host.subscribe('orders');
    await host.publish('orders', '1');
    const [message] = await subscription.received(1);
    // Each time but the first it logs a line.
    for (let n = 0; n < 2_000; n++) subscription.ack(message?.id ?? '');
    await host.publish('orders', '2');
    await subscription.received(2);
    const start = Date.now();
    component.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(Date.now() - start).toBeLessThan(5_000);
    expect(pipe.read().length).toBeGreaterThan(60_000);
  } finally {
    component.kill('SIGKILL');
    pipe.closeReader();
  }
});

test('a second SIGTERM ends at once', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  await host.publish('orders', '1');
  await subscription.received(1);
  pair.component.signal('SIGTERM');
  await pair.component.line(/giving back unsettled messages/);
  // Not so soon that it is taken for the same.
  await sleep(600);
  const start = Date.now();
  expect(await pair.component.end('SIGTERM')).toBe(1);
  expect(Date.now() - start).toBeLessThan(1_000);
});

test('a signal that arrives twice, from a terminal and from npm, is one', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const subscription = (await pair.host()).subscribe('orders');
  await (await pair.host()).publish('orders', '1');
  await subscription.received(1);
  pair.component.signal('SIGINT');
  await pair.component.line(/giving back unsettled messages/);
  expect(await pair.component.end('SIGTERM')).toBe(0);
  await pair.component.line(/gave back 1 unsettled message/);
});

test('SIGTERM with no NATS to talk to still ends within 5 s', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  await host.publish('orders', '1');
  await subscription.received(1);
  await pair.nats.stop('SIGKILL');
  await pair.component.line(/lost the connection/);
  const start = Date.now();
  expect(await pair.component.end('SIGTERM')).toBe(0);
  expect(Date.now() - start).toBeLessThan(5_000);
});
