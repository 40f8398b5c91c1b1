import { expect, test } from 'vitest';
import { median } from '../../../bench/median.ts';
import { medianOf, type Results, ratio } from '../../../bench/results.ts';
import type { Sample } from '../../../bench/sample.ts';
import { findWorkload } from '../../../bench/workloads.ts';

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

test('a median leaves the values in their order', () => {
  const values = [3, 1, 2];
  median(values);
  expect(values).toEqual([3, 1, 2]);
});

test('there is no median where nothing was measured', () => {
  expect(medianOf(undefined, 'rate')).toBeUndefined();
  expect(medianOf([sample(1)], 'p99')).toBeUndefined();
  expect(medianOf([sample(1, 7), sample(1), sample(1, 9)], 'p99')).toBe(8);
});

const publish = findWorkload('daprd/publish-1');

test('a ratio is the median of the ratios of the rounds', () => {
  // The machine was slow in the second round. The ratio of the medians would be 100 / 60.
  const results: Results = {
    'daprd/publish-1': {
      ours: [sample(100), sample(40), sample(120)],
      go: [sample(50), sample(20), sample(60)],
    },
  };
  expect(ratio(results, publish, 'go')).toBe(2);
});

test('a run that failed takes only its own round from the ratio', () => {
  const results: Results = {
    'daprd/publish-1': {
      ours: [null, sample(40), sample(120)],
      go: [sample(50), sample(20), null],
    },
  };
  expect(ratio(results, publish, 'go')).toBe(2);
});

test('less is better of everything but the rate', () => {
  const results: Results = { 'daprd/latency': { ours: [sample(500, 10)], go: [sample(500, 25)] } };
  const latency = findWorkload('daprd/latency');
  expect(ratio(results, latency, 'go')).toBe(2.5);
  expect(ratio(results, latency, 'go', { metric: 'rate' })).toBe(1);
});

test('a ratio can be to another workload of the peer', () => {
  const results: Results = {
    'daprd/subscribe-parallel': { ours: [sample(90), sample(60)], 'built-in': [sample(100)] },
    'daprd/subscribe-single': { 'built-in': [sample(30), sample(20)] },
  };
  const parallel = findWorkload('daprd/subscribe-parallel');
  const theirs = findWorkload('daprd/subscribe-single');
  expect(ratio(results, parallel, 'built-in')).toBe(0.9);
  expect(ratio(results, parallel, 'built-in', { theirs })).toBe(3);
});

test('there is no ratio to a peer that was not measured', () => {
  const results: Results = { 'daprd/publish-1': { ours: [sample(100)] } };
  expect(ratio(results, publish, 'go')).toBeUndefined();
  expect(ratio({}, publish, 'go')).toBeUndefined();
});
