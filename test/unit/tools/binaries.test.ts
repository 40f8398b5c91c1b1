import { spawn } from 'node:child_process';
import { access, chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type BuildProgress,
  ensureBinary,
  InterruptedError,
  resolveBinary,
} from '../../../tools/binaries.ts';
import { binaryNames, catalogue } from '../../../tools/catalogue.ts';
import { readGoPin } from '../../../tools/go-module.ts';

const tools = join(import.meta.dirname, '../../../tools');
const { version } = await readGoPin(join(tools, 'nats-server'));

let root: string;
let home: string;
let env: NodeJS.ProcessEnv;

/** Where the binary under test may be found, in the order in which it is looked for. */
let explicit: string;
let onPath: string;
let inDapr: string;
let inCache: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'binaries-test-'));
  home = join(root, 'home');
  explicit = join(root, 'my own', 'server');
  onPath = join(root, 'bin', 'nats-server');
  inDapr = join(home, '.dapr', 'bin', 'nats-server');
  inCache = join(home, '.cache', 'dapr-nats-jetstream', `nats-server-${version}`, 'nats-server');
  env = { PATH: ['relative', join(root, 'empty'), join(root, 'bin')].join(delimiter) };
});

afterEach(() => rm(root, { recursive: true, force: true }));

/** Writes an executable shell script that finds the system's commands whatever its PATH. */
async function writeScript(path: string, body = ':') {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\nPATH=/usr/bin:/bin\n${body}\n`);
  await chmod(path, 0o755);
}

describe('resolveBinary', () => {
  const resolveServer = () => resolveBinary('nats-server', { env, home });

  test('prefers the variable, then PATH, then ~/.dapr/bin, then the cache', async () => {
    await writeScript(inCache);
    expect(await resolveServer()).toBe(inCache);
    await writeScript(inDapr);
    expect(await resolveServer()).toBe(inDapr);
    await writeScript(onPath);
    expect(await resolveServer()).toBe(onPath);
    await writeScript(explicit);
    env.NATS_SERVER_BIN = explicit;
    expect(await resolveServer()).toBe(explicit);
  });

  test('takes an empty variable for an unset one', async () => {
    await writeScript(onPath);
    env.NATS_SERVER_BIN = '';
    expect(await resolveServer()).toBe(onPath);
  });

  test.each(['absent', 'a folder', 'not executable'])(
    'refuses a path in the variable that is %s, and looks no further',
    async (kind) => {
      await writeScript(onPath);
      if (kind === 'a folder') await mkdir(explicit, { recursive: true });
      if (kind === 'not executable') {
        await writeScript(explicit);
        await chmod(explicit, 0o644);
      }
      env.NATS_SERVER_BIN = explicit;
      const message = `NATS_SERVER_BIN is set to ${explicit}, which is not an executable file`;
      await expect(resolveServer()).rejects.toThrow(message);
    },
  );

  test('passes over what is not an executable file', async () => {
    await mkdir(onPath, { recursive: true });
    await writeScript(inDapr);
    await chmod(inDapr, 0o644);
    await writeScript(inCache);
    expect(await resolveServer()).toBe(inCache);
  });

  test('finds the cache where the environment puts it', async () => {
    const inXdg = join(root, 'xdg', 'dapr-nats-jetstream', `nats-server-${version}`, 'nats-server');
    const inOverride = join(root, 'override', `nats-server-${version}`, 'nats-server');
    await Promise.all([inCache, inXdg, inOverride].map((path) => writeScript(path)));
    env.XDG_CACHE_HOME = 'relative';
    expect(await resolveServer()).toBe(inCache);
    env.XDG_CACHE_HOME = join(root, 'xdg');
    expect(await resolveServer()).toBe(inXdg);
    env.DAPR_NATS_JETSTREAM_CACHE = join(root, 'override');
    expect(await resolveServer()).toBe(inOverride);
  });

  test('does not take another version from the cache', async () => {
    await writeScript(inCache.replace(version, '0.0.1'));
    await expect(resolveServer()).rejects.toThrow(`nats-server ${version} was not found`);
  });

  test('takes an older one from its variable or the cache alone, never from PATH', async () => {
    const name = 'nats-server-2.10';
    const older = () => resolveBinary(name, { env, home });
    await writeScript(onPath);
    await writeScript(join(dirname(onPath), name));
    await writeScript(join(dirname(inDapr), name));
    await expect(older()).rejects.toThrow(/^nats-server-2\.10 2\.10\.\d+ was not found/);
    const { version } = await readGoPin(join(tools, name));
    const cached = join(home, '.cache', 'dapr-nats-jetstream', `${name}-${version}`, name);
    await writeScript(cached);
    expect(await older()).toBe(cached);
    await writeScript(explicit);
    env.NATS_SERVER_2_10_BIN = explicit;
    expect(await older()).toBe(explicit);
  });

  test.each(binaryNames)('names the ways to get an absent %s', async (name) => {
    await writeScript(join(root, 'bin', 'go'), 'exit 1');
    const error: Error = await resolveBinary(name, { env, home }).then(
      () => expect.unreachable(),
      (reason) => reason,
    );
    const ways = error.message.split('\n').filter((line) => line.startsWith('  - '));
    const variable = `${name.toUpperCase().replaceAll(/[-.]/g, '_')}_BIN`;
    const install = expect.stringMatching(/install .* \d+\.\d+\.\d+ on PATH: .*https:/);
    expect(ways).toEqual([
      expect.stringContaining(`set ${variable} to the path`),
      ...(catalogue[name].install ? [install] : []),
      expect.stringMatching(`node tools/setup.mjs ${name}.* Go 1\\.\\d+\\.\\d+ or newer .*go.dev`),
    ]);
  });
});

describe('ensureBinary', () => {
  let progress: BuildProgress[];
  const ensureServer = () =>
    ensureBinary('nats-server', { env, home, onProgress: (step) => progress.push(step) });

  /** A stand-in for Go: says what Go would, then puts `product` where `-o` points. */
  const writeGo = (product: string, before = '') =>
    writeScript(
      join(root, 'bin', 'go'),
      `echo "$PWD $GOWORK $CGO_ENABLED $*" >> '${root}/calls'
      echo 'go: downloading example.com/module v1.0.0' >&2
      echo example.com/module/one >&2
      echo example.com/module/two >&2
      ${before}
      while [ "$1" != -o ]; do shift; done
      printf '#!/bin/sh\\n${product}\\n' > "$2" && chmod +x "$2"`,
    );
  const readCalls = async () => (await readFile(join(root, 'calls'), 'utf8')).trim().split('\n');

  beforeEach(() => {
    progress = [];
  });

  test('builds nothing when the binary is there', async () => {
    await writeGo('exit 0');
    await writeScript(inCache);
    expect(await ensureServer()).toBe(inCache);
    expect(progress).toEqual([]);
    await expect(readCalls()).rejects.toThrow('ENOENT');
  });

  test('names three ways when Go is absent too', async () => {
    const rejection = expect(ensureServer()).rejects;
    await rejection.toThrow(/Go is not on PATH.*set NATS_.*on PATH: .*install Go 1\.\d+\.\d/s);
    expect(progress).toEqual([]);
  });

  test('builds an absent binary into the cache, once', async () => {
    await writeGo('exit 0');
    expect(await ensureServer()).toBe(inCache);
    expect(await ensureServer()).toBe(inCache);
    const [call, ...others] = await readCalls();
    expect(call).toMatch(/tools\/nats-server off 0 build -mod=readonly .*nats-server\/v2$/);
    expect(others).toEqual([]);
    expect(progress[0]).toMatchObject({ phase: 'building', downloaded: 0, compiled: 0 });
    expect(progress.at(-1)).toMatchObject({ phase: 'built', version, downloaded: 1, compiled: 2 });
    expect(await readdir(dirname(inCache))).toEqual(['nats-server']);
    expect(await readdir(dirname(dirname(inCache)))).toEqual([`nats-server-${version}`]);
  });

  test('lets one of several callers build while the others wait', async () => {
    await writeGo('exit 0', 'sleep 0.3');
    const paths = await Promise.all([ensureServer(), ensureServer(), ensureServer()]);
    expect(new Set(paths)).toEqual(new Set([inCache]));
    expect(await readCalls()).toHaveLength(1);
    expect(progress.filter(({ phase }) => phase === 'waiting')).toHaveLength(2);
  });

  test('takes over from a process that died while it built', async () => {
    await writeGo('exit 0');
    const dead = spawn('/bin/sh', ['-c', ':']);
    await new Promise((resolve) => dead.once('close', resolve));
    const lock = `${dirname(inCache)}.lock`;
    await mkdir(lock, { recursive: true });
    await writeFile(join(lock, `${hostname()}.${dead.pid}.some-id`), '');
    await mkdir(join(dirname(inCache), 'unfinished-123456'), { recursive: true });
    await writeFile(join(dirname(inCache), 'unfinished-123456', 'nats-server'), 'half a binary');
    expect(await ensureServer()).toBe(inCache);
    expect(await readdir(dirname(inCache))).toEqual(['nats-server']);
  });

  test('shows the end of what Go said when a build fails, and leaves nothing', async () => {
    const lines = `i=0; while [ $i -lt 50 ]; do i=$((i+1)); echo "error number $i" >&2; done; exit 3`;
    await writeGo('exit 0', lines);
    const message: string = await ensureServer().then(
      () => expect.unreachable(),
      (error) => error.message,
    );
    expect(message).toContain('exit status 3');
    expect(message.match(/error number \d+/g)).toHaveLength(20);
    expect(message).toMatch(/error number 50\n.*set NATS_SERVER_BIN.*on PATH: .*go\.dev/s);
    expect(progress.at(-1)?.phase).toBe('failed');
    expect(await readdir(dirname(inCache))).toEqual([]);
  });

  test('stops Go and leaves nothing when a signal interrupts the build', async () => {
    // The sleeping grandchild holds Go's stderr open: the build only ends in time if it dies too.
    await writeGo('exit 0', `touch "$GOTMPDIR/object"; sleep 30 & touch '${root}/busy'; wait`);
    const interrupted = expect(ensureServer()).rejects.toThrow(InterruptedError);
    await vi.waitFor(() => access(join(root, 'busy')));
    process.emit('SIGHUP', 'SIGHUP');
    await interrupted;
    expect(await readdir(dirname(inCache))).toEqual([]);
    expect(process.listenerCount('SIGHUP')).toBe(0);
  });

  test('does not cache a binary that does not run here', async () => {
    await writeGo('echo wrong architecture >&2; exit 126');
    await expect(ensureServer()).rejects.toThrow('wrong architecture');
    expect(await readdir(dirname(inCache))).toEqual([]);
  });
});

const modules = new Set(Object.values(catalogue).map(({ module }) => module));

test.each([...modules])('the pin of %s is complete', async (module) => {
  const pin = await readGoPin(join(tools, module));
  expect(pin.version).toMatch(/^\d+\.\d+\.\d+(\+incompatible)?$/);
  // A folder that is named after a version holds that one.
  const named = /-(\d.*)$/.exec(module)?.[1] ?? '';
  expect(pin.version.startsWith(named)).toBe(true);
  expect(pin.goVersion).toMatch(/^1\.\d+\.\d+$/);
});
