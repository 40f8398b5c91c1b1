import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Wait } from 'testcontainers';
import { beforeAll, expect, test } from 'vitest';
import { docker } from '../../tools/docker.ts';
import { temporaryFolder } from '../support/temp.ts';
import { Hardened, logs, volume } from './hardened.ts';
import { buildAsIn, componentImage, inspectImage } from './images.ts';

const sockets = '/tmp/dapr-components-sockets';

/** Unit: bytes. */
const mostBytes = 200 * 1000 * 1000;

/** From the start of the container's process to its "ready". Unit: milliseconds. */
const longestStart = 400;

beforeAll(() => buildAsIn('docs/quick-start.md'), 600_000);

test('size, user, and what the image does by itself', async () => {
  const { Size, Config } = await inspectImage(componentImage);
  console.log(`${componentImage}: ${(Size / 1e6).toFixed(0)} MB, user ${Config.User}`);
  expect(Size).toBeLessThan(mostBytes);
  expect(Config.User).toBe('65532:65532');
  expect(Config.Healthcheck).toBeUndefined();
  expect(Config.Labels['org.opencontainers.image.version']).toBe(componentImage.split(':')[1]);
});

test('nothing is in it that it does not run on: no tests, no tools for development, no npm, no shell', async () => {
  const id = await docker(['create', componentImage]);
  await using folder = await temporaryFolder();
  const tar = join(folder.path, 'image.tar');
  try {
    await docker(['export', '--output', tar, id]);
  } finally {
    await docker(['rm', '--force', id]);
  }
  const { stdout } = await promisify(execFile)('tar', ['-tf', tar], {
    maxBuffer: 16 * 1024 * 1024,
  });
  const files = stdout.split('\n');
  expect(files).toContain('app/dist/main.js');
  expect(files.some((file) => file.startsWith('app/node_modules/@grpc/grpc-js/'))).toBe(true);
  const surplus = [
    /^app\/(src|test|bench|tools)\//,
    /node_modules\/(vitest|typescript|@biomejs|testcontainers|@dapr)\//,
    /(^|\/)(npm|sh|bash)$/,
  ];
  const found = files.filter((file) => surplus.some((pattern) => pattern.test(file)));
  expect(found).toEqual([]);
});

test(`it starts within ${longestStart} ms, on a read-only root, as nobody, without a capability`, async () => {
  const starts: number[] = [];
  for (let round = 0; round < 5; round++) {
    await using folder = await volume();
    await using container = await new Hardened()
      .withBindMounts([{ source: folder.name, target: sockets }])
      .withWaitStrategy(Wait.forLogMessage(/"msg":"ready/))
      .start();
    const { StartedAt } = JSON.parse(
      await docker(['inspect', '--format', '{{json .State}}', container.getId()]),
    );
    const ready = /"time":"([^"]+)"[^\n]*"msg":"ready/.exec(await logs(container))?.[1] ?? '';
    starts.push(Date.parse(ready) - Date.parse(StartedAt));
    const health = await container.exec(['dapr-nats-jetstream', 'healthcheck']);
    expect(health).toMatchObject({
      exitCode: 0,
      stdout: `SERVING: ${sockets}/nats-jetstream.sock\n`,
    });
    const { exitCode, output } = await container.exec(['dapr-nats-jetstream', '--version']);
    expect({ exitCode, output }).toEqual({
      exitCode: 0,
      output: `${componentImage.split(':')[1]}\n`,
    });
  }
  const median = starts.toSorted((a, b) => a - b)[2] as number;
  console.log(`start to ready: ${starts.join(', ')} ms, median ${median} ms`);
  expect(median).toBeLessThan(longestStart);
});

test('told to stop, it ends within 5 s with exit code 0', async () => {
  await using folder = await volume();
  await using container = await new Hardened()
    .withBindMounts([{ source: folder.name, target: sockets }])
    .withWaitStrategy(Wait.forLogMessage(/"msg":"ready/))
    .start();
  const start = Date.now();
  await docker(['stop', '--time', '10', container.getId()]);
  expect(Date.now() - start).toBeLessThan(5_000);
  const code = await docker(['inspect', '--format', '{{.State.ExitCode}}', container.getId()]);
  expect(code).toBe('0');
});
