import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { beforeAll, expect, test } from 'vitest';
import { freePort } from '../support/ports.ts';
import { until } from '../support/wait.ts';
import { buildAsIn, documented, images, root } from './images.ts';

const run = promisify(execFile);

beforeAll(() => buildAsIn('docs/kubernetes.md'), 600_000);

/** `docker compose`, or the older program of its own that Debian has. */
async function composeCommand(): Promise<string[]> {
  for (const command of [['docker', 'compose'], ['docker-compose']]) {
    const [program = '', ...args] = command;
    const works = await run(program, [...args, 'version']).then(
      () => true,
      () => false,
    );
    if (works) return command;
  }
  throw new Error(
    'no Docker Compose: install its plugin (https://docs.docker.com/compose/install/), or on Debian and ' +
      'Ubuntu: apt-get install docker-compose',
  );
}

test('the documented `docker compose up`: orders flow, also after a restart of any container', async () => {
  const [documentedCommand = ''] = documented('docs/quick-start.md', 'docker compose ');
  expect(documentedCommand).toBe('docker compose -f deploy/compose.yaml up');
  const port = await freePort();
  const [program = '', ...before] = await composeCommand();
  const project = `dnj-${randomUUID()}`;
  const args = [...before, '-p', project, ...documentedCommand.split(' ').slice(2)];
  const compose = (...more: string[]) =>
    run(program, [...args.slice(0, -1), ...more], {
      cwd: root,
      env: { ...process.env, ...hereImages, COMPONENT_HTTP_PORT: `${port}` },
      timeout: 120_000,
    });
  const hereImages = { ...(await images()) };
  try {
    await compose('up', '--detach', '--no-build');
    await until(
      'five orders',
      async () => /received order 5$/m.test((await compose('logs', '--no-color', 'orders')).stdout),
      60_000,
    );
    const page = await (await fetch(`http://127.0.0.1:${port}`)).text();
    expect(page).toMatch(/ORDERS \/ orders-orders \(pull\)/);
    const { stdout } = await compose('ps', '--quiet');
    expect(stdout.trim().split('\n')).toHaveLength(4);
    for (const service of ['orders', 'component', 'nats', 'daprd']) {
      const { stdout: before } = await compose('logs', '--no-color', 'orders');
      const count = (text: string) => text.match(/received order/g)?.length ?? 0;
      const { stdout: id } = await compose('ps', '--quiet', service);
      await run('docker', ['restart', '--time', '0', id.trim()]);
      await until(
        `orders after a restart of ${service}`,
        async () => {
          const { stdout: now } = await compose('logs', '--no-color', 'orders');
          return count(now) >= count(before) + 3;
        },
        60_000,
      );
    }
  } finally {
    await compose('down', '--volumes', '--timeout', '10');
  }
});

test('the documented nats-server in a container takes a stream', async () => {
  const [command = ''] = documented('docs/component.md', 'docker run ');
  const { NATS_IMAGE } = await images();
  const port = await freePort();
  const name = `dnj-${randomUUID()}`;
  const args = command.replace('docker run -d -p 4222:4222 nats:2.15', '').trim().split(' ');
  expect(args).toEqual(['-js']);
  await run('docker', [
    'run',
    '-d',
    '-p',
    `127.0.0.1:${port}:4222`,
    '--name',
    name,
    NATS_IMAGE,
    ...args,
  ]);
  try {
    const client = await until('a connection', () => connect({ servers: `127.0.0.1:${port}` }));
    const api = await jetstreamManager(client);
    await api.streams.add({ name: 'ORDERS', subjects: ['orders'] });
    await client.close();
  } finally {
    await run('docker', ['rm', '--force', name]);
  }
});
