/** The first part of docs/performance.md: what a user of the built-in component wants to know. */
import { showCharts } from './chart-names.ts';
import { compared, figures, table, whole } from './markdown.ts';
import { heads, type PeerName } from './peers.ts';
import type { Performance } from './performance.ts';
import { medianOf, type Results, ratio } from './results.ts';
import { residentUnderLoad } from './targets.ts';
import { findWorkload, keyOf, type Workload } from './workloads.ts';

const single = findWorkload('daprd/subscribe-single');
const parallel = findWorkload('daprd/subscribe-parallel');
const latency = findWorkload('daprd/latency');

/** Returns Markdown: a chart, a table and a paragraph. */
export function overview(performance: Performance): string {
  const { date, machine, results } = performance;
  return [
    ...showCharts('overview'),
    ...comparison(results),
    'Messages a second through daprd, and the latency; messages of 256 bytes. In brackets: how many times better',
    `this component is. ${date}; ${machine}.`,
    '',
    ...costs(performance),
  ].join('\n');
}

interface Row {
  title: string;
  workload: Workload;
  /** Cells of the built-in component as it comes and with `parallel`; text where nothing is measured. */
  asItComes: Workload | string;
  parallel: Workload | string;
}

/** `concurrency` affects only subscriptions. */
const publishing = (key: string): Row => {
  const workload = findWorkload(key);
  return { title: workload.title, workload, asItComes: workload, parallel: 'the same' };
};

const rows: readonly Row[] = [
  publishing('daprd/publish-1'),
  publishing('daprd/publish-32'),
  publishing('daprd/bulk'),
  { title: single.title, workload: single, asItComes: single, parallel: '–' },
  { title: parallel.title, workload: parallel, asItComes: single, parallel },
  { title: 'latency, p99, ms', workload: latency, asItComes: latency, parallel: '–' },
];

function comparison(results: Results): string[] {
  const cell = (row: Row, name: PeerName, theirs: Workload | string) => {
    if (typeof theirs === 'string') return theirs;
    const value = medianOf(results[keyOf(theirs)]?.[name], row.workload.judged);
    if (value === undefined) return '–';
    const times = name === 'ours' ? undefined : ratio(results, row.workload, name, { theirs });
    return compared(figures(row.workload.judged === 'rate' ? value : value / 1000), times);
  };
  const columns = [
    heads.ours,
    'built-in as it comes (`single`)',
    'built-in, `parallel`',
    'Go, pluggable',
  ];
  return table(
    ['', ...columns],
    rows.map((row) => [
      row.title,
      cell(row, 'ours', row.workload),
      cell(row, 'built-in', row.asItComes),
      cell(row, 'built-in', row.parallel),
      cell(row, 'go', row.workload),
    ]),
  );
}

/** Leaves out each sentence for which something was not measured. */
function costs({ results, growth = {} }: Performance): string[] {
  const times = (workload: Workload, theirs = workload) =>
    ratio(results, workload, 'built-in', { theirs })?.toFixed(2);
  const [one, many, bulk] = ['publish-1', 'publish-32', 'bulk'].map((name) =>
    times(findWorkload(`daprd/${name}`)),
  );
  const [byDefault, alike] = [times(parallel, single), times(parallel)];
  const start = growth.start?.ours;
  const load = residentUnderLoad({ results, growth });
  const cpu = medianOf(results['daprd/publish-32']?.ours, 'componentCpu');
  const lines: string[] = [];
  if (one && many && bulk)
    lines.push(
      `Beside the built-in component, this component publishes ${one} × as many messages a second with one`,
      `caller, ${many} × with 32 callers and ${bulk} × in bulk.`,
    );
  if (byDefault && alike)
    lines.push(
      'A subscription with the default of each component, `parallel` here and `single` there, handles',
      `${byDefault} × as many messages; with \`parallel\` in both, ${alike} ×. With \`parallel\` the built-in component`,
      'acknowledges a message when it arrives, so a message whose handler fails is lost. This component',
      'acknowledges a message after its handler has succeeded.',
    );
  if (start && load !== undefined && cpu !== undefined)
    lines.push(
      `The price is a process beside daprd: ${whole(start.resident)} MB when idle, up to ${whole(load)} MB under load,`,
      `${whole(start.initialised ?? start.median)} ms to start, and ${figures(cpu)} s of CPU time for 100,000 publishes with 32 callers.`,
    );
  return lines;
}
