import { expect, test } from 'vitest';
import type { Sample } from '../../../bench/sample.ts';
import {
  growthWithTargets,
  judge,
  type Measured,
  peersWithTargets,
  targets,
} from '../../../bench/targets.ts';
import { keyOf, workloads } from '../../../bench/workloads.ts';

const sample = (rate: number, more: Partial<Sample> = {}): Sample => ({
  rate,
  componentCpu: 2,
  daprdCpu: 5,
  ...more,
});

const verdict = (title: string, measured: Measured, beside = 'Go') =>
  judge(measured).find((one) => one.title === title && one.beside === beside);

test('a target is reached from its exact value on', () => {
  const found = (rate: number) =>
    verdict('publish, 1 caller', {
      results: { 'daprd/publish-1': { ours: [sample(rate)], go: [sample(100)] } },
    });
  expect(found(115)).toEqual({
    title: 'publish, 1 caller',
    beside: 'Go',
    target: 'at least 1.15 ×',
    measured: '1.15 ×',
    reached: true,
  });
  expect(found(114)).toMatchObject({ measured: '1.14 ×', reached: false });
});

test('no target is reached where nothing was measured', () => {
  const none = judge({ results: {} });
  expect(none).toHaveLength(targets.length);
  expect(none.every(({ measured, reached }) => measured === undefined && !reached)).toBe(true);
});

test('a parallel subscription is compared with the built-in component in both its settings', () => {
  const measured: Measured = {
    results: {
      'daprd/subscribe-parallel': { ours: [sample(380)], 'built-in': [sample(400)] },
      'daprd/subscribe-single': { ours: [sample(60)], 'built-in': [sample(100)] },
    },
  };
  const found = (title: string, beside: string) => verdict(title, measured, beside)?.measured;
  expect(found('subscribe, `parallel`', 'built-in as it comes (`single`)')).toBe('3.80 ×');
  expect(found('subscribe, `parallel`', 'built-in, `parallel`')).toBe('0.95 ×');
  expect(found('subscribe, `single`', 'built-in as it comes (`single`)')).toBe('0.60 ×');
});

test('a CPU time is at most so many times that of the peer', () => {
  const title = 'at the socket: publish, 32 callers, CPU time of the component';
  const found = (cpu: number) =>
    verdict(title, {
      results: {
        'socket/publish-32': {
          ours: [sample(1, { componentCpu: cpu })],
          go: [sample(1, { componentCpu: 4 })],
        },
      },
    });
  expect(found(2)).toMatchObject({ target: 'at most 0.50 ×', measured: '0.50 ×', reached: true });
  expect(found(3)).toMatchObject({ measured: '0.75 ×', reached: false });
});

test('the p99 is judged as times better', () => {
  const results = {
    'daprd/latency': { ours: [sample(500, { p99: 5 })], go: [sample(500, { p99: 4 })] },
  };
  const title = 'latency at 500 messages a second, p99';
  expect(verdict(title, { results })).toMatchObject({ measured: '0.80 ×', reached: false });
});

test('the resident size under load is the largest with messages of the usual size', () => {
  const resident = (size: number) => ({ ours: [sample(1, { resident: size })] });
  const results = {
    'socket/publish-1': resident(100),
    'daprd/bulk': resident(119),
    'daprd/publish-32-256k': resident(300),
  };
  expect(verdict('resident, largest under load', { results }, '')).toMatchObject({
    measured: '119 MB',
    reached: true,
  });
});

test('values of growth have targets of their own', () => {
  const growth = {
    start: { ours: { median: 151, initialised: 180, resident: 75 } },
    million: {
      ...{ messages: 1_000_000, rate: 1, early: 1, firstThird: 1, lastThird: 1, samples: [] },
      most: 121,
    },
  };
  const found = (title: string) => verdict(title, { results: {}, growth }, '');
  expect(found('start to the first answer')).toMatchObject({ measured: '151 ms', reached: false });
  expect(found('start, with Init')).toMatchObject({ target: 'at most 180 ms', reached: true });
  expect(found('resident, idle')).toMatchObject({ measured: '75 MB', reached: true });
  expect(found('resident, largest with a million messages')).toMatchObject({ reached: false });
});

test('a quick run measures the peers that the targets compare', () => {
  expect(peersWithTargets('daprd/publish-1')).toEqual(['ours', 'go']);
  expect(peersWithTargets('daprd/publish-32')).toEqual(['ours', 'go', 'built-in']);
  expect(peersWithTargets('daprd/subscribe-single').sort()).toEqual(['built-in', 'ours']);
  expect(peersWithTargets('daprd/publish-256')).toEqual([]);
  expect([...growthWithTargets].sort()).toEqual(['million', 'start']);
});

test('every run that a target needs is a workload', () => {
  const keys = workloads.map(keyOf);
  for (const { runs } of targets) for (const { key } of runs) expect(keys).toContain(key);
});
