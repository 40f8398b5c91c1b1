import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';

const tools = join(import.meta.dirname, '../../../tools');

/** A checkout with the real setup.mjs, and stand-ins for npm and for Node 24. */
let checkout: string;
let node: string;

beforeEach(async () => {
  checkout = await mkdtemp(join(tmpdir(), 'setup-test-'));
  node = join(checkout, 'node_modules', '.bin', 'node');
  await mkdir(join(checkout, 'tools'));
  for (const file of ['setup.mjs', 'lock.mjs']) {
    await copyFile(join(tools, file), join(checkout, 'tools', file));
  }
  await writeLockfile('package-lock.json', {
    '': {},
    'node_modules/node': { version: '24.1.0', integrity: 'sha512-a' },
    'node_modules/other': { version: '1.0.0' },
    'node_modules/for-another-system': { version: '1.0.0', optional: true },
  });
  await writeLockfile('installed.json', installed);
  await writeNode('echo v24.1.0');
  await writeNpm(`mkdir -p node_modules && cp installed.json node_modules/.package-lock.json`);
});

afterEach(() => rm(checkout, { recursive: true, force: true }));

const installed = {
  'node_modules/node': { version: '24.1.0', integrity: 'sha512-a' },
  'node_modules/other': { version: '1.0.0', integrity: 'sha512-b' },
};

async function writeLockfile(path: string, packages: object) {
  await mkdir(dirname(join(checkout, path)), { recursive: true });
  await writeFile(join(checkout, path), JSON.stringify({ packages }));
}

async function writeScript(path: string, body: string) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\nPATH=/usr/bin:/bin\n${body}\n`);
  await chmod(path, 0o755);
}

const writeNode = (body: string) => writeScript(node, body);
const writeNpm = (body: string) =>
  writeScript(join(checkout, 'bin', 'npm'), `echo "npm $*" >> calls\n${body}`);

const readCalls = () => readFile(join(checkout, 'calls'), 'utf8').catch(() => '');

function start(...args: string[]): ChildProcess {
  const env = { ...process.env, PATH: join(checkout, 'bin'), TMPDIR: checkout };
  return spawn(process.execPath, [join(checkout, 'tools', 'setup.mjs'), ...args], { env });
}

async function finish(child: ChildProcess) {
  const [stdout, stderr, [code, signal]] = await Promise.all([
    child.stdout ? text(child.stdout) : '',
    child.stderr ? text(child.stderr) : '',
    once(child, 'close'),
  ]);
  return { output: stdout + stderr, status: signal ?? code };
}

const setup = (...args: string[]) => finish(start(...args));

test('is silent when nothing is missing', async () => {
  const extra = { 'node_modules/extra': { version: '1.0.0' } };
  await writeLockfile('node_modules/.package-lock.json', { ...installed, ...extra });
  expect(await setup()).toEqual({ output: '', status: 0 });
  expect(await readCalls()).toBe('');
});

test('installs when node_modules is missing, and only then', async () => {
  const first = await setup();
  expect(first).toMatchObject({
    output: expect.stringMatching(/running `npm ci`.*\n$/),
    status: 0,
  });
  expect(await setup()).toEqual({ output: '', status: 0 });
  expect(await readCalls()).toBe('npm ci --include=dev\n');
});

test.each([
  ['another version', { 'node_modules/other': { version: '0.9.0' } }],
  ['other content', { 'node_modules/node': { version: '24.1.0', integrity: 'sha512-c' } }],
  ['a package too few', { 'node_modules/other': undefined }],
])('installs when node_modules has %s', async (_, difference) => {
  await writeLockfile('node_modules/.package-lock.json', { ...installed, ...difference });
  expect((await setup()).status).toBe(0);
  expect(await readCalls()).toBe('npm ci --include=dev\n');
});

test('installs once when started twice at the same time', async () => {
  await writeNpm('sleep 0.3; cp installed.json node_modules/.package-lock.json');
  const results = await Promise.all([setup(), setup()]);
  expect(results.map(({ status }) => status)).toEqual([0, 0]);
  expect(await readCalls()).toBe('npm ci --include=dev\n');
});

test('says what to do when npm fails, or is not there', async () => {
  await writeNpm('exit 7');
  const failed = await setup();
  expect(failed.status).toBe(1);
  expect(failed.output).toMatch(/failed \(exit status 7\).*check the network.*repeat the command/s);
  await rm(join(checkout, 'bin'), { recursive: true });
  expect((await setup()).output).toContain('npm is not on PATH');
});

test.each([
  ['is missing', undefined, 'is missing'],
  ['is another version', 'echo v20.0.0', 'should be v24.1.0 but says: v20.0.0'],
])('tells how to run the install script when Node %s', async (_, body, problem) => {
  await (body ? writeNode(body) : rm(node));
  const { output, status } = await setup();
  expect(status).toBe(1);
  expect(output).toContain(`${node} ${problem}`);
  expect(output).toContain('npm rebuild node --ignore-scripts=false');
});

test('hands the tools to ensure.ts on the installed Node, and ends as that ends', async () => {
  await writeLockfile('node_modules/.package-lock.json', installed);
  await writeNode(`if [ "$1" = --version ]; then echo v24.1.0; else echo "$@"; exit 5; fi`);
  const output = `${join(checkout, 'tools', 'ensure.ts')} daprd dapr\n`;
  expect(await setup('daprd', 'dapr')).toEqual({ output, status: 5 });
});

test('passes a signal on and ends by it', async () => {
  await writeNpm('trap "echo stopped; exit 1" TERM; echo ready; while :; do sleep 0.05; done');
  const child = start();
  child.stdout?.on('data', (chunk) => String(chunk).includes('ready') && child.kill('SIGTERM'));
  const { output, status } = await finish(child);
  expect(output).toMatch(/ready\nstopped\n/);
  expect(status).toBe('SIGTERM');
});
