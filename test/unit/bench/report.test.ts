import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { drawCharts } from '../../../bench/charts.ts';
import { summarise } from '../../../bench/growth.ts';
import { overview } from '../../../bench/overview.ts';
import { type Performance, readPerformance } from '../../../bench/performance.ts';
import { report, withGenerated } from '../../../bench/report.ts';
import { tables } from '../../../bench/tables.ts';

const run = (rate: number) => ({
  ...{ rate, componentCpu: 1.234, daprdCpu: 5.678, resident: 123 },
  ...{ reads: 2.005, writes: 2.5 },
});
const builtIn = (rate: number) => ({ rate, componentCpu: 0, daprdCpu: 9 });
const timed = (p50: number) => ({ ...run(500), p50, p99: p50 * 2, p999: p50 * 10 });

const measured: Performance = {
  date: '2026-01-02',
  machine: 'a machine',
  rounds: 3,
  steal: { median: 0.012, max: 0.34 },
  results: {
    'daprd/publish-1': {
      ours: [run(2_400), run(2_345.6), run(2_300)],
      go: [run(1_200), run(1_172.8), run(1_150)],
      'built-in': [builtIn(3_000)],
    },
    'daprd/publish-32': { ours: [run(9_000)], 'built-in': [builtIn(10_000)] },
    'daprd/bulk': { ours: [run(100_000)], 'built-in': [builtIn(100_000)] },
    'daprd/subscribe-single': { ours: [run(2_400)], 'built-in': [builtIn(3_000)] },
    'daprd/subscribe-parallel': { ours: [run(10_800)], 'built-in': [builtIn(12_000)] },
    'daprd/latency': { ours: [timed(400)], go: [timed(800)] },
    'daprd/subscribe-4k': {
      ours: [{ ...run(1_000), duplicates: 1_200 }, null, { ...run(1_000), duplicates: 34 }],
      go: [{ ...run(900), duplicates: 0 }],
    },
    'socket/subscribe': { ours: [run(30_000)], bare: [run(60_000)] },
  },
  growth: {
    start: {
      ours: { first: 600, median: 300, initialised: 450, resident: 80 },
      go: { median: 40, resident: 50 },
    },
    million: {
      messages: 1_000_000,
      rate: 25_432,
      early: 100.4,
      firstThird: 110,
      lastThird: 120,
      most: 130,
      samples: [
        { seconds: 0.5, resident: 100.4 },
        { seconds: 1, resident: 120 },
      ],
    },
    subscriptions: [{ topics: 1_000, before: 80, after: 110, each: 30.7, rate: 20_000, cpu: 3.3 }],
  },
};

test.each([
  ['date and machine', '2026-01-02; a machine.'],
  ['a publish', '| publish, 1 caller | 2,350 | 3,000 (0.80 ×) | the same | 1,170 (2.00 ×) |'],
  ['one message at a time', '| subscribe, `single` | 2,400 | 3,000 (0.80 ×) | – | – |'],
  ['both settings', '| subscribe, `parallel` | 10,800 | 3,000 (3.60 ×) | 12,000 (0.90 ×) | – |'],
  ['the p99 in ms', '| latency, p99, ms | 0.800 | – | – | 1.60 (2.00 ×) |'],
  ['what publishing gains', 'publishes 0.80 × as many messages a second with one\ncaller, 0.90 × '],
  ['what subscribing gains', '3.60 × as many messages; with `parallel` in both, 0.90 ×.'],
  [
    'what it costs',
    '80 MB when idle, up to 123 MB under load,\n450 ms to start, and 1.23 s of CPU',
  ],
])('the overview has %s', (_, line) => {
  expect(overview(measured)).toContain(line);
});

test('the overview leaves out sentences for which nothing was measured', () => {
  const nothing = overview({ ...measured, results: {}, growth: {} });
  expect(nothing).not.toMatch(/^Beside the|A subscription|The price/m);
  expect(nothing).toContain('| publish, 1 caller | – | – | the same | – |');
});

test.each([
  ['the stolen CPU time', 'during the samples: median 1.2 %, at most 34.0 %.\n'],
  ['the messages delivered again', 'over all rounds:\nthis component 1,234, Go 0.\n'],
  ['a target that was reached', '| publish, 1 caller | Go | at least 1.15 × | 2.00 × | reached |'],
  ['one that was not', '| built-in | at least 1.40 × | 1.00 × | **not reached** |'],
  [
    'one that was not measured',
    '| subscribe, serial daprd | built-in | at least 0.90 × | – | not measured |',
  ],
  ['a target without a peer', '| resident, idle | – | at most 75 MB | 80 MB | **not reached** |'],
  ['rates', '| publish, 1 caller | 2,350 | 1,170 (2.00 ×) | 3,000 (0.80 ×) | – |'],
  ['latencies in ms', '| p99.9 | 4.00 | 8.00 (2.00 ×) | – | – |'],
  ['rates at the socket', '| pull, acknowledged at once | 30,000 | – | 60,000 (0.50 ×) |'],
  ['CPU of both', '| publish, 1 caller | 1.23 + 5.68 | 1.23 + 5.68 | 9.00 | – |'],
  ['CPU at the socket', '| at the socket: pull, acknowledged at once | 1.23 | – | – | 1.23 |'],
  ['system calls', '| publish, 1 caller | 2.00 + 2.50 | 2.00 + 2.50 | – |'],
  ['resident size', '| publish, 1 caller | 123 | 123 | – |'],
  ['starts', '| this component | 600 ms | 300 ms | 450 ms | 80 MB |'],
  ['starts without a cache, or Init', '| Go | – | 40 ms | – | 50 MB |'],
  ['a long stream', '| 100 MB | 110 MB | 120 MB | 130 MB |'],
  ['subscriptions', '| 1,000 | 80 MB | 110 MB | 31 KB | 20,000 | 3.30 |'],
])('the details have %s', (_, line) => {
  expect(tables(measured)).toContain(line);
});

test('what was not measured has no section and no chart', () => {
  const { growth: _, ...rest } = measured;
  expect(tables(rest)).not.toMatch(/## (Start|A long stream|Many)/);
  expect(tables(rest)).not.toContain('million.svg');
  expect(Object.keys(drawCharts(rest))).not.toContain('million');
  expect(tables({ ...rest, results: {} })).not.toContain('System calls');
});

test('results without deliveries and steal say nothing of them', () => {
  const { steal: _, ...rest } = measured;
  const { 'daprd/subscribe-4k': __, ...results } = rest.results;
  expect(tables({ ...rest, results })).not.toMatch(/delivered again|hypervisor/i);
});

test('only the text between the marks is replaced', () => {
  const page =
    'mine\n<!-- bench: one -->\nold\n<!-- /bench -->\nmy text\n' +
    '<!-- bench: two -->\nold\n<!-- /bench -->\nmine too\n';
  const parts = { one: 'new\n', two: 'newer' };
  const once = withGenerated(page, parts);
  expect(once).toBe(
    'mine\n<!-- bench: one -->\n\nnew\n\n<!-- /bench -->\nmy text\n' +
      '<!-- bench: two -->\n\nnewer\n\n<!-- /bench -->\nmine too\n',
  );
  expect(withGenerated(once, parts)).toBe(once);
  expect(() => withGenerated(page, { three: 'new' })).toThrow('needs the lines <!-- bench: three');
  expect(() => withGenerated('<!-- bench: one -->', parts)).toThrow('needs the lines');
});

test('the same numbers give the same files, each chart that the page shows among them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'report-test-'));
  const files = async () => {
    const found = (await readdir(folder, { recursive: true })).filter((name) =>
      /\.\w+$/.test(name),
    );
    const texts = found.map((name) => readFile(join(folder, name), 'utf8'));
    return Object.fromEntries((await Promise.all(texts)).map((text, at) => [found[at], text]));
  };
  try {
    await report(measured, folder);
    const first = await files();
    await report(await readPerformance(folder), folder);
    expect(await files()).toEqual(first);
    const shown = first['performance.md']?.matchAll(/\]\((charts\/\w+\.svg)\)/g) ?? [];
    const charts = [...shown].map(([, path]) => path);
    expect(charts).toHaveLength(4);
    expect(Object.keys(first)).toEqual(expect.arrayContaining(charts));
    expect(first['charts/overview.svg']).toContain('publish, messages/s');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.each([
  ['null', 'has no results'],
  ['{}', 'has no results'],
  ['{"results":', 'JSON'],
  [
    '{"results":{"daprd/bulk":{"go":[null,{"rate":"abc"}]}}}',
    'results.daprd/bulk.go[1].rate is not a number',
  ],
])('%s is refused, with what is wrong and what to do', async (text, words) => {
  const folder = await mkdtemp(join(tmpdir(), 'report-test-'));
  try {
    await writeFile(join(folder, 'performance.json'), text);
    const reading = readPerformance(folder);
    await expect(reading).rejects.toThrow(words);
    await expect(reading).rejects.toThrow('git checkout');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('the sizes of a run are those of its beginning, its first third and its last', () => {
  const samples = Array.from({ length: 60 }, (_, at) => ({ seconds: at / 2 + 0.5, resident: at }));
  expect(summarise(samples)).toEqual({ early: 2, firstThird: 9.5, lastThird: 49 });
  expect(summarise([{ seconds: 0.1, resident: 7 }])).toEqual({
    early: 7,
    firstThird: 7,
    lastThird: 7,
  });
});
