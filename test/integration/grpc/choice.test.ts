import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Child } from '../../support/child.ts';
import { startComponent } from '../../support/component.ts';
import { Host } from '../../support/host.ts';
import { NatsServer } from '../../support/nats-server.ts';
import { temporaryFolder } from '../../support/temp.ts';

const variable = 'DAPR_NATS_JETSTREAM_GRPC_SERVER';

/** Serves calls of both kinds. Returns the packages of which the process has loaded something. */
async function packagesLoaded(args: string[], value: string): Promise<Set<string>> {
  await using folder = await temporaryFolder();
  await using nats = await NatsServer.start();
  await nats.stream('ORDERS', 'orders');
  // Node lists every script that it has loaded there, when it ends.
  const coverage = join(folder.path, 'coverage');
  await using component = await startComponent({
    folder: folder.path,
    args,
    env: { NODE_V8_COVERAGE: coverage, [variable]: value },
  });
  using host = new Host(component.socket);
  await host.init({ natsURL: nats.url, consumerID: 'app' });
  const subscription = host.subscribe('orders');
  await host.publish('orders', 'x');
  await subscription.received(1);
  expect(await component.end()).toBe(0);
  const loaded = new Set<string>();
  for (const file of await readdir(coverage)) {
    const { result } = JSON.parse(await readFile(join(coverage, file), 'utf8'));
    for (const { url } of result as { url: string }[]) {
      const name = /.*\/node_modules\/((@[^/]+\/)?[^/]+)/.exec(url)?.[1];
      if (name) loaded.add(name);
    }
  }
  return loaded;
}

test.each([
  ['by default', [], ''],
  ['with --grpc-server own, whatever the variable says', ['--grpc-server', 'own'], 'grpc-js'],
])('a process that serves loads no gRPC library %s', async (_, args, value) => {
  const loaded = await packagesLoaded(args, value);
  // What it does need is seen.
  expect(loaded).toContain('@nats-io/jetstream');
  const library = /^@grpc\/|protobuf/;
  expect([...loaded].filter((name) => library.test(name))).toEqual([]);
});

test.each([
  ['--grpc-server grpc-js', ['--grpc-server', 'grpc-js'], ''],
  [`${variable}=grpc-js`, [], 'grpc-js'],
])('%s: grpc-js serves, without protobufjs', async (_, args, value) => {
  const loaded = await packagesLoaded(args, value);
  expect(loaded).toContain('@grpc/grpc-js');
  expect(loaded).not.toContain('protobufjs');
});

test.each([
  ['--grpc-server', ['--grpc-server', 'nice-grpc'], 'own'],
  [variable, [], 'nice-grpc'],
])(
  'an unknown server in %s: exit 2 and one line that names the choices',
  async (from, args, value) => {
    await using folder = await temporaryFolder();
    await using child = await Child.start({
      name: 'component',
      command: process.execPath,
      args: ['src/main.ts', '--socket-folder', folder.path, ...args],
      env: { [variable]: value },
      ready: /cannot be used/,
    });
    expect(await child.ended).toBe(2);
    expect(child.lines).toEqual([
      expect.stringContaining(`${from}: "nice-grpc" cannot be used: use one of own, grpc-js`),
    ]);
    expect(await readdir(folder.path)).toEqual([]);
  },
);
