import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { Authority, writePair } from '../support/certificates.ts';
import { startComponent } from '../support/component.ts';
import { Daprd, component as daprComponent } from '../support/daprd.ts';
import { NatsServer } from '../support/nats-server.ts';
import { freePort } from '../support/ports.ts';
import { temporaryFolder } from '../support/temp.ts';
import { until } from '../support/wait.ts';

const folder = join(import.meta.dirname, '../../deploy/kubernetes');
const servers = 3;

test('Component, Subscription, Resiliency and NATS as they are written work together', async () => {
  await using stack = new AsyncDisposableStack();
  const { username, password } = (await document('base/secret.example.yaml')).stringData;
  const nats = await startCluster(stack, { username, password });
  const sockets = stack.use(await temporaryFolder()).path;
  const metricsPort = await freePort();
  stack.use(await startComponent({ folder: sockets, args: ['--http-port', `${metricsPort}`] }));
  const app = await startApp(stack, (order) => order === 'refused');

  const component = await document('base/component.yaml');
  pointTo(component, nats);
  // Ten take three minutes.
  component.spec.metadata.find(({ name }: { name: string }) => name === 'maxDeliver').value = '3';
  const daprd = stack.use(
    await Daprd.start({
      appId: 'order-processor',
      sockets,
      resources: [
        component,
        await secretStore(stack, { username, password }),
        await document('base/subscription.yaml'),
        await document('base/resiliency.yaml'),
      ],
      app: { port: app.port, protocol: 'http' },
    }),
  );
  await daprd.subscribed('orders');
  await daprd.publish('pubsub', 'orders', 'taken');
  await daprd.publish('pubsub', 'orders', 'refused');
  await until('the order that is taken', () => app.orders.includes('taken'));
  const tries = () => app.orders.filter((order) => order === 'refused').length;
  await until('maxDeliver tries', () => tries() === 3, 20_000);

  const [trigger] = (await document('keda/scaled-object.yaml')).spec.triggers;
  const seen = await until('everything settled, and a dead letter', async () => {
    const found = await whatKedaSees(nats, trigger.metadata);
    const done = found?.stream.state.messages === 3 && found.consumer.num_ack_pending === 0;
    return done && found.consumer.num_pending === 0 ? found : undefined;
  });
  expect(seen.stream.config.subjects).toEqual(['orders', 'orders_dead']);
  expect(seen.stream.config.num_replicas).toBe(servers);
  expect(seen.consumer.cluster.leader).toMatch(/^nats-[012]$/);
  expect(tries(), 'a dead letter is not delivered again').toBe(3);

  const client = await connect({
    servers: nats.map(({ url }) => url),
    user: username,
    pass: password,
  });
  stack.defer(() => client.close());
  const { streams } = await jetstreamManager(client);
  const letter = await streams.getMessage('ORDERS', { last_by_subj: 'orders_dead' });
  expect(letter?.json()).toMatchObject({ data: 'refused' });
  expect(letter?.header.get('Dead-Letter-Subject')).toBe('orders');
  // What the alert for dead letters asks for.
  const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  expect(metrics).toMatch(/^dapr_nats_jetstream_dead_letters_total\{.*reason="refused"\} 1$/m);
  // What the user may not do is logged by the server.
  for (const one of nats) expect(one.said(/Violation/)).toBe(0);
});

test('with TLS as docs/kubernetes.md has it, and not without the CA', async () => {
  await using stack = new AsyncDisposableStack();
  const page = await readFile(join(folder, '../../docs/kubernetes.md'), 'utf8');
  const [, section = ''] = /^## TLS\n(.*?)^## /ms.exec(page) ?? [];
  const [fields = [], inSecret] = [...section.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, text]) =>
    parse(text as string),
  );
  const [, conf = ''] = /^```conf\n(.*?)^```/ms.exec(section) ?? [];

  const authority = await Authority.create();
  const files = stack.use(await temporaryFolder()).path;
  await writePair(files, 'tls', await authority.issue('nats'));
  const { username, password } = (await document('base/secret.example.yaml')).stringData;
  const tls = conf.replaceAll('/etc/nats-tls', files);
  expect(tls).not.toBe(conf);
  const nats = await startCluster(stack, { username, password }, tls);
  const sockets = stack.use(await temporaryFolder()).path;
  stack.use(await startComponent({ folder: sockets }));

  const component = await document('base/component.yaml');
  const changed = new Map(fields.map((field: { name: string }) => [field.name, field]));
  const { metadata } = component.spec;
  component.spec.metadata = [
    ...metadata.filter(({ name }: { name: string }) => !changed.has(name)),
    ...fields,
  ];
  pointTo(component, nats);
  expect(Object.keys(inSecret)).toEqual(['ca.crt']);
  const start = async (secrets: Record<string, string>) => {
    const resources = [component, await secretStore(stack, secrets)];
    return stack.use(await Daprd.start({ appId: 'order-processor', sockets, resources }));
  };
  const daprd = await start({ username, password, 'ca.crt': authority.cert });
  await daprd.child.line(/Component loaded: pubsub /);
  await daprd.publish('pubsub', 'orders', 'a secret');

  const { cert } = await Authority.create('another');
  const refused = await start({ username, password, 'ca.crt': cert });
  await refused.child.line(/cannot reach NATS .*: unable to verify the first certificate/);
});

/** Has a Component connect to these servers, with the scheme that it has. */
function pointTo(
  component: { spec: { metadata: { name: string; value?: string }[] } },
  nats: NatsServer[],
): void {
  const field = component.spec.metadata.find(({ name }) => name === 'natsURL');
  expect(field?.value).toMatch(/^(nats|tls):\/\/nats\.nats\.svc:4222$/);
  const scheme = field?.value?.split('://')[0];
  if (field) field.value = nats.map(({ port }) => `${scheme}://127.0.0.1:${port}`).join(',');
}

/** What stands for the Secret: a secret store of the name that Kubernetes' own has. */
async function secretStore(stack: AsyncDisposableStack, secrets: Record<string, string>) {
  const { name } = (await document('base/secret.example.yaml')).metadata;
  const file = join(stack.use(await temporaryFolder()).path, 'secrets.json');
  await writeFile(file, JSON.stringify({ [name]: secrets }));
  const fields = { secretsFile: file, multiValued: 'true' };
  return daprComponent('kubernetes', fields, 'secretstores.local.file');
}

/** nats.conf on as many servers as the StatefulSet has, with local names, ports and stores. */
async function startCluster(
  stack: AsyncDisposableStack,
  user: { username: string; password: string },
  more = '',
): Promise<NatsServer[]> {
  const written = `${await readFile(join(folder, 'nats/nats.conf'), 'utf8')}\n${more}`;
  const ports = await Promise.all(Array.from({ length: servers }, () => freePort()));
  const nodes = await Promise.all(
    ports.map((port, index) => {
      let config = written
        .replace('$POD_NAME', `nats-${index}`)
        .replace('$ORDERS_USER', JSON.stringify(user.username))
        .replace('$ORDERS_PASSWORD', JSON.stringify(user.password))
        .replace('listen: 0.0.0.0:6222', `listen: 127.0.0.1:${port}`)
        .replace(/^(listen|http):.*$/gm, '')
        .replace(/^ *store_dir:.*$/m, '');
      for (const [other, its] of ports.entries()) {
        config = config.replace(`nats-${other}.nats-peers:6222`, `127.0.0.1:${its}`);
      }
      expect(config).not.toMatch(/\$[A-Z]+_|0\.0\.0\.0|nats-peers/);
      return NatsServer.start({ config, client: false });
    }),
  );
  for (const node of nodes) stack.use(node);
  return nodes;
}

/** An app that subscribes to nothing by itself. */
async function startApp(stack: AsyncDisposableStack, refuses: (order: unknown) => boolean) {
  const port = await freePort();
  const orders: unknown[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request.setEncoding('utf8')) text += part;
    if (request.url !== '/orders') return response.writeHead(404).end();
    const { data } = JSON.parse(text);
    orders.push(data);
    response.writeHead(refuses(data) ? 500 : 200).end();
  });
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  stack.defer(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port, orders };
}

/** The consumer of a trigger, from the server that leads it, by the question that KEDA asks. */
async function whatKedaSees(
  nats: NatsServer[],
  trigger: { account: string; stream: string; consumer: string },
) {
  for (const server of nats) {
    const query = new URLSearchParams({ acc: trigger.account, consumers: 'true', config: 'true' });
    const answer = (await server.monitor(`jsz?${query}`)) as never as Jsz;
    const account = answer.account_details?.find(({ name }) => name === trigger.account);
    const stream = account?.stream_detail?.find(({ name }) => name === trigger.stream);
    const consumer = stream?.consumer_detail?.find(({ name }) => name === trigger.consumer);
    const { server_name } = (await server.monitor('varz')) as never as { server_name: string };
    if (stream && consumer?.cluster.leader === server_name) return { stream, consumer };
  }
  return undefined;
}

interface Jsz {
  account_details?: {
    name: string;
    stream_detail?: {
      name: string;
      config: { subjects: string[]; num_replicas: number };
      state: { messages: number };
      consumer_detail?: {
        name: string;
        num_pending: number;
        num_ack_pending: number;
        cluster: { leader: string };
      }[];
    }[];
  }[];
}

// biome-ignore lint/suspicious/noExplicitAny: the Go tests hold the shape of each kind
async function document(file: string): Promise<any> {
  const [one] = parseAllDocuments(await readFile(join(folder, file), 'utf8'));
  return one?.toJS();
}
