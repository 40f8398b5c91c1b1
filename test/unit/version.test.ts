import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { changelogVersions } from '../../tools/changelog-section.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFile(join(root, path), 'utf8');

const number = String.raw`v?(\d+\.\d+\.\d+(?:-[\w.]+)?)`;

/** Where a file may name the version of this product, and not that of something else. */
const statements = [
  // Images, of the product and of examples built with it, and packages.
  new RegExp(String.raw`\bdapr-nats-jetstream(?:-[a-z]+)*(?:[:@/ -]|:\$\{\w+:-)${number}`, 'g'),
  new RegExp(String.raw`"name": "dapr-nats-jetstream",\s*"version": "${number}"`, 'g'),
  new RegExp(`^ARG VERSION=${number}`, 'gm'),
  new RegExp(String.raw`image\.version="?${number}`, 'g'),
];

const statedIn = (text: string) =>
  statements.flatMap((pattern) => [...text.matchAll(pattern)].map(([, version]) => version));

test('no file names another version of this product than package.json does', async () => {
  const { version } = JSON.parse(await read('package.json'));
  const { stdout } = await promisify(execFile)('git', ['ls-files', '-z'], { cwd: root });
  const paths = stdout.split('\0').filter((path) => path && !/\.(sum|png|svg)$/.test(path));
  const stated: Record<string, (string | undefined)[]> = {};
  for (const path of paths) {
    // One that is deleted and not yet committed is none.
    const found = statedIn(await read(path).catch(() => ''));
    if (found.length > 0) stated[path] = [...new Set(found)];
  }
  const here = { 'package.json': [version], 'package-lock.json': [version] };
  expect(stated).toMatchObject(here);
  expect(stated).toEqual(Object.fromEntries(Object.keys(stated).map((path) => [path, [version]])));
});

test('the newest release in CHANGELOG.md is the version of package.json', async () => {
  const { version } = JSON.parse(await read('package.json'));
  const [newest] = changelogVersions(await read('CHANGELOG.md')).filter((name) => /\d/.test(name));
  // Before the first release there is none.
  if (newest !== undefined) expect(newest).toBe(version);
});

test('a version is found however a file states it', () => {
  const product = 'dapr-nats-jetstream';
  // Put together here, so that this file names no version itself.
  const version = '9.8.7';
  for (const text of [
    `image: ${product}:${version}`,
    `image: "${product}:\${TAG:-${version}}"`,
    `docker build -t ${product}:${version} .`,
    `image: ${product}-orders:${version}`,
    `npm install ${product}@${version}`,
    `${product} ${version}`,
    `${product}-${version}.tgz`,
    `"name": "${product}",\n  "version": "${version}"`,
    `ARG VERSION=${version}`,
    `LABEL org.opencontainers.image.version="${version}"`,
  ]) {
    expect(statedIn(text), text).toContain(version);
  }
  expect(statedIn('nats-server 2.15.2, daprd 1.18.2, nats:2.15.2')).toEqual([]);
});
