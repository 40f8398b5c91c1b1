import { expect, test } from 'vitest';
import { type Plan, readArguments } from '../../../bench/arguments.ts';
import { keyOf } from '../../../bench/workloads.ts';

function plan(...args: string[]): Plan {
  const found = readArguments(args);
  if ('text' in found) return expect.unreachable(found.text);
  return found;
}

const runs = ({ workloads }: Plan) =>
  Object.fromEntries(workloads.map(({ workload, peers }) => [keyOf(workload), peers]));

test('without options everything is measured and written', () => {
  const found = plan();
  expect(found).toMatchObject({ rounds: 3, writes: true, quick: false, fromJson: false });
  expect(found.growth).toEqual(['start', 'million', 'subscriptions']);
  expect(runs(found)['daprd/publish-256']).toEqual(['ours', 'go', 'built-in', 'bare']);
});

test('--quick measures what has a target, with the peers of the targets', () => {
  const found = plan('--quick');
  expect(found).toMatchObject({ rounds: 2, writes: false, quick: true, growthPeers: ['ours'] });
  expect(found.growth).toEqual(['start', 'million']);
  expect(runs(found)['socket/publish-1']).toEqual(['ours', 'go']);
  expect(runs(found)).not.toHaveProperty('daprd/publish-256');
});

test.each([
  [['--quick', '--peer', 'ours,bare']],
  [['--only', 'daprd/publish-1', '--peer=ours', '--peer=bare']],
])('%j measures the named peers', (args) => {
  const found = plan(...args);
  expect(runs(found)['daprd/publish-1']).toEqual(['ours', 'bare']);
  expect(found.growthPeers).toEqual(['ours', 'bare']);
  expect(found.writes).toBe(false);
});

test('--only picks workloads and parts of growth', () => {
  const found = plan('--only', 'daprd/bulk,growth/start', '--rounds', '1');
  expect(Object.keys(runs(found))).toEqual(['daprd/bulk']);
  expect(found).toMatchObject({ rounds: 1, growth: ['start'], writes: false });
});

test('fewer rounds than three write nothing', () => {
  expect(plan('--rounds', '2').writes).toBe(false);
  expect(plan('--rounds', '4').writes).toBe(true);
});

test('--list names everything', () => {
  expect(readArguments(['--list'])).toEqual({
    text: expect.stringMatching(/^daprd\/publish-1: publish, 1 caller\n(.*\n)+growth\/start: .*\n/),
  });
});

test.each([
  [['--rounds', '0'], '--rounds must be'],
  [['--rounds', 'x'], '--rounds must be'],
  [['--peer', 'rust'], '--peer: unknown peer rust. Peers: ours, go'],
  [['--peer', ','], '--peer: name a peer'],
  [['--only', ','], '--only: name something'],
  [['--only', 'bulk'], '--only: nothing is named bulk'],
  [['--from-json', '--quick'], '--from-json cannot be combined'],
  [['--nothing'], "Unknown option '--nothing'"],
])('%j is an error', (args, message) => {
  expect(() => readArguments(args)).toThrow(message);
});
