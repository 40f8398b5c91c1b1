import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseConfig } from '../../src/component/config.ts';
import { fields } from '../../src/component/fields.ts';
import { defaultLimits } from '../../src/grpc/limits.ts';
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

const units: Record<string, number> = {
  '': 1,
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  ms: 1,
  s: 1_000,
  min: 60_000,
  characters: 1,
  'a second': 1,
};

/** Reads a value of the table of limits: `64 KiB` is 65,536 bytes, and `10 s` is 10,000 milliseconds. */
function readValue(text: string): number {
  const [, digits = '', unit = ''] = /^([\d,.]+) ?(.*)$/.exec(text) ?? [];
  return Number(digits.replaceAll(',', '')) * (units[unit] ?? Number.NaN);
}

/** Calculates what a constant is declared as: `2 ** 31 - 1`. */
function calculate(expression: string): number {
  const [first = Number.NaN, ...others] = expression.split(' - ').map((difference) => {
    const factors = difference.split(/ \* /).map((factor) => {
      const [base = Number.NaN, exponent = 1] = factor.split(' ** ').map(numberOf);
      return base ** exponent;
    });
    return factors.reduce((product, factor) => product * factor, 1);
  });
  return others.reduce((rest, other) => rest - other, first);
}

function numberOf(text: string): number {
  return Number(text.replaceAll('_', ''));
}

/** Returns what a constant of the source is declared as, in the files of this name. */
async function declarations(file: string, name: string): Promise<string[]> {
  const paths = await readdir(join(import.meta.dirname, '../../src'), { recursive: true });
  const sources = await Promise.all(
    paths.filter((path) => path.split('/').at(-1) === file).map((path) => read(`src/${path}`)),
  );
  const declaration = new RegExp(`^(?:export )?const ${name} = (.+);$`, 'gm');
  return sources.flatMap((source) =>
    [...source.matchAll(declaration)].map(([, value = '']) => value),
  );
}

test('docs/design.md has every limit of the socket, with the value that the code has', async () => {
  const [, section = ''] = (await read('docs/design.md')).split('\n### Limits\n');
  const rows = section.matchAll(/^\| [^|]+ \| `(\w+)`(?: in `([\w-]+\.ts)`)? \| ([^|]+) \|/gm);
  const limits = new Map<string, number>();
  for (const [, name = '', file, value = ''] of rows) {
    if (!file) limits.set(name, readValue(value));
    else expect((await declarations(file, name)).map(calculate), name).toEqual([readValue(value)]);
  }
  expect(Object.fromEntries(limits)).toEqual(defaultLimits);
});
