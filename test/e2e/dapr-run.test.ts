import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { resolveBinary } from '../../tools/binaries.ts';
import { Child } from '../support/child.ts';
import { localConfiguration } from '../support/daprd.ts';
import { startPair } from '../support/pair.ts';
import { freePort } from '../support/ports.ts';
import { temporaryFolder } from '../support/temp.ts';

const root = join(import.meta.dirname, '../..');

test("the README's `dapr run` starts an app that publishes and receives", async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  await using folder = await temporaryFolder();

  // The CLI takes daprd from <runtime path>/.dapr/bin, and cannot tell it to stay on loopback.
  const bin = join(folder.path, '.dapr/bin');
  await mkdir(bin, { recursive: true });
  const onLoopback = '--dapr-internal-grpc-listen-address 127.0.0.1 --enable-metrics=false';
  const script = `#!/bin/sh\nexec "${await resolveBinary('daprd')}" "$@" ${onLoopback}\n`;
  await writeFile(join(bin, 'daprd'), script, { mode: 0o755 });
  const resources = join(folder.path, 'components');
  await mkdir(resources);
  const shown = await readFile(join(root, 'components/pubsub.yaml'), 'utf8');
  const here = shown.replace('nats://localhost:4222', pair.nats.url);
  expect(here).not.toBe(shown);
  await writeFile(join(resources, 'pubsub.yaml'), here);
  const config = join(folder.path, 'config.yaml');
  await writeFile(config, localConfiguration(join(folder.path, 'names.db')));

  const [flags, app] = (await recipe())
    .replace('--app-port 3000', `--app-port ${await freePort()}`)
    .replace('--resources-path ./components', `--resources-path ${resources}`)
    .split(' -- ');
  const isolation = [
    ...['--runtime-path', folder.path, '--config', config],
    ...['--dapr-http-port', `${await freePort()}`, '--dapr-grpc-port', `${await freePort()}`],
    ...['--dapr-listen-addresses', '127.0.0.1'],
    ...['--dapr-internal-grpc-port', `${await freePort()}`],
  ];
  await using cli = await Child.start({
    name: 'dapr run',
    command: await resolveBinary('dapr'),
    args: [...(flags ?? '').split(' ').slice(1), ...isolation, '--', ...(app ?? '').split(' ')],
    cwd: root,
    env: { DAPR_COMPONENTS_SOCKETS_FOLDER: pair.folder },
    detached: true,
    ready: /You're up and running/,
  });
  try {
    await cli.line(/sent order 3/);
    await cli.line(/received order 3/);
    expect(cli.lines.join('\n')).not.toContain('was not stored');
  } finally {
    await cli.interruptGroup();
  }
  await pair.nats.api.consumers.info('ORDERS', 'orders-orders');
});

/** The command as the README has it. */
async function recipe(): Promise<string> {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const line = /^dapr run .* -- .*$/m.exec(readme)?.[0];
  if (!line) throw new Error('the README has no `dapr run` line');
  return line;
}
