import { expect, test } from 'vitest';
import { ioCalls, parseIoCalls } from '../../../bench/process-usage.ts';

test('reads the system calls of a process', () => {
  const text = 'rchar: 1\nwchar: 2\nsyscr: 30\nsyscw: 40\nread_bytes: 5\n';
  expect(parseIoCalls(text)).toEqual({ reads: 30, writes: 40 });
});

test.each(['', 'rchar: 1\nwchar: 2\n', 'syscr: 30\n'])('knows no calls from %j', (text) => {
  expect(parseIoCalls(text)).toBeUndefined();
});

test.runIf(process.platform === 'linux')('the calls of this process grow', async () => {
  const before = await ioCalls(process.pid);
  const after = await ioCalls(process.pid);
  if (before && after) expect(after.reads).toBeGreaterThan(before.reads);
});

test('knows no calls of a process that does not exist', async () => {
  expect(await ioCalls(2 ** 30)).toBeUndefined();
});
