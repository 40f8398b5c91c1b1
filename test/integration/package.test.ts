import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Child } from '../support/child.ts';
import { nodeFlags } from '../support/component.ts';
import { Host } from '../support/host.ts';
import { temporaryFolder } from '../support/temp.ts';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

/** For npm to unpack and install everything, most of it from its own cache. Unit: milliseconds. */
const installLimit = 50_000;

/** What npm test hands down about this package would be taken for settings of that one. */
const npmEnv = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_(?!config_)/i.test(name)),
);

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let packed: string[];
let command: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder.path], {
    cwd: root,
  });
  const [{ filename, files }] = JSON.parse(stdout.slice(stdout.indexOf('[')));
  packed = files.map(({ path }: { path: string }) => path);
  await run(
    'npm',
    ['install', `./${filename}`, '--omit=dev', '--prefer-offline', '--no-audit', '--no-fund'],
    { cwd: folder.path, env: npmEnv, timeout: installLimit },
  );
  command = join(folder.path, 'node_modules/.bin/dapr-nats-jetstream');
});

afterAll(() => folder[Symbol.asyncDispose]());

const start = (args: string[] = [], env: NodeJS.ProcessEnv = {}) =>
  Child.start({
    name: 'installed component',
    command,
    args: ['--socket-folder', folder.path, ...args],
    env,
    ready: /"msg":"ready/,
  });

const commandLine = async ({ pid }: Child) =>
  (await run('ps', ['-ww', '-o', 'args=', '-p', `${pid}`])).stdout;

test('the package has what it needs, and no more', () => {
  const allowed =
    /^(dist\/[\w/-]+\.js|proto\/|components\/|(metadata\.yaml|package\.json|README\.md|LICENSE|CHANGELOG\.md)$)/;
  expect(packed.filter((path) => !allowed.test(path))).toEqual([]);
  expect(packed).toEqual(
    expect.arrayContaining([
      'dist/launch.js',
      'dist/main.js',
      'proto/pubsub.proto',
      'components/pubsub.yaml',
      'metadata.yaml',
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
    ]),
  );
});

test('the installed command serves, with the flags of npm start, until SIGTERM', async () => {
  await using component = await start();
  const args = await commandLine(component);
  for (const flag of nodeFlags) expect(args).toContain(flag);
  using host = new Host(join(folder.path, 'nats-jetstream.sock'));
  await host.call('Ping');
  expect(await component.end()).toBe(0);
});

test('a flag that NODE_OPTIONS sets stays as it is', async () => {
  await using component = await start(['--socket-name', 'other'], {
    NODE_OPTIONS: '--max-semi-space-size=16',
  });
  const args = await commandLine(component);
  expect(args).toContain('--heap-growing-percent=70');
  expect(args).not.toContain('--max-semi-space-size');
});

test('healthcheck answers, and Node starts only once for it', async () => {
  const args = ['healthcheck', '--socket-folder', folder.path];
  const startsOf = (stderr: string) => stderr.split('\n').filter((line) => line === 'start').length;
  // Each Node that starts with this says so.
  const env = {
    ...process.env,
    NODE_OPTIONS: "--import=data:text/javascript,console.error('start')",
  };
  {
    await using component = await start();
    const { stderr } = await run(command, args, { env });
    expect(startsOf(stderr)).toBe(1);
    expect(await component.end()).toBe(0);
  }
  await expect(run(command, args)).rejects.toMatchObject({ code: 1 });
  // To serve it starts twice, as this process becomes another one.
  const refused = run(command, ['--socket-mode', '9'], { env });
  expect(startsOf((await refused.catch((error) => error)).stderr)).toBe(2);
});

test('the documented `npx … check`', async () => {
  const page = await readFile(join(root, 'docs/dapr-run.md'), 'utf8');
  const [program = '', ...args] = (/^npx .* check .*$/m.exec(page)?.[0] ?? '').split(' ');
  const { stdout } = await run(program, args, { cwd: folder.path, env: npmEnv });
  expect(stdout).toContain('ok       the metadata is valid');
});

test('exit codes and output are those of the program', async () => {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  expect((await run(command, ['--version'])).stdout).toBe(`${version}\n`);
  const refused = run(command, ['--socket-mode', '9']);
  await expect(refused).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--socket-mode: "9" cannot be used'),
  });
  const good = join(root, 'components/pubsub.yaml');
  expect((await run(command, ['check', good])).stdout).toContain('pubsub');
  await expect(run(command, ['check', join(folder.path, 'none.yaml')])).rejects.toMatchObject({
    code: 1,
  });
});
