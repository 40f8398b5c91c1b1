import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../support/ports.ts';

const ports = new URL('../support/ports.ts', import.meta.url);

/** Two ports, as another process is given them, which holds them until told otherwise. */
async function elsewhere(over: AbortSignal): Promise<number[]> {
  const script = `
    const { freePort } = await import('${ports}');
    console.log(await freePort(), await freePort());
    process.stdin.resume();
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script]);
  over.addEventListener('abort', () => child.stdin.end());
  const [line] = await once(createInterface(child.stdout), 'line');
  return line.split(' ').map(Number);
}

test('no port is given to two processes, nor twice in a row to one', async () => {
  const own = [await freePort(), await freePort()];
  const over = new AbortController();
  onTestFinished(() => over.abort());
  const others = await Promise.all([1, 2, 3].map(() => elsewhere(over.signal)));
  const all = [own, ...others];
  expect(new Set(all.flat()).size).toBe(8);
  const slices = all.map((given) => new Set(given.map((port) => Math.floor(port / 100))));
  expect(slices.map(({ size }) => size)).toEqual([1, 1, 1, 1]);
  expect(new Set(slices.flatMap((slice) => [...slice])).size).toBe(4);
});
