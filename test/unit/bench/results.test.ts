import { expect, test } from 'vitest';
import { judge, median, medianOf, type Results, ratio, targets } from '../../../bench/results.ts';
import type { Sample } from '../../../bench/workloads.ts';

const sample = (rate: number, p99?: number): Sample => ({
  rate,
  componentCpu: 2,
  daprdCpu: 5,
  ...(p99 === undefined ? {} : { p99 }),
});

test.each([
  [[3], 3],
  [[3, 1, 2], 2],
  [[4, 1, 3, 2], 2.5],
  [[10, 9, 100], 10],
])('the median of %j is %d', (values, expected) => {
  expect(median(values)).toBe(expected);
});

test('a median leaves the samples in their order', () => {
  const values = [3, 1, 2];
  median(values);
  expect(values).toEqual([3, 1, 2]);
});

test('what was not measured has no median', () => {
  expect(medianOf(undefined, 'rate')).toBeUndefined();
  expect(medianOf([sample(1)], 'p99')).toBeUndefined();
  expect(medianOf([sample(1, 7), sample(1), sample(1, 9)], 'p99')).toBe(8);
});

const rated = { via: 'daprd', name: 'publish-1', judged: 'rate' } as const;

test('a ratio is the median of what the rounds give, each for itself', () => {
  // The machine was slow in the second round: the medians alone would say 100 / 60.
  const results: Results = {
    'daprd/publish-1': {
      ours: [sample(100), sample(40), sample(120)],
      go: [sample(50), sample(20), sample(60)],
    },
  };
  expect(ratio(results, rated, 'go')).toBe(2);
});

test('a run that failed takes its round from the ratio, and no other', () => {
  const results: Results = {
    'daprd/publish-1': {
      ours: [null, sample(40), sample(120)],
      go: [sample(50), sample(20), null],
    },
  };
  expect(ratio(results, rated, 'go')).toBe(2);
});

test('less is better of whatever is not a rate', () => {
  const results: Results = { 'daprd/latency': { ours: [sample(500, 10)], go: [sample(500, 25)] } };
  expect(ratio(results, { via: 'daprd', name: 'latency', judged: 'p99' }, 'go')).toBe(2.5);
  expect(ratio(results, { via: 'daprd', name: 'latency', judged: 'p99' }, 'go', 'rate')).toBe(1);
});

test('there is no ratio to a peer that was not measured', () => {
  const results: Results = { 'daprd/publish-1': { ours: [sample(100)] } };
  expect(ratio(results, rated, 'go')).toBeUndefined();
  expect(ratio({}, rated, 'go')).toBeUndefined();
});

test('a target is reached from its very value on, and not where nothing was measured', () => {
  const verdict = (rate: number) =>
    judge({ 'daprd/publish-1': { ours: [sample(rate)], go: [sample(100)] } }).find(
      ({ workload }) => workload === 'publish-1',
    );
  expect(verdict(115)).toMatchObject({ ratio: 1.15, reached: true, title: 'publish, 1 caller' });
  expect(verdict(114)).toMatchObject({ ratio: 1.14, reached: false });
  const none = judge({});
  expect(none).toHaveLength(targets.length);
  expect(none.every(({ ratio, reached }) => ratio === undefined && !reached)).toBe(true);
});
