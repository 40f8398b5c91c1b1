import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { freePort } from '../support/ports.ts';

const ports = new URL('../support/ports.ts', import.meta.url);

/** Two ports, as another process is given them. */
async function elsewhere(): Promise<number[]> {
  const script = `
    const { freePort } = await import('${ports}');
    console.log(await freePort(), await freePort());
  `;
  const args = ['--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return stdout.trim().split(' ').map(Number);
}

test('no port is given to two processes, nor twice in a row to one', async () => {
  const own = [await freePort(), await freePort()];
  const others = await Promise.all([elsewhere(), elsewhere(), elsewhere()]);
  const all = [own, ...others];
  expect(new Set(all.flat()).size).toBe(8);
  const slices = all.map((given) => new Set(given.map((port) => Math.floor(port / 100))));
  expect(slices.map(({ size }) => size)).toEqual([1, 1, 1, 1]);
  expect(new Set(slices.flatMap((slice) => [...slice])).size).toBe(4);
});
