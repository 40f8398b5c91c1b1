import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { Child } from '../support/child.ts';
import { Host } from '../support/host.ts';
import { temporaryFolder } from '../support/temp.ts';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

test('what npm packs runs where npm installs it', async () => {
  await using folder = await temporaryFolder();
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder.path], {
    cwd: root,
  });
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('[')));
  const modules = join(folder.path, 'node_modules');
  const installed = join(modules, 'dapr-nats-jetstream');
  await mkdir(installed, { recursive: true });
  const tarball = join(folder.path, filename);
  await run('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);
  const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) {
    await mkdir(join(modules, name, '..'), { recursive: true });
    await symlink(join(root, 'node_modules', name), join(modules, name));
  }
  await using component = await Child.start({
    name: 'packed component',
    command: process.execPath,
    args: [join(installed, 'dist/main.js'), '--socket-folder', folder.path],
    ready: /"msg":"ready/,
  });
  using host = new Host(join(folder.path, 'nats-jetstream.sock'));
  await host.call('Ping');
  expect(await component.end()).toBe(0);
});
