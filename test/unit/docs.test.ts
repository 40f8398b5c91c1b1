import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseConfig } from '../../src/component/config.ts';
import { fields } from '../../src/component/fields.ts';
import { manifest, pages } from '../../tools/generate-docs.ts';

const read = (path: string) => readFile(join(import.meta.dirname, '../..', path), 'utf8');

test.each(Object.entries(pages))('%s is what `npm run generate` makes', async (path, make) => {
  const page = await read(path);
  expect(make(page)).toBe(page);
});

test('metadata.yaml is what `npm run generate` makes, and has every field', async () => {
  const committed = await read('metadata.yaml');
  expect(manifest()).toBe(committed);
  const { metadata } = parse(committed);
  expect(metadata.map(({ name }: { name: string }) => name)).toEqual(Object.keys(fields));
});

test('each example is one its field takes', () => {
  const elsewhere = /^(jwt|seedKey|nkeySeed|creds|credsFile|tls_.*)$/;
  for (const [name, { example }] of Object.entries(fields)) {
    // A real one of these is a secret, or a file.
    if (elsewhere.test(name)) continue;
    const partner: Record<string, string> =
      name === 'username' ? { password: 'x' } : name === 'password' ? { username: 'x' } : {};
    const natsURL = 'nats://localhost:4222';
    expect(() => parseConfig({ natsURL, ...partner, [name]: example })).not.toThrow();
  }
});

test('docs/field-tests.md names a test that is there for every field', async () => {
  const rows = (await read('docs/field-tests.md')).matchAll(/^\| `(\w+)` \| `(\S+)` \| (.+) \|$/gm);
  const found: string[] = [];
  for (const [, field = '', file = '', name = ''] of rows) {
    found.push(field);
    expect(await read(`test/integration/${file}`), `${file} has no "${name}"`).toContain(name);
  }
  expect(found).toEqual(Object.keys(fields));
});

test('the pages say that nothing has been released for as long as CHANGELOG.md has no release', async () => {
  const released = /^## \[\d/m.test(await read('CHANGELOG.md'));
  for (const page of ['docs/dapr-run.md', 'docs/kubernetes.md'])
    expect(/released yet/.test(await read(page)), page).toBe(!released);
});
