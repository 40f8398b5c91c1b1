import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { type BinaryName, resolveBinary } from '../../tools/binaries.ts';
import { catalogue } from '../../tools/catalogue.ts';
import { readGoPin } from '../../tools/go-module.ts';
import { matrix } from './matrix.ts';

const root = join(import.meta.dirname, '../..');

const names = [...new Set(matrix.flatMap(({ daprd, nats }): BinaryName[] => [daprd, nats]))];

// Of the newest ones any version is taken that is on PATH: these tests are about the pinned ones.
test.each(names)('%s is the version that docs/compatibility.md names', async (name) => {
  const { version } = await readGoPin(join(root, 'tools', catalogue[name].module));
  const { stdout } = await promisify(execFile)(await resolveBinary(name), ['--version']);
  expect(stdout).toContain(version);
  const table = await readFile(join(root, 'docs/compatibility.md'), 'utf8');
  expect(table).toMatch(new RegExp(`${name.replace(/-\d.*/, '')} ${version}\\b`));
});
