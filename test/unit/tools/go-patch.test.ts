import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureBinary } from '../../../tools/binaries.ts';
import { catalogue } from '../../../tools/catalogue.ts';
import { readGoPin } from '../../../tools/go-module.ts';
import { replaceLine } from '../../../tools/go-patch.ts';

const patch = catalogue['daprd-concurrent'].patch ?? expect.unreachable('has no patch');
const tools = join(import.meta.dirname, '../../../tools');
const { version } = await readGoPin(join(tools, 'daprd'));

test('changes the line where it is the only one, and keeps its indentation', () => {
  const source = 'for {\n\t\thandle(msg)\n\thandle(msgs)\n}\n';
  expect(replaceLine(source, patch)).toBe('for {\n\t\tgo handle(msg)\n\thandle(msgs)\n}\n');
});

test.each([
  ['is absent', 0, 'for {\n}\n'],
  ['is changed already', 0, 'for {\n\tgo handle(msg)\n}\n'],
  ['is there twice', 2, 'for {\n\thandle(msg)\n\thandle(msg)\n}\n'],
])('refuses a file in which the line %s', (_, times, source) => {
  expect(() => replaceLine(source, patch)).toThrow(
    `pluggable.go of github.com/dapr/dapr has the line \`handle(msg)\` ${times} times`,
  );
});

let root: string;
/** Stands for the folder of the module in Go's module cache. */
let original: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'go-patch-test-'));
  original = join(root, 'module cache');
  await writeGo();
});

afterEach(() => rm(root, { recursive: true, force: true }));

async function writeOriginal(source: string) {
  const file = join(original, patch.file);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, source);
  // As in Go's module cache.
  await chmod(file, 0o444);
}

/** A stand-in for Go, which keeps what it was told to build. */
async function writeGo() {
  const go = join(root, 'bin', 'go');
  await mkdir(dirname(go));
  const script = `#!/bin/sh
PATH=/usr/bin:/bin
if [ "$1" = mod ]; then
  echo "$*" >> '${root}/calls'
  echo '{ "Path": "$4", "Dir": "${original}" }'
  exit
fi
cp go.mod '${root}/go.mod'
cmp go.sum '${tools}/daprd/go.sum' || exit 1
copy=$(sed -n 's/^replace .* => //p' go.mod)
cp "$copy/${patch.file}" '${root}/changed'
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\n' > "$2" && chmod +x "$2"
`;
  await writeFile(go, script, { mode: 0o755 });
}

const ensure = () =>
  ensureBinary('daprd-concurrent', {
    env: { PATH: join(root, 'bin') },
    home: join(root, 'home'),
  });
const cacheFolder = () =>
  join(root, 'home', '.cache', 'dapr-nats-jetstream', `daprd-concurrent-${version}`);

test('builds from a changed copy with the same pins, and leaves nothing but the binary', async () => {
  await writeOriginal('\t\t\thandle(msg)\n');
  expect(await ensure()).toBe(join(cacheFolder(), 'daprd-concurrent'));
  const read = (name: string) => readFile(join(root, name), 'utf8');
  expect(await read('calls')).toBe('mod download -json github.com/dapr/dapr\n');
  expect(await read('changed')).toBe('\t\t\tgo handle(msg)\n');
  expect(await readFile(join(original, patch.file), 'utf8')).toBe('\t\t\thandle(msg)\n');
  const pins = await readFile(join(tools, 'daprd', 'go.mod'), 'utf8');
  expect((await read('go.mod')).startsWith(pins)).toBe(true);
  expect(await readdir(cacheFolder())).toEqual(['daprd-concurrent']);
});

test('says what is wrong when the pinned version has another source, and leaves nothing', async () => {
  await writeOriginal('\t\t\tgo handle(msg)\n');
  await expect(ensure()).rejects.toThrow(/`handle\(msg\)` 0 times.*set DAPRD_CONCURRENT_BIN/s);
  expect(await readdir(cacheFolder())).toEqual([]);
});
