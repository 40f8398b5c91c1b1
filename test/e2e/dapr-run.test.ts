import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { resolveBinary } from '../../tools/binaries.ts';
import { Child } from '../support/child.ts';
import { localConfiguration } from '../support/daprd.ts';
import { localComponents } from '../support/local-components.ts';
import { type Pair, startPair } from '../support/pair.ts';
import { freePort } from '../support/ports.ts';
import { temporaryFolder } from '../support/temp.ts';

const root = join(import.meta.dirname, '../..');

/** What the Dapr CLI needs to run on loopback alone, in a folder of its own. */
async function isolation(pair: Pair, folder: string) {
  // The CLI takes daprd from <runtime path>/.dapr/bin, and cannot tell it to stay on loopback.
  const bin = join(folder, '.dapr/bin');
  await mkdir(bin, { recursive: true });
  const onLoopback =
    '--dapr-listen-addresses 127.0.0.1 --dapr-internal-grpc-listen-address 127.0.0.1 ' +
    '--enable-metrics=false';
  const script = `#!/bin/sh\nexec "${await resolveBinary('daprd')}" "$@" ${onLoopback}\n`;
  await writeFile(join(bin, 'daprd'), script, { mode: 0o755 });
  const resources = await localComponents(pair.nats.url, folder);
  const config = join(folder, 'config.yaml');
  await writeFile(config, localConfiguration(join(folder, 'names.db')));
  return { resources, config };
}

async function runCli(pair: Pair, args: string[], ready: RegExp): Promise<Child> {
  return Child.start({
    name: 'dapr run',
    command: await resolveBinary('dapr'),
    args,
    cwd: root,
    env: { DAPR_COMPONENTS_SOCKETS_FOLDER: pair.folder },
    detached: true,
    ready,
  });
}

/** The command as the documentation has it: the same in all places. */
async function recipe(pattern: RegExp): Promise<string> {
  const pages = await Promise.all(
    ['docs/dapr-run.md', 'docs/quick-start.md'].map((page) => readFile(join(root, page), 'utf8')),
  );
  const lines = new Set(pages.flatMap((page) => page.match(pattern) ?? []));
  expect(lines.size).toBe(1);
  return [...lines][0] as string;
}

test('the documented `dapr run` starts an app that publishes and receives', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  await using folder = await temporaryFolder();
  const { resources, config } = await isolation(pair, folder.path);
  const [flags, app] = (await recipe(/^dapr run .* -- .*$/gm))
    .replace('--app-port 3000', `--app-port ${await freePort()}`)
    .replace('--resources-path ./components', `--resources-path ${resources}`)
    .split(' -- ');
  const own = [
    ...['--runtime-path', folder.path, '--config', config],
    ...['--dapr-http-port', `${await freePort()}`, '--dapr-grpc-port', `${await freePort()}`],
    ...['--dapr-internal-grpc-port', `${await freePort()}`],
  ];
  const args = [...(flags ?? '').split(' ').slice(1), ...own, '--', ...(app ?? '').split(' ')];
  await using cli = await runCli(pair, args, /You're up and running/);
  try {
    await cli.line(/sent order 3/);
    await cli.line(/received order 3/);
    expect(cli.lines.join('\n')).not.toContain('was not stored');
  } finally {
    await cli.interruptGroup();
  }
  await pair.nats.api.consumers.info('ORDERS', 'orders-orders');
});

test('the documented multi-app run: each of two apps gets the orders of both', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  await using folder = await temporaryFolder();
  const { resources, config } = await isolation(pair, folder.path);
  const command = (await recipe(/^dapr run -f .*$/gm)).split(' ');
  const shown = join(root, command[3] ?? '');
  const template = parse(await readFile(join(shown, 'dapr.yaml'), 'utf8'));
  const own = { resourcesPath: resources, configFilePath: config, runtimePath: folder.path };
  template.common = { ...template.common, ...own };
  for (const app of template.apps) {
    Object.assign(app, {
      appDirPath: join(shown, app.appDirPath),
      appPort: await freePort(),
      daprHTTPPort: await freePort(),
      daprGRPCPort: await freePort(),
      daprInternalGRPCPort: await freePort(),
      // Else they are files in the folder of the app.
      daprdLogDestination: 'console',
      appLogDestination: 'console',
    });
  }
  await writeFile(join(folder.path, 'dapr.yaml'), stringify(template));
  const args = ['run', '-f', folder.path];
  await using cli = await runCli(pair, args, /north == .*sent order/);
  try {
    await cli.line(/south == .*sent order 2/);
    for (const app of ['north', 'south'])
      await cli.line(new RegExp(`${app} == .*received order 2`));
  } finally {
    await cli.interruptGroup();
  }
  for (const app of ['north', 'south']) {
    const { num_pending } = await pair.nats.api.consumers.info('ORDERS', `${app}-orders`);
    expect(num_pending).toBeLessThan(10);
  }
});
