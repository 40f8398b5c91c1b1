import { expect, test } from 'vitest';
import { machineTicks, parseMachineTicks, stealBetween } from '../../../bench/process-usage.ts';
import { describeSteal, stealOf } from '../../../bench/steal.ts';

const sample = (steal?: number) => ({
  rate: 1,
  componentCpu: 1,
  daprdCpu: 1,
  ...(steal === undefined ? {} : { steal }),
});

test('the time of guests, which is in that of users already, does not count twice', () => {
  const text = 'cpu  10 20 30 400 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n';
  expect(parseMachineTicks(text)).toEqual({ steal: 8, total: 486 });
});

test.each([[''], ['cpu0 1 2 3 4 5 6 7 8'], ['cpu  1 2 3'], ['cpu  1 2 3 4 5 6 7 x']])(
  '%j is not /proc/stat',
  (text) => {
    expect(() => parseMachineTicks(text)).toThrow('/proc/stat');
  },
);

test.runIf(process.platform === 'linux')('this machine can tell', async () => {
  const { steal, total } = await machineTicks();
  expect(total).toBeGreaterThan(steal);
});

test('what was stolen is a share of all time in between', () => {
  expect(stealBetween({ steal: 100, total: 1_000 }, { steal: 125, total: 1_100 })).toBe(0.25);
  expect(stealBetween({ steal: 100, total: 1_000 }, { steal: 100, total: 1_000 })).toBe(0);
});

test('a run has the median and the most of its samples, of all peers', () => {
  const steal = stealOf({
    'daprd/publish-1': { ours: [sample(0.01), null, sample(0.2)], go: [sample(0.03)] },
    'daprd/bulk': { ours: [sample()] },
  });
  expect(steal).toEqual({ median: 0.03, max: 0.2 });
  expect(steal && describeSteal(steal)).toContain('median 3.0 %, at most 20.0 %');
});

test('results of before it was taken down have none', () => {
  expect(stealOf({ 'daprd/bulk': { ours: [sample(), null] } })).toBeUndefined();
});
