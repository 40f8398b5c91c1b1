import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { descriptorsModule } from '../../tools/generate-descriptors.ts';

const root = join(import.meta.dirname, '../..');

test('src/dapr/generated is what `npm run generate` makes of the protos', async () => {
  const committed = await readFile(join(root, 'src/dapr/generated/descriptors.ts'), 'utf8');
  expect(descriptorsModule()).toBe(committed);
});

test('test/support/generated is what `npm run generate` makes of the contract', async () => {
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const folder = await mkdtemp(join(tmpdir(), 'generated-'));
  try {
    await cp(join(root, 'proto'), join(folder, 'proto'), { recursive: true });
    await promisify(execFile)('sh', ['-c', manifest.scripts['generate:types']], {
      cwd: folder,
      env: { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}` },
    });
    const committed = await files(join(root, 'test/support/generated'));
    const generated = await files(join(folder, 'test/support/generated'));
    expect(generated).toEqual(committed);
    expect(committed.size).toBeGreaterThan(20);
  } finally {
    await rm(folder, { recursive: true });
  }
});

async function files(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found.set(path.slice(folder.length), await readFile(path, 'utf8'));
  }
  return new Map([...found].toSorted());
}
