import { once } from 'node:events';
import { watch } from 'node:fs';
import { access, mkdir, readdir, rename, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { platform } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Child } from '../support/child.ts';
import { startComponent } from '../support/component.ts';
import { Host } from '../support/host.ts';
import { temporaryFolder } from '../support/temp.ts';

test('the socket of a process that was killed is replaced', async () => {
  await using folder = await temporaryFolder();
  const dead = await startComponent({ folder: folder.path });
  await dead.end('SIGKILL');
  await access(dead.socket);
  await using alive = await startComponent({ folder: folder.path });
  using host = new Host(alive.socket);
  await host.call('Ping');
});

test('a missing folder is made, the mode is as asked, nothing else is left in it', async () => {
  await using folder = await temporaryFolder();
  const sockets = join(folder.path, 'a', 'b');
  const args = ['--socket-mode', '0660'];
  await using component = await startComponent({ folder: sockets, args });
  expect((await stat(component.socket)).mode & 0o777).toBe(0o660);
  expect(await readdir(sockets)).toEqual(['nats-jetstream.sock']);
  await component.end();
  expect(await readdir(sockets)).toEqual([]);
});

test('nothing is made beside the folder, which may be a volume of its own', async () => {
  await using folder = await temporaryFolder();
  const sockets = join(folder.path, 'sockets');
  await mkdir(sockets);
  const touched: (string | null)[] = [];
  using watcher = Object.assign(
    watch(folder.path, (_, name) => touched.push(name)),
    {
      [Symbol.dispose]: () => watcher.close(),
    },
  );
  await using component = await startComponent({ folder: sockets });
  expect(touched.filter((name) => name !== 'sockets')).toEqual([]);
  expect(await readdir(sockets)).toEqual(['nats-jetstream.sock']);
  await component.end();
});

test('by default every user may use the socket, whatever the umask', async () => {
  await using folder = await temporaryFolder();
  await using component = await startComponent({ folder: folder.path });
  expect((await stat(component.socket)).mode & 0o777).toBe(0o666);
});

test.each([
  ['a socket that is being served', 'socket', 'another process serves it'],
  ['a file', 'file', 'not a socket'],
])('%s in its place: one clear line, exit 1, and it stays', async (_, kind, words) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'nats-jetstream.sock');
  if (kind === 'file') await writeFile(path, 'precious');
  const taken = createServer();
  if (kind === 'socket') await once(taken.listen(path), 'listening');
  await using second = await Child.start({
    name: 'second',
    command: process.execPath,
    args: ['src/main.ts', '--socket-folder', folder.path],
    ready: /cannot listen/,
  });
  expect(await second.ended).toBe(1);
  expect(second.lines).toHaveLength(1);
  expect(second.lines[0]).toContain(words);
  await access(path);
  taken.close();
});

// Elsewhere there is no such folder, and making it fails at once.
test.runIf(platform() === 'linux')(
  'a folder that cannot be made: one clear line, exit 1',
  async () => {
    await using child = await Child.start({
      name: 'component',
      command: process.execPath,
      args: ['src/main.ts', '--socket-folder', '/proc/none'],
      ready: /cannot listen/,
    });
    expect(await child.ended).toBe(1);
    expect(child.lines).toEqual([expect.stringContaining('the folder cannot be made')]);
  },
);

test('a path that is too long for a socket is refused with both lengths', async () => {
  await using folder = await temporaryFolder();
  const deep = join(folder.path, 'x'.repeat(100));
  await using child = await Child.start({
    name: 'too long',
    command: process.execPath,
    args: ['src/main.ts', '--socket-folder', deep],
    ready: /may have \d+/,
  });
  expect(await child.ended).toBe(1);
});

test('a process that lost its place does not remove the file of the next one', async () => {
  await using folder = await temporaryFolder();
  const first = await startComponent({ folder: folder.path });
  await rename(first.socket, `${first.socket}.moved`);
  await using second = await startComponent({ folder: folder.path });
  await first.end();
  await access(second.socket);
});
