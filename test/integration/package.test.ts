import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Child } from '../support/child.ts';
import { nodeFlags } from '../support/component.ts';
import { Host } from '../support/host.ts';
import { freePort } from '../support/ports.ts';
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
  const [pack, install] = await documented(/^npm (?:pack|install \.).*?(?=\s+#)/gm);
  const { stdout } = await run('npm', ['--json', ...inFolder(pack)], { cwd: root });
  const [{ filename, files }] = JSON.parse(stdout.slice(stdout.indexOf('[')));
  packed = files.map(({ path }: { path: string }) => path);
  expect(install).toContain(`/${filename}`);
  await run(
    'npm',
    [...inFolder(install), '--omit=dev', '--prefer-offline', '--no-audit', '--no-fund'],
    { cwd: folder.path, env: npmEnv, timeout: installLimit },
  );
  command = join(folder.path, 'node_modules/.bin/dapr-nats-jetstream');
});

afterAll(() => folder[Symbol.asyncDispose]());

/** Lines of docs/dapr-run.md, in their order. */
async function documented(pattern: RegExp): Promise<string[]> {
  return (await readFile(join(root, 'docs/dapr-run.md'), 'utf8')).match(pattern) ?? [];
}

/** The arguments of a documented npm command, with this test's folder for the one beside the clone. */
const inFolder = (line = '') =>
  line
    .split(' ')
    .slice(1)
    .map((one) => one.replace(/^\.\.(?=\/|$)/, folder.path));

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

/** The command line and, after it, the environment that the process started with. */
const environment = async ({ pid }: Child) =>
  (await run('ps', ['eww', '-o', 'args=', '-p', `${pid}`])).stdout;

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
  expect(await environment(component)).toContain(' MALLOC_ARENA_MAX=1');
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

test('an older Node: one line that says which is needed, exit 1', async () => {
  // All that is looked at, set before the command is loaded: not every machine has an older Node.
  const older = `Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.19.0'}});`;
  const env = { ...process.env, NODE_OPTIONS: `--import=data:text/javascript,${older}` };
  await expect(run(command, ['--version'], { env })).rejects.toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^dapr-nats-jetstream: needs Node 24 or later; this is v.*\n$/),
  });
});

test('the documented `npx … check`', async () => {
  const [line = ''] = await documented(/^npx .* check .*$/gm);
  const [program = '', ...args] = line.split(' ');
  const { stdout } = await run(program, args, { cwd: folder.path, env: npmEnv });
  expect(stdout).toContain('ok       the metadata is valid');
});

/** The unit for systemd that docs/configuration.md has, with the command where this test has it. */
async function documentedUnit(): Promise<string> {
  const page = await readFile(join(root, 'docs/configuration.md'), 'utf8');
  const [, unit = ''] = /^```ini\n(.*?)^```/ms.exec(page) ?? [];
  expect(unit.split('/usr/local/bin/dapr-nats-jetstream')).toHaveLength(3);
  return unit.replaceAll('/usr/local/bin/dapr-nats-jetstream', command);
}

test('what the documented unit runs: it serves, and the next one may start', async () => {
  const unit = await documentedUnit();
  const value = (name: string) =>
    new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1]?.split(' ') ?? [];
  const variables = [...unit.matchAll(/^Environment=(\w+)=(.*)$/gm)].map(([, ...pair]) => pair);
  const { stdout: help } = await run(command, ['--help']);
  for (const [name] of variables) expect(help).toContain(name);
  const env = {
    ...Object.fromEntries(variables),
    // The documented port may be that of a daprd which is not this test's to shut down.
    DAPR_NATS_JETSTREAM_SIDECAR_URL: `http://127.0.0.1:${await freePort()}`,
    DAPR_COMPONENTS_SOCKETS_FOLDER: folder.path,
  };
  const [program = '', ...args] = value('ExecStart');
  const [next = '', ...nextArgs] = value('ExecStartPost');
  // At once, as systemd does.
  const waiting = run(next, nextArgs, { env: { ...process.env, ...env } });
  const ready = /"msg":"ready/;
  await using component = await Child.start({
    name: 'the unit',
    command: program,
    args,
    env,
    ready,
  });
  expect((await waiting).stdout).toContain('SERVING');
  expect(await component.end()).toBe(0);
});

const analyze = await run('systemd-analyze', ['--version']).then(
  () => true,
  () => false,
);

test.runIf(analyze)('systemd takes the documented unit', async () => {
  const file = join(folder.path, 'dapr-nats-jetstream.service');
  await writeFile(file, await documentedUnit());
  const { stdout, stderr } = await run('systemd-analyze', ['verify', file]);
  expect(stdout + stderr).toBe('');
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
