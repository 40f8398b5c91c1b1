import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FrameBudget } from '../../../src/grpc/http2/frame-budget.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Spends until there is no more. Returns how much that was. */
function spendAll(budget: FrameBudget): number {
  for (let spent = 0; ; spent++) if (!budget.spend()) return spent;
}

test('so many frames at once, and no more', () => {
  const budget = new FrameBudget(10, 100);
  expect(spendAll(budget)).toBe(10);
  expect(budget.spend()).toBe(false);
});

test('so many a second over time', () => {
  const budget = new FrameBudget(10, 100);
  let spent = 0;
  for (let tenth = 0; tenth < 50; tenth++) {
    spent += spendAll(budget);
    vi.advanceTimersByTime(100);
  }
  expect(spent).toBe(10 + 49 * 10);
});

test('time without frames gives no more than the burst', () => {
  const budget = new FrameBudget(10, 100);
  vi.advanceTimersByTime(3_600_000);
  expect(spendAll(budget)).toBeLessThanOrEqual(2 * 10);
  vi.advanceTimersByTime(3_600_000);
  expect(spendAll(budget)).toBe(10);
});

test('less time than a frame takes gives none, and is not lost', () => {
  const budget = new FrameBudget(1, 100);
  expect(spendAll(budget)).toBe(1);
  for (let step = 0; step < 2; step++) {
    vi.advanceTimersByTime(4);
    expect(budget.spend()).toBe(false);
  }
  vi.advanceTimersByTime(4);
  expect(budget.spend()).toBe(true);
});

test('useful work gives frames back, up to the burst', () => {
  const budget = new FrameBudget(10, 0);
  expect(spendAll(budget)).toBe(10);
  for (let frame = 0; frame < 3; frame++) budget.earn();
  const left = spendAll(budget);
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(3);
  for (let frame = 0; frame < 1_000; frame++) budget.earn();
  expect(spendAll(budget)).toBe(10);
});
