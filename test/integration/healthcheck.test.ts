import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { startComponent } from '../support/component.ts';
import { Host } from '../support/host.ts';
import { temporaryFolder } from '../support/temp.ts';

const main = join(import.meta.dirname, '../../src/main.ts');

/** Runs `healthcheck` as a probe does. */
async function healthcheck(args: string[], env: NodeJS.ProcessEnv = {}) {
  const started = performance.now();
  const { code, stdout, stderr } = await promisify(execFile)(
    process.execPath,
    [main, 'healthcheck', ...args],
    { env: { ...process.env, ...env } },
  )
    .then((output) => ({ code: 0, ...output }))
    .catch((error) => error);
  return { code, stdout, stderr, took: performance.now() - started };
}

test('a component that serves: exit 0 and one line, found by options as by variables', async () => {
  await using folder = await temporaryFolder();
  await using server = await startComponent({ folder: folder.path, socketName: 'other' });
  const serving = { code: 0, stdout: `SERVING: ${server.socket}\n`, stderr: '' };
  const options = ['--socket-folder', folder.path, '--socket-name', 'other'];
  expect(await healthcheck(options)).toMatchObject(serving);
  const own = {
    DAPR_NATS_JETSTREAM_SOCKET_FOLDER: folder.path,
    DAPR_NATS_JETSTREAM_SOCKET_NAME: 'other',
  };
  expect(await healthcheck([], own)).toMatchObject(serving);
  const daprs = { DAPR_COMPONENTS_SOCKETS_FOLDER: folder.path };
  expect(await healthcheck(['--socket-name', 'other'], daprs)).toMatchObject(serving);
});

test('no socket: exit 1, and it says where it looked', async () => {
  await using folder = await temporaryFolder();
  const { code, stdout } = await healthcheck(['--socket-folder', folder.path]);
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /^no answer: .*nats-jetstream\.sock: no such socket: .*--socket-folder.*\n$/,
  );
  expect(stdout).toContain(folder.path);
});

test('a file where the folder should be: exit 1, and it says so', async () => {
  const { code, stdout } = await healthcheck(['--socket-folder', main]);
  expect(code).toBe(1);
  expect(stdout).toBe(
    `no answer: ${main}/nats-jetstream.sock: a part of that path is a file, not a folder: correct --socket-folder\n`,
  );
});

test('a socket that a killed process left behind: exit 1, and it says that nobody listens', async () => {
  await using folder = await temporaryFolder();
  const dead = await startComponent({ folder: folder.path });
  await dead.end('SIGKILL');
  const { code, stdout } = await healthcheck(['--socket-folder', folder.path]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^no answer: .*nobody listens there any more: .*\n$/);
});

test('a daprd that is orphaned: exit 1, and it says to restart daprd', async () => {
  await using folder = await temporaryFolder();
  await using server = await startComponent({ folder: folder.path });
  using host = new Host(server.socket);
  await host.publish('orders', 'x').catch(() => undefined);
  await server.line(/Restart daprd/);
  const { code, stdout } = await healthcheck(['--socket-folder', folder.path]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^NOT_SERVING: .*orphaned.*Restart daprd.*\n$/);
});

test('--wait: exit 0 once the socket is served, whatever it says then', async () => {
  await using folder = await temporaryFolder();
  const options = ['--socket-folder', folder.path, '--wait', '20'];
  const waiting = healthcheck(options);
  await sleep(500);
  await using server = await startComponent({ folder: folder.path });
  expect(await waiting).toMatchObject({ code: 0, stdout: `SERVING: ${server.socket}\n` });
  using host = new Host(server.socket);
  await host.publish('orders', 'x').catch(() => undefined);
  await server.line(/Restart daprd/);
  expect((await healthcheck(options)).code).toBe(0);
});

test('--wait: exit 1 when nobody comes', async () => {
  await using folder = await temporaryFolder();
  const { code, stdout, took } = await healthcheck(['--socket-folder', folder.path, '--wait', '1']);
  expect(code).toBe(1);
  expect(stdout).toContain('no such socket');
  expect(took).toBeGreaterThanOrEqual(1_000);
  expect(took).toBeLessThan(4_000);
});

test('--wait: a process that hangs is waited for no longer than was said', async () => {
  await using folder = await temporaryFolder();
  await using server = await startComponent({ folder: folder.path });
  server.signal('SIGSTOP');
  const { code, stdout, took } = await healthcheck(['--socket-folder', folder.path, '--wait', '3']);
  expect(code).toBe(1);
  expect(stdout).toMatch(/did not answer within [\d.]+ s\. Restart it/);
  expect(took).toBeGreaterThanOrEqual(2_900);
  // Another question of two seconds would end after more than four.
  expect(took).toBeLessThan(3_900);
});

test.each([
  ['a file where the folder should be', () => main, /a part of that path is a file, not a folder/],
  [
    'a path that is too long',
    (folder: string) => join(folder, 'x'.repeat(100)),
    /its path is 1\d\d bytes long and may have 10\d: choose a shorter --socket-folder/,
  ],
])('--wait: %s is not waited for', async (_, place, words) => {
  await using folder = await temporaryFolder();
  const socketFolder = place(folder.path);
  const { code, stdout, took } = await healthcheck([
    '--socket-folder',
    socketFolder,
    '--wait',
    '9',
  ]);
  expect(code).toBe(1);
  expect(stdout).toMatch(words);
  expect(took).toBeLessThan(4_000);
});

test('a process that hangs: exit 1 within three seconds', async () => {
  await using folder = await temporaryFolder();
  await using server = await startComponent({ folder: folder.path });
  server.signal('SIGSTOP');
  const { code, stdout, took } = await healthcheck(['--socket-folder', folder.path]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^no answer: .*did not answer within 2 s\. Restart it\n$/);
  expect(took).toBeLessThan(3_500);
});

test('something else at the socket: exit 1 and one line', async () => {
  await using folder = await temporaryFolder();
  const closing = createServer((socket) => socket.destroy());
  await once(closing.listen(join(folder.path, 'closing.sock')), 'listening');
  const closed = await healthcheck(['--socket-folder', folder.path, '--socket-name', 'closing']);
  closing.close();
  expect(closed.code).toBe(1);
  expect(closed.stdout).toMatch(/^no answer: .+\n$/);

  const other = new Server();
  const address = `unix:${join(folder.path, 'other.sock')}`;
  await new Promise((done) =>
    other.bindAsync(address, ServerCredentials.createInsecure(), () => done(undefined)),
  );
  const healthless = await healthcheck(['--socket-folder', folder.path, '--socket-name', 'other']);
  other.forceShutdown();
  expect(healthless.code).toBe(1);
  expect(healthless.stdout).toMatch(/^no answer: .*no health service there \(grpc-status 12\)\n$/);
});

test('a wrong option: exit 2', async () => {
  const { code, stderr } = await healthcheck(['--connect']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^dapr-nats-jetstream: healthcheck: .*--connect.*\n$/);
});
