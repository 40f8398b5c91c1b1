import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath } from 'grpc-health-check';
import { expect, test } from 'vitest';
import { App } from '../support/app.ts';
import { startComponent } from '../support/component.ts';
import { component, Daprd } from '../support/daprd.ts';
import { Host } from '../support/host.ts';
import { NatsServer } from '../support/nats-server.ts';
import { startPair } from '../support/pair.ts';
import { freePort } from '../support/ports.ts';
import { startSidecar } from '../support/sidecar.ts';
import { temporaryFolder } from '../support/temp.ts';
import { until } from '../support/wait.ts';

/** What the component's health service says of it as a whole. */
async function health(socket: string): Promise<string> {
  // biome-ignore lint/suspicious/noExplicitAny: loaded as it stands
  const { grpc } = loadPackageDefinition(loadSync(protoPath, { enums: String })) as any;
  const client = new grpc.health.v1.Health(`unix:${socket}`, credentials.createInsecure());
  try {
    return await new Promise((resolve, reject) => {
      client.check({}, (error: Error, answer: { status: string }) =>
        error ? reject(error) : resolve(answer.status),
      );
    });
  } finally {
    client.close();
  }
}

test('a component that was restarted alone says so, and is not ready, until daprd is too', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  expect(await health(pair.component.socket)).toBe('SERVING');
  await using sidecar = await startSidecar(pair, 'app', {}, { supervised: true });
  await pair.component.end('SIGKILL');
  await using again = await startComponent({ folder: pair.folder });
  await expect(sidecar.daprd.publish('pubsub', 'orders', 1)).rejects.toThrow(/restart daprd/);
  const line = await again.line(/Restart daprd/);
  expect(JSON.parse(line)).toMatchObject({ level: 'error', component: 'pubsub' });
  expect(await health(again.socket)).toBe('NOT_SERVING');
  await sidecar.daprd.publish('pubsub', 'orders', 1).catch(() => undefined);
  expect(again.lines.filter((line) => /Restart daprd/.test(line))).toHaveLength(1);

  sidecar.daprd.child.signal('SIGTERM');
  await until('readiness', async () => (await health(again.socket)) === 'SERVING');
  await until('a publish', async () => {
    await sidecar.daprd.publish('pubsub', 'orders', 2);
    return true;
  });
  await sidecar.app.count(1);
});

test('--restart-orphaned-sidecar: all works again without a call, by the supervisor of daprd', async () => {
  await using nats = await NatsServer.start();
  await nats.stream('ORDERS', 'orders');
  await using folder = await temporaryFolder();
  // The ports of daprd are known only once it runs, and it needs the component for that.
  const first = await startComponent({ folder: folder.path });
  await using app = await App.start({ protocol: 'http', pubsub: 'pubsub', topics: ['orders'] });
  await using daprd = await Daprd.start({
    appId: 'app',
    sockets: folder.path,
    resources: [component('pubsub', { natsURL: nats.url })],
    app,
    supervised: true,
    env: { DAPR_API_TOKEN: 'secret-token' },
  });
  await first.end('SIGKILL');
  const before = daprd.child.pid;
  await using again = await startComponent({
    folder: folder.path,
    args: ['--restart-orphaned-sidecar', '--sidecar-url', daprd.url],
    env: { DAPR_API_TOKEN: 'secret-token' },
  });
  await again.line(/telling daprd at .* to shut down/);
  await again.line(/no daprd is orphaned any more/);
  await until('another daprd', () => daprd.child.pid !== before);
  // By way of NATS: publishing would be a call.
  await until('a delivery', async () => {
    await nats.client.request('orders', JSON.stringify({ data: 1 }));
    return app.received.length > 0;
  });
  expect(await health(again.socket)).toBe('SERVING');
  expect(again.lines.join()).not.toContain('secret-token');
});

test('a daprd that starts late is no orphan', async () => {
  await using nats = await NatsServer.start();
  await using folder = await temporaryFolder();
  const url = `http://127.0.0.1:${await freePort()}`;
  await using server = await startComponent({
    folder: folder.path,
    args: ['--restart-orphaned-sidecar', '--sidecar-url', url],
  });
  using host = new Host(server.socket);
  await host.init({ natsURL: nats.url });
  expect(await health(server.socket)).toBe('SERVING');
  expect(server.lines.join()).not.toMatch(/Restart daprd|shut down/);
});

/** An HTTP server in daprd's place. */
async function startImpostor(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, [Symbol.dispose]: () => void server.close() };
}

test('where daprd does not let itself be asked, a call is believed', async () => {
  await using folder = await temporaryFolder();
  using refusing = await startImpostor((_, response) => response.writeHead(401).end());
  await using server = await startComponent({
    folder: folder.path,
    args: ['--restart-orphaned-sidecar', '--sidecar-url', refusing.url],
  });
  using host = new Host(server.socket);
  await host.publish('orders', 'x').catch(() => undefined);
  await server.line(/Restart daprd/);
  await server.line(/does not answer as it should: .*401/);
  expect(await health(server.socket)).toBe('NOT_SERVING');
});

test('a daprd whose Component of the same type is a built-in one is left alone', async () => {
  await using folder = await temporaryFolder();
  const components = [{ name: 'pubsub', type: 'pubsub.nats-jetstream', version: 'v1' }];
  const asked: string[] = [];
  using daprd = await startImpostor(({ url }, response) => {
    asked.push(url ?? '');
    response.end(JSON.stringify({ components }));
  });
  await using server = await startComponent({
    folder: folder.path,
    args: ['--restart-orphaned-sidecar', '--sidecar-url', daprd.url],
  });
  await until('several questions', () => asked.length >= 3);
  expect(asked).not.toContain('/v1.0/shutdown');
  expect(server.lines.join()).not.toMatch(/Restart daprd/);
});

test('a redirect is not followed: the API token stays with daprd', async () => {
  await using folder = await temporaryFolder();
  const elsewhere: unknown[] = [];
  using thief = await startImpostor(({ headers }, response) => {
    elsewhere.push(headers);
    response.end('{}');
  });
  using daprd = await startImpostor((_, response) => {
    response.writeHead(307, { Location: thief.url }).end();
  });
  await using server = await startComponent({
    folder: folder.path,
    args: ['--sidecar-url', daprd.url],
    env: { DAPR_API_TOKEN: 'secret-token' },
  });
  await server.line(/does not answer as it should: .*307/);
  expect(elsewhere).toEqual([]);
});
