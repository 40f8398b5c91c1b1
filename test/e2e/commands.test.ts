import { execFile } from 'node:child_process';
import { cp, glob, readFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { headers } from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { resolveBinary } from '../../tools/binaries.ts';
import { Child } from '../support/child.ts';
import { background, documented } from '../support/documentation.ts';
import { Host } from '../support/host.ts';
import { localComponents } from '../support/local-components.ts';
import { NatsServer } from '../support/nats-server.ts';
import { startPair } from '../support/pair.ts';
import { temporaryFolder } from '../support/temp.ts';
import { until } from '../support/wait.ts';

/** Each command that the documentation gives its reader is run by a test: here, or where it is said. */
const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

const elsewhere: [command: RegExp, file: string, test: string][] = [
  [background, 'e2e/starts.test.ts', 'a documented start, pasted as a whole'],
  [/^kubectl |\$\(kubectl |^cp deploy.kubernetes/, 'e2e/commands.test.ts', 'kubectl'],
  [/^export NATS_URL=/, 'e2e/commands.test.ts', 'lookInto'],
  [/^curl .*connection_up\|subscription_state'$/, 'e2e/commands.test.ts', 'seeMetrics'],
  [
    /^npm start -- check deploy\/kubernetes\//,
    'deploy/manifests.test.ts',
    'the component takes the Components and Subscriptions',
  ],
  [
    /^npm pack |^npm install \.\.\/dapr-nats-jetstream-.*\.tgz$|^node_modules\/\.bin\/dapr-nats-jetstream$/,
    'integration/package.test.ts',
    'the installed command serves, with the flags of npm start, until SIGTERM',
  ],
  [
    /^npx dapr-nats-jetstream check /,
    'integration/package.test.ts',
    'the documented `npx … check`',
  ],
  [
    /^nats consumer (info|rm) ORDERS checkout/,
    'compat/going-back.test.ts',
    'removed as documented: the built-in begins behind what is acknowledged',
  ],
  [/^docker build /, 'container/pod.test.ts', "'docs/kubernetes.md'"],
  [/^docker compose /, 'container/compose.test.ts', 'the documented `docker compose up`'],
  [/^docker run .* nats:2\.15 -js$/, 'container/compose.test.ts', 'the documented nats-server'],
];

const here: [command: RegExp, (command: string) => Promise<void>][] = [
  [
    /^npm run demo$/,
    async (command) => {
      const { stdout } = await run(
        'npm',
        [...command.split(' ').slice(1), '--', '--count', '20', '--rate', '50'],
        { cwd: root },
      );
      expect(stdout).toMatch(/20 sent, 20 received, 0 lost/);
    },
  ],
  [
    /^npm start -- (--socket-name jetstream|--http-port 9464)$/,
    async (command) => {
      await using folder = await temporaryFolder();
      const [program = '', ...args] = command.split(' ');
      await using component = await Child.start({
        name: command,
        command: program,
        args,
        cwd: root,
        env: { DAPR_COMPONENTS_SOCKETS_FOLDER: folder.path },
        ready: /"msg":"ready/,
        detached: true,
      });
      const name = command.includes('jetstream') ? 'jetstream' : 'nats-jetstream';
      using host = new Host(join(folder.path, `${name}.sock`));
      await host.call('Ping');
      if (command.includes('9464')) await seeMetrics(host);
      await component.interruptGroup();
    },
  ],
  [
    /^npm start -- check components\/\*\.yaml --connect --app-id checkout$/,
    async (command) => {
      await using nats = await NatsServer.start();
      await using folder = await temporaryFolder();
      const components = await localComponents(nats.url, folder.path);
      const args = command.replace('components/*.yaml', join(components, 'pubsub.yaml')).split(' ');
      const { stdout } = await run('npm', args.slice(1), { cwd: root });
      expect(stdout).toContain('the metadata is valid');
    },
  ],
  [
    /^nats stream add ORDERS --subjects orders --defaults$/,
    async (command) => {
      await using nats = await NatsServer.start();
      const args = command.split(' ').slice(1);
      await run(await resolveBinary('nats'), args, { env: { ...process.env, NATS_URL: nats.url } });
      const { config } = await nats.api.streams.info('ORDERS');
      expect(config.subjects).toEqual(['orders']);
    },
  ],
  [
    /^sed -i .* deploy\//,
    async (command) => {
      await using folder = await temporaryFolder();
      const files = command.split(' ').filter((word) => word.startsWith('deploy/'));
      for (const file of files) await cp(join(root, file), join(folder.path, file));
      await run('sh', ['-c', command], { cwd: folder.path });
      for (const file of files) {
        const text = await readFile(join(folder.path, file), 'utf8');
        const [url, ...others] = new Set(text.match(/(?<=runbook_url: ).*(?=#)/g));
        expect(others).toEqual([]);
        expect(url).toMatch(/^https:.*git\.example\.com.*[^/]\/docs\/operations\.md$/);
        expect(text).not.toContain('replace-me');
      }
    },
  ],
  [
    /^nats stream get ORDERS 42$/,
    async (command) => {
      await using orders = await poisonAt(42, { maxDeliver: '1' });
      expect(await orders.lookInto(command)).toContain('poison');
    },
  ],
  [
    /^nats stream get ORDERS --last-for orders_dead$/,
    async (command) => {
      await using orders = await poisonAt(42, deadLetters);
      const shown = await orders.lookInto(command);
      expect(shown).toMatch(/Dead-Letter-Reason: refused 1 time/);
      expect(shown).toContain('Dead-Letter-Sequence: 42');
    },
  ],
  [
    /^nats consumer info ORDERS order-processor-orders$/,
    async (command) => {
      await using orders = await poisonAt(42);
      await until('redeliveries', () => orders.refused > 1);
      const shown = await orders.lookInto(command);
      expect(shown).toMatch(/Acknowledgment Floor:.*Stream sequence: 41\b/i);
    },
  ],
  [
    /^nats stream rmm --force ORDERS 42$/,
    async (command) => {
      await using orders = await poisonAt(42);
      await until('redeliveries', () => orders.refused > 1);
      await orders.lookInto(command);
      await until('nothing unsettled', async () => {
        const info = await orders.nats.api.consumers.info('ORDERS', 'order-processor-orders');
        return info.num_redelivered === 0 && info.num_ack_pending === 0;
      });
    },
  ],
  [
    /^npm run republish-dead-letters -- ORDERS orders_dead$/,
    async (command) => {
      await using orders = await poisonAt(42, deadLetters);
      await orders.publish('poison too');
      await orders.letters(2);
      const { streams } = orders.nats.api;
      const original = await streams.getMessage('ORDERS', { seq: 42 });
      orders.mend();
      await orders.lookInto(command);
      const again = await streams.getMessage('ORDERS', { seq: 46 });
      expect(again?.subject).toBe('orders');
      expect(again?.data).toEqual(original?.data);
      const { 'Nats-Msg-Id': _, ...own } = Object.fromEntries(original?.header ?? []);
      const { 'Nats-Msg-Id': __, ...same } = Object.fromEntries(again?.header ?? []);
      expect(same).toEqual(own);
      const { state } = await streams.info('ORDERS', { subjects_filter: '>' });
      expect(state.subjects).toEqual({ orders: 45 });

      const { client } = orders.nats;
      const letter = headers();
      letter.set('Dead-Letter-Subject', 'orders');
      await client.request('orders_dead', 'put there by daprd');
      await client.request('orders_dead', 'good', { headers: letter, timeout: 1_000 });
      await expect(orders.lookInto(command)).rejects.toMatchObject({
        code: 1,
        stdout: expect.stringContaining('published 1 dead letter(s) again'),
        stderr: expect.stringContaining('left message 48 of ORDERS: it has no Dead-Letter-Subject'),
      });
      const left = await streams.info('ORDERS', { subjects_filter: '>' });
      expect(left.state.subjects).toEqual({ orders: 46, orders_dead: 1 });

      // As if it were interrupted between the two, each time.
      await client.request('orders_dead', 'good', { headers: letter, timeout: 1_000 });
      await streams.update('ORDERS', { deny_delete: true });
      for (let time = 1; time <= 2; time++) {
        await expect(orders.lookInto(command)).rejects.toThrow('stopped: ');
        const kept = await streams.info('ORDERS', { subjects_filter: '>' });
        expect(kept.state.subjects).toEqual({ orders: 47, orders_dead: 2 });
      }
    },
  ],
];

const secretExample = 'deploy/kubernetes/base/secret.example.yaml';
const deadLetters = { maxDeliver: '1', deadLetterSubject: 'orders_dead' };

/** The stream and the user of the manifests, and an app that refuses the message of this sequence. */
async function poisonAt(sequence: number, metadata: Record<string, string> = {}) {
  await using stack = new AsyncDisposableStack();
  const secret = parse(await readFile(join(root, secretExample), 'utf8'));
  const { username, password } = secret.stringData;
  const written = await readFile(join(root, 'deploy/kubernetes/nats/nats.conf'), 'utf8');
  const config = written
    .slice(written.indexOf('authorization {'))
    .replace('$ORDERS_USER', username)
    .replace('$ORDERS_PASSWORD', password);
  const client = { user: username, pass: password };
  const pair = stack.use(await startPair({ nats: { config, client } }));
  const { nats } = pair;
  await nats.stream('ORDERS', 'orders', 'orders_dead');
  const user = { username, password, consumerID: 'order-processor' };
  const host = await pair.host({ ...user, ...metadata });
  const subscription = host.subscribe('orders');
  let refused = 0;
  subscription.onMessage = ({ id, data }) => {
    if (!data.toString().startsWith('poison')) return subscription.ack(id);
    refused++;
    subscription.nak(id);
  };
  // What a shell, or a template of the CLI, would make something else of.
  const odd = `: {{Count}} "it's" \\n $HOME `;
  const publish = (text: string) =>
    host.publish('orders', Buffer.from([...Buffer.from(text + odd), 0, 255, 10]), { note: odd });
  for (let n = 1; n < sequence; n++) await host.publish('orders', 'good');
  await publish('poison');
  await until('the refusal', () => refused > 0);
  const letters = (count: number) =>
    until('dead letters', async () => {
      const { state } = await nats.api.streams.info('ORDERS', { subjects_filter: 'orders_dead' });
      return state.subjects?.orders_dead === count;
    });
  if (metadata.deadLetterSubject) await letters(1);
  const shown = commands
    .map(({ command }) => command)
    .find((each) => /^export NATS_URL/.test(each));
  const owned = stack.move();
  return {
    nats,
    publish,
    letters,
    get refused() {
      return refused;
    },
    mend: () => subscription.ackAll(),
    /** What a command shows that is given where and as whom the page says. */
    async lookInto(command: string): Promise<string> {
      const here = shown?.replace('nats://127.0.0.1:4222', nats.url);
      const path = `${dirname(await resolveBinary('nats'))}${delimiter}${process.env.PATH}`;
      const env = { ...process.env, PATH: path, NATS_PASSWORD: password };
      const { stdout } = await run('sh', ['-c', `${here}\n${command}`], { cwd: root, env });
      return stdout;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** What `curl … | grep` shows. */
async function seeMetrics(host: Host): Promise<void> {
  await using nats = await NatsServer.start();
  await host.init({ natsURL: nats.url, consumerID: 'app' });
  const subscription = host.subscribe('orders');
  try {
    await expect
      .poll(async () => (await fetch('http://127.0.0.1:9464/metrics')).text())
      .toMatch(
        /connection_up\{[^}]*\} 1\n.*subscription_state\{[^}]*topic="orders",state="binding"\} 1/s,
      );
  } finally {
    subscription.end();
  }
}

const commands = await documented();

test('each documented command is run by a test', async () => {
  expect(commands.length).toBeGreaterThan(30);
  for (const { page, command } of commands) {
    const there = elsewhere.filter(([pattern]) => pattern.test(command));
    const own = here.filter(([pattern]) => pattern.test(command));
    expect(there.length + own.length, `${page}: ${command}`).toBe(1);
    for (const [, where, name] of there) {
      const texts: string[] = [];
      for await (const file of glob([where, `${where}/*.test.ts`], { cwd: join(root, 'test') })) {
        if (file.endsWith('.test.ts')) texts.push(await readFile(join(root, 'test', file), 'utf8'));
      }
      expect(texts.join('\n'), `${where} has no "${name}"`).toContain(name);
    }
  }
});

const distinct = [...new Set(commands.map(({ command }) => command))];

test.each(distinct.filter((command) => here.some(([pattern]) => pattern.test(command))))(
  '%s',
  async (command) => {
    const [, execute] = here.find(([pattern]) => pattern.test(command)) ?? [];
    await execute?.(command);
  },
);

/** What the commands of a page apply to a cluster; the namespace is that of the kustomization. */
interface Manifest {
  kind: string;
  namespace: string;
  metadata: { name: string };
  spec?: { template?: { spec: { containers: Container[]; initContainers?: Container[] } } };
}

interface Container {
  name: string;
  ports?: { containerPort: number }[];
}

async function applied(ofPage: string[]): Promise<Manifest[]> {
  const found: Manifest[] = [];
  for (const command of ofPage) {
    const folder = /^kubectl apply -k (\S+)$/.exec(command)?.[1];
    if (!folder) continue;
    const read = (file: string) => readFile(join(root, folder, file), 'utf8');
    const { namespace, resources } = parse(await read('kustomization.yaml'));
    for (const file of resources.filter((name: string) => name.endsWith('.yaml'))) {
      const documents = parseAllDocuments(await read(file));
      found.push(...documents.map((document) => ({ ...document.toJS(), namespace })));
    }
  }
  return found;
}

/** No cluster is at hand; test/deploy decodes what is applied and runs the injector on it. */
test.each(commands.filter(({ command }) => /^kubectl |\$\(kubectl /.test(command)))(
  'what `$command` of $page names is in what is applied',
  async ({ page, command }) => {
    const ofPage = commands.flatMap((one) => (one.page === page ? one.command : []));
    // The operator's page goes on where the one on Kubernetes ends.
    const manifests = await applied(commands.map((one) => one.command));

    const [, namespace, several] = / -n (\S+)| namespace (.+)$/.exec(command) ?? [];
    const namespaces = (namespace ?? several)?.split(' ') ?? [];
    expect(manifests.map((each) => each.namespace)).toEqual(expect.arrayContaining(namespaces));

    const [, file] = / -f (\S+)$/.exec(command) ?? [];
    if (file) {
      const copied = ofPage
        .map((each) => each.split(' '))
        .find(([cp, , to]) => cp === 'cp' && to === file);
      await readFile(join(root, copied?.[1] ?? file));
    }

    const [, secret, key = ''] = / secret .*?(\S+) -o .*\.data\.(\w+)/.exec(command) ?? [];
    if (secret) {
      const example = parse(await readFile(join(root, secretExample), 'utf8'));
      expect(example.metadata.name).toBe(secret);
      expect(example.stringData).toHaveProperty(key);
    }

    const [, kind, name] = / (deployment|statefulset)\/(\S+)/.exec(command) ?? [];
    if (!kind) return;
    const found = manifests.find(
      (each) =>
        each.namespace === namespace &&
        each.kind.toLowerCase() === kind &&
        each.metadata.name === name,
    );
    const { containers = [], initContainers = [] } = found?.spec?.template?.spec ?? {};
    const all = [...containers, ...initContainers];
    expect(all, `${kind}/${name}`).not.toEqual([]);
    const [, container] = / -c (\S+)/.exec(command) ?? [];
    if (container) expect(all.map((each) => each.name)).toContain(container);
    const [, port] = / (\d+)$/.exec(command) ?? [];
    const ports = all.flatMap((each) => each.ports ?? []).map(({ containerPort }) => containerPort);
    if (port) expect(ports).toContain(Number(port));
  },
);
