import { execFile } from 'node:child_process';
import { cp, glob, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { resolveBinary } from '../../tools/binaries.ts';
import { Child } from '../support/child.ts';
import { localConfiguration } from '../support/daprd.ts';
import { Host } from '../support/host.ts';
import { localComponents } from '../support/local-components.ts';
import { NatsServer } from '../support/nats-server.ts';
import { freePort } from '../support/ports.ts';
import { temporaryFolder } from '../support/temp.ts';

/** Each command that the documentation gives its reader is run by a test: here, or where it is said. */
const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

const elsewhere: [command: RegExp, file: string, test: string][] = [
  [/^dapr run .* -- /, 'e2e/dapr-run.test.ts', 'the documented `dapr run`'],
  [/^dapr run -f /, 'e2e/dapr-run.test.ts', 'the documented multi-app run'],
  [/^kubectl |^cp deploy.kubernetes/, 'e2e/commands.test.ts', 'kubectl'],
  [/^curl .*connection_up\|subscription_state'$/, 'e2e/commands.test.ts', 'seeMetrics'],
  [
    /^npm start -- check deploy\/kubernetes\//,
    'deploy/manifests.test.ts',
    'the component takes the Components and Subscriptions',
  ],
  [
    /^npm install dapr-nats-jetstream$|^node_modules\/\.bin\/dapr-nats-jetstream$/,
    'integration/package.test.ts',
    'the installed command serves, with the flags of npm start, until SIGTERM',
  ],
  [
    /^npx dapr-nats-jetstream check /,
    'integration/package.test.ts',
    'the documented `npx … check`',
  ],
  [/^docker build /, 'container/pod.test.ts', "'docs/kubernetes.md'"],
  [/^docker compose /, 'container/compose.test.ts', 'the documented `docker compose up`'],
  [/^docker run .* nats:2\.15 -js$/, 'container/compose.test.ts', 'the documented nats-server'],
];

interface Documented {
  page: string;
  command: string;
}

/** Every line of every `sh` block, without its comment. */
async function documented(): Promise<Documented[]> {
  const pages = ['README.md', 'deploy/kubernetes/README.md'];
  for (const name of await readdir(join(root, 'docs')))
    if (name.endsWith('.md')) pages.push(`docs/${name}`);
  const found: Documented[] = [];
  for (const page of pages) {
    const text = await readFile(join(root, page), 'utf8');
    for (const [, block = ''] of text.matchAll(/^ *```(?:sh|bash)\n([\s\S]*?)^ *```/gm)) {
      for (const line of block.split('\n')) {
        const command = line.replace(/\s+#.*$/, '').trim();
        if (command) found.push({ page, command });
      }
    }
  }
  return found;
}

/** `npm start …` in this folder, with a socket folder of its own. */
async function npmStart(command: string, ready: RegExp, env: NodeJS.ProcessEnv): Promise<Child> {
  const [program = '', ...args] = command.replace(/ &$/, '').split(' ');
  return Child.start({
    name: command,
    command: program,
    args,
    cwd: root,
    env,
    ready,
    detached: true,
  });
}

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
    /^npm start( &| -- --socket-name jetstream| -- --http-port 9464)?$/,
    async (command) => {
      await using folder = await temporaryFolder();
      const env = { DAPR_COMPONENTS_SOCKETS_FOLDER: folder.path };
      await using component = await npmStart(command, /"msg":"ready/, env);
      const name = command.includes('jetstream') ? 'jetstream' : 'nats-jetstream';
      using host = new Host(join(folder.path, `${name}.sock`));
      await host.call('Ping');
      if (command.includes('9464')) await seeMetrics(host);
      await component.interruptGroup();
    },
  ],
  [
    // Begun together with the component, as its reader does.
    /^npm start -- healthcheck --wait 300$/,
    async (command) => {
      await using folder = await temporaryFolder();
      const env = { DAPR_COMPONENTS_SOCKETS_FOLDER: folder.path };
      const [program = '', ...args] = command.split(' ');
      const waiting = run(program, args, { cwd: root, env: { ...process.env, ...env } });
      await using component = await npmStart('npm start &', /"msg":"ready/, env);
      expect((await waiting).stdout).toContain('SERVING: ');
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
    /^daprd --app-id checkout --app-port 3000 --resources-path \.\/components$/,
    async (command) => {
      await using nats = await NatsServer.start();
      await using folder = await temporaryFolder();
      const components = await localComponents(nats.url, folder.path);
      const env = { DAPR_COMPONENTS_SOCKETS_FOLDER: folder.path };
      await using component = await npmStart('npm start', /"msg":"ready/, env);
      const config = join(folder.path, 'config.yaml');
      await writeFile(config, localConfiguration(join(folder.path, 'names.db')));
      const [, ...args] = command
        .replace('./components', components)
        .replace('3000', `${await freePort()}`)
        .split(' ');
      const isolation = [
        ...['--config', config, '--enable-metrics=false', '--dapr-listen-addresses', '127.0.0.1'],
        ...['--dapr-internal-grpc-listen-address', '127.0.0.1'],
        ...['--dapr-http-port', `${await freePort()}`, '--dapr-grpc-port', `${await freePort()}`],
        ...['--dapr-internal-grpc-port', `${await freePort()}`],
      ];
      await using daprd = await Child.start({
        name: 'daprd',
        command: await resolveBinary('daprd'),
        args: [...args, ...isolation],
        env,
        // It waits for an app then, which is the reader's.
        ready: /Component loaded: pubsub \(pubsub.nats-jetstream\/v1\)/,
      });
      await daprd.end();
      await component.interruptGroup();
    },
  ],
];

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
test.each(commands.filter(({ command }) => command.startsWith('kubectl ')))(
  'what `$command` names is in what $page applies',
  async ({ page, command }) => {
    const ofPage = commands.flatMap((one) => (one.page === page ? one.command : []));
    const manifests = await applied(ofPage);
    expect(manifests).not.toEqual([]);

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
