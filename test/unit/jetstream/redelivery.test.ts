import { expect, test } from 'vitest';
import { nakDelay } from '../../../src/jetstream/redelivery.ts';

test('backOff by delivery count, the last one from there on', () => {
  const delays = [1, 2, 3, 4, 99].map((count) => nakDelay(count, { backOff: [50, 1_000, 9_000] }));
  expect(delays).toEqual([50, 1_000, 9_000, 9_000, 9_000]);
});

test('backOff wins over ackWait', () => {
  expect(nakDelay(1, { backOff: [50], ackWait: 10_000 })).toBe(50);
});

test('ackWait where backOff is unset or empty', () => {
  expect(nakDelay(3, { ackWait: 10_000 })).toBe(10_000);
  expect(nakDelay(3, { backOff: [], ackWait: 10_000 })).toBe(10_000);
});

test('a poison message slows down where nothing is set', () => {
  expect([1, 2, 3, 4, 5, 6].map((count) => nakDelay(count, {}))).toEqual([
    0, 1_000, 5_000, 15_000, 30_000, 30_000,
  ]);
});
