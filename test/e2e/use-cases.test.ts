import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { App } from '../support/app.ts';
import { Authority } from '../support/certificates.ts';
import { startComponent } from '../support/component.ts';
import { Daprd } from '../support/daprd.ts';
import { NatsServer, type NatsServerOptions } from '../support/nats-server.ts';
import { createOperator } from '../support/operator.ts';
import { freePort } from '../support/ports.ts';
import { temporaryFolder } from '../support/temp.ts';
import { until } from '../support/wait.ts';

/** Each folder of components/ as it stands, in a real daprd; only addresses and paths are this machine's. */
const examples = join(import.meta.dirname, '../../components');

type Resource = { kind: string; spec: { metadata?: { name: string; value?: string }[] } };

async function resources(useCase: string, here: Record<string, string>): Promise<Resource[]> {
  const folder = join(examples, useCase);
  const files = (await readdir(folder)).filter((name) => name.endsWith('.yaml'));
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  const found = texts.flatMap((text) =>
    parseAllDocuments(text).map((one) => one.toJS() as Resource),
  );
  const left = new Set(Object.keys(here));
  for (const { spec } of found) {
    for (const item of spec.metadata ?? []) {
      const value = here[item.name];
      if (value === undefined) continue;
      item.value = value;
      left.delete(item.name);
    }
  }
  expect([...left], `fields that ${useCase} does not have`).toEqual([]);
  return found;
}

interface World extends AsyncDisposable {
  nats: NatsServer;
  /** A daprd with this use case's resources, and an app beside it if there is one. */
  daprd(
    appId: string,
    options?: {
      app?: App | { port: number };
      here?: Record<string, string>;
      env?: NodeJS.ProcessEnv;
    },
  ): Promise<Daprd>;
  app(topics: string[], handle?: (data: unknown, topic: string) => void): Promise<App>;
}

async function world(useCase: string, nats?: NatsServer | NatsServerOptions): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const server = nats instanceof NatsServer ? nats : stack.use(await NatsServer.start(nats));
  const folder = stack.use(await temporaryFolder());
  stack.use(await startComponent({ folder: folder.path }));
  const owned = stack.move();
  return {
    nats: server,
    async daprd(appId, { app, here = {}, env } = {}) {
      const own = { natsURL: server.url, ...here };
      return owned.use(
        await Daprd.start({
          appId,
          sockets: folder.path,
          resources: await resources(useCase, own),
          ...(app ? { app: { port: app.port, protocol: 'http' as const } } : {}),
          env,
        }),
      );
    },
    async app(topics, handle) {
      return owned.use(await App.start({ protocol: 'http', pubsub: 'pubsub', topics, handle }));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const numbers = (apps: App[]) =>
  apps.flatMap(({ received }) => received.map(({ data }) => (data as { n: number }).n));

const count = (length: number) => Array.from({ length }, (_, n) => n);

async function publish(daprd: Daprd, topic: string, list: number[]): Promise<void> {
  for (const n of list) await daprd.publish('pubsub', topic, { n });
}

test('there is a test for each example', async () => {
  const folders = (await readdir(examples, { withFileTypes: true })).filter((one) =>
    one.isDirectory(),
  );
  const own = await readFile(import.meta.filename, 'utf8');
  for (const { name } of folders) expect(own).toContain(`world('${name}'`);
});

test('competing consumers: each app gets every message, its replicas share them', async () => {
  await using shop = await world('competing-consumers');
  await shop.nats.stream('ORDERS', 'orders');
  const replicas = [await shop.app(['orders']), await shop.app(['orders'])];
  const other = await shop.app(['orders']);
  for (const app of replicas) await shop.daprd('checkout', { app });
  const daprd = await shop.daprd('billing', { app: other });
  await publish(daprd, 'orders', count(40));
  await other.count(40);
  await until('all of them', () => numbers(replicas).length >= 40);
  expect(numbers(replicas).toSorted((a, b) => a - b)).toEqual(count(40));
});

test('fan-out: every replica gets every message from its start on, and leaves nothing behind', async () => {
  await using shop = await world('fan-out');
  await shop.nats.stream('ORDERS', 'orders');
  const replicas = [await shop.app(['orders']), await shop.app(['orders'])];
  const sender = await shop.daprd('sender');
  await publish(sender, 'orders', [-1]);
  const daprds = [];
  for (const app of replicas) daprds.push(await shop.daprd('cache', { app }));
  await until('both consumers', async () => {
    return (await shop.nats.api.consumers.list('ORDERS').next()).length === 2;
  });
  await publish(sender, 'orders', count(5));
  for (const app of replicas) {
    await app.count(5);
    expect(numbers([app])).toEqual(count(5));
  }
  for (const daprd of daprds) await daprd.stop();
  await until('no consumer', async () => {
    return (await shop.nats.api.consumers.list('ORDERS').next()).length === 0;
  });
});

test('replay: from a time on, once', async () => {
  await using shop = await world('replay');
  await shop.nats.stream('ORDERS', 'orders');
  const sender = await shop.daprd('sender');
  await publish(sender, 'orders', [1, 2]);
  // The field counts whole seconds.
  const startTime = Math.floor(Date.now() / 1000) + 1;
  await until('that second', () => Date.now() >= startTime * 1000);
  await publish(sender, 'orders', [3, 4]);
  const app = await shop.app(['orders']);
  const first = await shop.daprd('report', { app, here: { startTime: `${startTime}` } });
  await app.count(2);
  await first.stop();
  await shop.daprd('report', { app, here: { startTime: `${startTime}` } });
  await publish(sender, 'orders', [5]);
  await app.count(3);
  expect(numbers([app])).toEqual([3, 4, 5]);
});

test('ordered: over two replicas, and a refused message holds up the ones behind it', async () => {
  await using shop = await world('ordered');
  await shop.nats.stream('ORDERS', 'orders');
  const handled: number[] = [];
  let refusals = 0;
  const handle = (data: unknown) => {
    const { n } = data as { n: number };
    if (n === 3 && refusals++ === 0) throw new Error('not yet');
    handled.push(n);
  };
  const apps = [await shop.app(['orders'], handle), await shop.app(['orders'], handle)];
  const daprd = await shop.daprd('ledger', { app: apps[0] as App });
  await shop.daprd('ledger', { app: apps[1] as App });
  await publish(daprd, 'orders', count(10));
  await until('all of them', () => handled.length >= 10);
  expect(handled).toEqual(count(10));
  expect(refusals).toBe(2);
});

test('work queue: a job is done once, by one of two workers, and gone', async () => {
  await using shop = await world('work-queue');
  const workers = [await shop.app(['jobs.resize']), await shop.app(['jobs.resize'])];
  const daprd = await shop.daprd('resizer', { app: workers[0] as App });
  await shop.daprd('resizer', { app: workers[1] as App });
  await publish(daprd, 'jobs.resize', count(20));
  await until('all of them', () => numbers(workers).length >= 20);
  expect(numbers(workers).toSorted((a, b) => a - b)).toEqual(count(20));
  await until('an empty stream', async () => {
    const { state, config } = await shop.nats.api.streams.info('JOBS');
    return config.retention === 'workqueue' && state.messages === 0;
  });
});

test('bulk: published in one call, and handed to the app in bulk', async () => {
  await using shop = await world('bulk');
  const port = await freePort();
  const received: number[] = [];
  const app = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      response.setHeader('Content-Type', 'application/json');
      if (request.url !== '/orders') {
        response.writeHead(request.url === '/dapr/subscribe' ? 200 : 404).end('[]');
        return;
      }
      const { entries } = JSON.parse(Buffer.concat(parts).toString());
      const statuses = entries.map((entry: { entryId: string; event: { data: { n: number } } }) => {
        received.push(entry.event.data.n);
        return { entryId: entry.entryId, status: 'SUCCESS' };
      });
      response.end(JSON.stringify({ statuses }));
    });
  }).listen(port, '127.0.0.1');
  try {
    const daprd = await shop.daprd('reader', { app: { port } });
    const entries = count(100).map((n) => {
      return { entryId: `${n}`, event: { n }, contentType: 'application/json' };
    });
    const answer = await fetch(`${daprd.url}/v1.0/publish/bulk/pubsub/orders`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(entries),
    });
    expect(answer.status).toBe(204);
    await until('all of them', () => received.length >= 100, 30_000);
    expect(received.toSorted((a, b) => a - b)).toEqual(count(100));
  } finally {
    app.close();
    app.closeAllConnections();
  }
});

test('dead letters: after three deliveries, with headers that say why', async () => {
  await using shop = await world('dead-letters');
  let runs = 0;
  const app = await shop.app(['orders'], () => {
    runs++;
    throw new Error('never');
  });
  const daprd = await shop.daprd('checkout', { app });
  await publish(daprd, 'orders', [1]);
  const dead = await until(
    'the dead letter',
    async () => {
      const stream = await shop.nats.api.streams.find('dead.orders');
      return shop.nats.api.streams.getMessage(stream, { last_by_subj: 'dead.orders' });
    },
    20_000,
  );
  expect(runs).toBe(3);
  expect(dead.header.get('Dead-Letter-Reason')).toMatch(/^refused 3 times/);
  expect(dead.header.get('Dead-Letter-Subject')).toBe('orders');
});

test('TLS and JWT: with secrets from the environment', async () => {
  await using folder = await temporaryFolder();
  const authority = await Authority.create();
  const server = await authority.issue('server');
  const paths = { ca: 'ca.crt', cert: 'server.crt', key: 'server.key' };
  for (const [name, text] of Object.entries({ ...server, ca: authority.cert })) {
    await writeFile(join(folder.path, paths[name as keyof typeof paths]), text);
  }
  const { config, user } = createOperator();
  const tls = `tls { cert_file: "${folder.path}/server.crt", key_file: "${folder.path}/server.key" }`;
  await using shop = await world('tls-jwt', { config: [config, tls].join('\n'), client: false });
  const here = {
    natsURL: shop.nats.url.replace('nats://', 'tls://'),
    tls_ca_cert: join(folder.path, 'ca.crt'),
  };
  const daprd = await shop.daprd('checkout', {
    here,
    env: { NATS_JWT: user.jwt, NATS_SEED: user.seed },
  });
  // Connected and let in: what is missing is a stream.
  await expect(publish(daprd, 'orders', [1])).rejects.toThrow('no stream takes the subject');
});

test('leaf node: the stream is in the hub, in its domain', async () => {
  const port = await freePort();
  await using hub = await NatsServer.start({
    config: `server_name: hub\njetstream { domain: hub }\nleafnodes { listen: "127.0.0.1:${port}" }`,
  });
  await hub.stream('ORDERS', 'orders');
  await using leaf = await NatsServer.start({
    config: `server_name: leaf\njetstream { domain: leaf }\nleafnodes { remotes: [ { url: "nats://127.0.0.1:${port}" } ] }`,
  });
  await until('the leaf to be connected', async () => (await leaf.leafs()) > 0);
  await using shop = await world('leaf-node', leaf);
  const app = await shop.app(['orders']);
  const daprd = await shop.daprd('checkout', { app });
  await publish(daprd, 'orders', [1]);
  await app.count(1);
  expect((await hub.api.streams.info('ORDERS')).state.messages).toBe(1);
});
