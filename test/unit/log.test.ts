import { constants } from 'node:fs';
import { expect, test } from 'vitest';
import { Output } from '../../src/log.ts';
import { Pipe } from '../support/pipe.ts';
import { temporaryFolder } from '../support/temp.ts';
import { until } from '../support/wait.ts';

const line = (n: number) => `${`${n}`.padStart(99, '.')}\n`;
const numbers = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((one) => Number(one.replaceAll('.', '')));

test('a reader that stalls: nothing waits for it, 1 MiB is kept in order, the rest is counted', async () => {
  await using folder = await temporaryFolder();
  const pipe = await Pipe.open(folder.path, constants.O_NONBLOCK);
  const told: number[] = [];
  const output = new Output(pipe.writer, (dropped) => {
    told.push(dropped);
    output.write('the end\n');
  });
  output.write(line(0));
  expect(pipe.read()).toBe(line(0));
  const count = 20_000;
  for (let n = 1; n <= count; n++) output.write(line(n));
  let text = '';
  await until('all that was kept', () => {
    text += pipe.read();
    return text.endsWith('the end\n');
  });
  const kept = numbers(text.replace('the end\n', ''));
  expect(kept).toEqual(kept.map((_, index) => index + 1));
  expect(text.length).toBeGreaterThan(1024 * 1024);
  expect(told).toEqual([count - kept.length]);
  output.write(line(count));
  expect(pipe.read()).toBe(line(count));
  pipe.closeWriter();
  pipe.closeReader();
});

test('at the end the reader gets what waits, and no more than half a second for it', async () => {
  await using folder = await temporaryFolder();
  const pipe = await Pipe.open(folder.path, constants.O_NONBLOCK);
  const output = new Output(pipe.writer, () => undefined);
  for (let n = 0; n < 1_000; n++) output.write(line(n));
  const start = performance.now();
  output.finish();
  expect(performance.now() - start).toBeGreaterThanOrEqual(500);
  expect(performance.now() - start).toBeLessThan(1_000);
  const early = pipe.read();
  output.finish();
  expect(numbers(early + pipe.read())).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
  pipe.closeReader();
  // Nobody can read it any more, and nobody hears of that.
  for (let n = 0; n < 1_000; n++) output.write(line(n));
  output.finish();
  pipe.closeWriter();
});
