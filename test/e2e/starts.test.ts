import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { resolveBinary } from '../../tools/binaries.ts';
import { Child } from '../support/child.ts';
import { localConfiguration } from '../support/daprd.ts';
import { background, documented } from '../support/documentation.ts';
import { localComponents } from '../support/local-components.ts';
import { NatsServer } from '../support/nats-server.ts';
import { freePort } from '../support/ports.ts';
import { temporaryFolder } from '../support/temp.ts';

/**
 * The documented ways to start component, daprd and app. Each block is pasted whole, as its reader
 * does: a line may pass alone and come too early behind the one before it.
 */
const root = join(import.meta.dirname, '../..');

/** From the paste until all of it runs: four times npm and its setup, one after the other. Milliseconds. */
const startLimit = 60_000;

/** What each start comes to, by its last line. */
const starts: [last: RegExp, see: (shell: Child, nats: NatsServer) => Promise<void>][] = [
  [
    /\ndapr run .* -- .*$/,
    async (shell, nats) => {
      await shell.line(/You're up and running/, startLimit);
      await shell.line(/sent order 3/);
      await shell.line(/received order 3/);
      expect(shell.lines.join('\n')).not.toContain('was not stored');
      await nats.api.consumers.info('ORDERS', 'orders-orders');
    },
  ],
  [
    /\ndapr run -f .*$/,
    async (shell, nats) => {
      await shell.line(/north == .*sent order/, startLimit);
      await shell.line(/south == .*sent order 2/);
      // Each of two apps gets the orders of both.
      for (const app of ['north', 'south']) {
        await shell.line(new RegExp(`${app} == .*received order 2`));
        const { num_pending } = await nats.api.consumers.info('ORDERS', `${app}-orders`);
        expect(num_pending).toBeLessThan(10);
      }
    },
  ],
];

const blocks = new Set(
  (await documented()).map(({ command }) => command).filter((command) => background.test(command)),
);

test('each documented start, and no other, is here', () => {
  for (const [last] of starts)
    expect([...blocks].filter((block) => last.test(block))).toHaveLength(1);
  expect(blocks.size).toBe(starts.length);
});

test.each([...blocks])('a documented start, pasted as a whole:\n%s', async (block) => {
  const [, see] = starts.find(([last]) => last.test(block)) ?? [];
  await using nats = await NatsServer.start();
  await using folder = await temporaryFolder();
  const { text, env } = await isolated(block, nats, folder.path);
  // The other blocks say that there has to be one.
  if (!block.startsWith('nats stream add ')) await nats.stream('ORDERS', 'orders');
  await using shell = await paste(text, env);
  try {
    await see?.(shell, nats);
  } finally {
    await shell.endSession();
  }
});

/** Pastes a block into a bash of its own, which reads a line when the one before it has ended. */
function paste(block: string, env: NodeJS.ProcessEnv): Promise<Child> {
  return Child.start({
    name: 'bash',
    command: 'bash',
    args: ['-c', `echo pasted; exec bash <<'END OF PASTE'\n${block}\nEND OF PASTE`],
    cwd: root,
    env,
    detached: true,
    ready: /^pasted$/,
  });
}

/** A block on loopback alone, on free ports, and in a folder of its own. */
async function isolated(block: string, nats: NatsServer, folder: string) {
  // The CLI takes daprd from there, below its runtime path, and cannot tell it to stay on loopback.
  const bin = join(folder, '.dapr/bin');
  await mkdir(bin, { recursive: true });
  const onLoopback =
    '--dapr-listen-addresses 127.0.0.1 --dapr-internal-grpc-listen-address 127.0.0.1 ' +
    '--enable-metrics=false';
  const script = `#!/bin/sh\nexec "${await resolveBinary('daprd')}" "$@" ${onLoopback}\n`;
  await writeFile(join(bin, 'daprd'), script, { mode: 0o755 });
  const resources = await localComponents(nats.url, folder);
  const config = join(folder, 'config.yaml');
  await writeFile(config, localConfiguration(join(folder, 'names.db')));
  const tools = [dirname(await resolveBinary('dapr')), dirname(await resolveBinary('nats'))];
  const env = {
    PATH: [...tools, process.env.PATH].join(delimiter),
    DAPR_RUNTIME_PATH: folder,
    DAPR_COMPONENTS_SOCKETS_FOLDER: folder,
    NATS_URL: nats.url,
  };
  const own = [
    ...['--app-port', await freePort(), '--resources-path', resources, '--config', config],
    ...['--dapr-http-port', await freePort(), '--dapr-grpc-port', await freePort()],
    ...['--dapr-internal-grpc-port', await freePort()],
  ].join(' ');
  const text = block
    .replace(/--app-port 3000 (.*)--resources-path \.\/components/, `$1${own}`)
    .replace('-f examples/multi-app', `-f ${folder}`);
  // Else it would run on the ports of whoever runs the test.
  expect(text).not.toBe(block);
  await writeMultiApp(folder, { resourcesPath: resources, configFilePath: config });
  return { text, env };
}

/** examples/multi-app/dapr.yaml for other ports and the apps of this folder. */
async function writeMultiApp(folder: string, common: object): Promise<void> {
  const shown = join(root, 'examples/multi-app');
  const template = parse(await readFile(join(shown, 'dapr.yaml'), 'utf8'));
  template.common = { ...template.common, ...common };
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
  await writeFile(join(folder, 'dapr.yaml'), stringify(template));
}
