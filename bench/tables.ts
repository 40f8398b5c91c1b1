/** The second part of docs/performance.md: everything that was measured. */
import { showCharts } from './chart-names.ts';
import { growthSections } from './growth-tables.ts';
import { compared, figures, table, whole } from './markdown.ts';
import { heads, type PeerName, reportedPeers, separatePeers, titles } from './peers.ts';
import type { Performance } from './performance.ts';
import { medianOf, type Results, ratio } from './results.ts';
import type { Via } from './runs.ts';
import type { Metric } from './sample.ts';
import { describeSteal } from './steal.ts';
import { judge, type Measured } from './targets.ts';
import { findWorkload, keyOf, titleOf, type Workload, workloads } from './workloads.ts';

/** Returns Markdown. A dash stands for what was not measured. */
export function tables({ rounds, steal, results, growth = {} }: Performance): string {
  return [
    `Medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}. In each round every peer has its turn. In brackets: how many times better this`,
    'component is; above 1 it is better. This is the median of the ratios of the rounds. A message has 256 bytes',
    'unless a row says otherwise.',
    '',
    ...reportedPeers.map(
      (name) => `- **${heads[name]}**${name === 'ours' ? '' : `: ${titles[name]}`}`,
    ),
    '',
    'Rows of subscriptions: `single` and `parallel` are the setting `concurrency`. With `parallel` the built-in',
    'component acknowledges a message when it arrives, this component when its handler has succeeded. The daprd',
    'dispatches concurrently, as 1.17.14, 1.18.4 and later do; in the row "serial daprd" it handles one message of a',
    'pluggable component at a time, as 1.16.0 to 1.17.13 and 1.18.0 to 1.18.3 do, and each peer has its default.',
    '',
    ...(steal ? [`${describeSteal(steal)}.`, ''] : []),
    ...deliveredAgain(results),
    '## Targets',
    '',
    ...targetTable({ results, growth }),
    '## Through daprd',
    '',
    'Messages a second:',
    '',
    ...comparison(results, reportedPeers, rates('daprd')),
    'At 500 messages a second, from when a message is due to be sent to its arrival, in ms:',
    '',
    ...comparison(results, reportedPeers, latencies('daprd')),
    ...showCharts('latency'),
    '## At the socket, without daprd',
    '',
    'Messages a second:',
    '',
    ...comparison(results, separatePeers, rates('socket')),
    ...showCharts('socket'),
    'At 500 messages a second, in ms:',
    '',
    ...comparison(results, separatePeers, latencies('socket')),
    '## CPU time',
    '',
    "Seconds for 100,000 messages: the component's + daprd's. The built-in component's is part of daprd's.",
    '',
    ...cpuTable(results),
    ...systemCalls(results),
    '## Memory',
    '',
    "Largest resident size of the component's process, in MB:",
    '',
    ...residentTable(results),
    ...growthSections(growth),
  ].join('\n');
}

/** Empty where nothing was received. */
function deliveredAgain(results: Results): string[] {
  // All messages of the bare peer have the same id.
  const counted = reportedPeers.filter((name) => name !== 'bare');
  const counts = counted.flatMap((name) => {
    const found = Object.values(results)
      .flatMap((one) => one[name] ?? [])
      .flatMap((sample) => sample?.duplicates ?? []);
    if (found.length === 0) return [];
    return [`${heads[name]} ${whole(found.reduce((sum, count) => sum + count, 0))}`];
  });
  if (counts.length === 0) return [];
  return [
    'Every message arrived, and each counts once. Messages delivered again, over all rounds:',
    `${counts.join(', ')}.`,
    '',
  ];
}

interface Row {
  title: string;
  workload: Workload;
  metric: Metric;
}

const judgedBy = (via: Via, judged: Workload['judged']) =>
  workloads.filter((workload) => workload.via === via && workload.judged === judged);

function rates(via: Via): Row[] {
  return judgedBy(via, 'rate').map((workload) => ({
    title: workload.title,
    workload,
    metric: 'rate',
  }));
}

function latencies(via: Via): Row[] {
  return judgedBy(via, 'p99').flatMap((workload) =>
    (['p50', 'p99', 'p999'] as const).map((metric) => ({
      title: metric === 'p999' ? 'p99.9' : metric,
      workload,
      metric,
    })),
  );
}

/** Through daprd first. */
const byVia = workloads.toSorted((one, other) => one.via.localeCompare(other.via));

function targetTable(measured: Measured): string[] {
  const rows = judge(measured).map(({ title, beside, target, measured, reached }) => [
    title,
    beside || '–',
    target,
    measured ?? '–',
    measured === undefined ? 'not measured' : reached ? 'reached' : '**not reached**',
  ]);
  return table(['', 'beside', 'target', 'measured', ''], rows);
}

function comparison(
  results: Results,
  columns: readonly PeerName[],
  rows: readonly Row[],
): string[] {
  const cells = rows.map(({ title, workload, metric }) => [
    title,
    ...columns.map((name) => {
      const value = medianOf(results[keyOf(workload)]?.[name], metric);
      if (value === undefined) return '–';
      const times = name === 'ours' ? undefined : ratio(results, workload, name, { metric });
      return compared(figures(metric === 'rate' ? value : value / 1000), times);
    }),
  ]);
  return table(['', ...columns.map((name) => heads[name])], cells);
}

function cpuTable(results: Results): string[] {
  const rows = byVia.map((workload) => [
    titleOf(workload),
    ...reportedPeers.map((name) => {
      const samples = results[keyOf(workload)]?.[name];
      const component = medianOf(samples, 'componentCpu');
      const daprd = medianOf(samples, 'daprdCpu');
      if (component === undefined || daprd === undefined) return '–';
      if (name === 'built-in') return figures(daprd);
      return workload.via === 'socket'
        ? figures(component)
        : `${figures(component)} + ${figures(daprd)}`;
    }),
  ]);
  return table(['', ...reportedPeers.map((name) => heads[name])], rows);
}

const calling = [
  'daprd/publish-1',
  'daprd/publish-32',
  'socket/publish-1',
  'socket/publish-32',
].map(findWorkload);

/** Empty where no calls were counted. */
function systemCalls(results: Results): string[] {
  const rows = calling.map((workload) => [
    titleOf(workload),
    ...separatePeers.map((name) => {
      const samples = results[keyOf(workload)]?.[name];
      const [reads, writes] = [medianOf(samples, 'reads'), medianOf(samples, 'writes')];
      if (reads === undefined || writes === undefined) return '–';
      return `${reads.toFixed(2)} + ${writes.toFixed(2)}`;
    }),
  ]);
  if (rows.every(([, ...cells]) => cells.every((cell) => cell === '–'))) return [];
  return [
    '## System calls',
    '',
    "Read calls + write calls of the component's process for each published message, all files included:",
    '',
    ...table(['', ...separatePeers.map((name) => heads[name])], rows),
  ];
}

function residentTable(results: Results): string[] {
  const rows = byVia.map((workload) => [
    titleOf(workload),
    ...separatePeers.map((name) => {
      const value = medianOf(results[keyOf(workload)]?.[name], 'resident');
      return value === undefined ? '–' : whole(value);
    }),
  ]);
  return table(['', ...separatePeers.map((name) => heads[name])], rows);
}
