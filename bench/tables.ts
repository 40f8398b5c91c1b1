import { type ChartName, chartTitles } from './charts.ts';
import type { Growth } from './growth.ts';
import { type PeerName, peers, titles } from './peers.ts';
import type { Performance } from './report.ts';
import { judge, keyOf, type Metric, medianOf, type Results, ratio } from './results.ts';
import { describeSteal } from './steal.ts';
import { type Via, type Workload, workloads } from './workloads.ts';

/** Heads of the columns. */
const heads: Readonly<Record<PeerName, string>> = {
  ours: 'this component',
  go: 'Go',
  'built-in': 'built-in',
  bare: 'bare',
};

/** In Markdown: everything that was measured; what was not has a dash. */
export function tables({
  date,
  machine,
  rounds,
  steal,
  results,
  growth = {},
}: Performance): string {
  const through = (via: Via, judged: Workload['judged']) =>
    workloads.filter((one) => one.via === via && one.judged === judged);
  const latencies = (via: Via) =>
    through(via, 'p99').flatMap((workload) =>
      (['p50', 'p99', 'p999'] as const).map((metric) => ({
        title: metric === 'p999' ? 'p99.9' : metric,
        workload,
        metric,
      })),
    );
  const rates = (via: Via) =>
    through(via, 'rate').map((workload) => ({
      title: workload.title,
      workload,
      metric: 'rate' as const,
    }));
  return [
    `${date}; ${machine}.`,
    '',
    `Medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, in each of which every peer had its turn. In brackets: how many times`,
    'better this component is, above 1 in its favour; the median of what the rounds give each for itself.',
    'A message has 256 bytes unless told otherwise.',
    '',
    ...peers.map((name) => `- **${heads[name]}**${name === 'ours' ? '' : `: ${titles[name]}`}`),
    '',
    ...(steal ? [`${describeSteal(steal)}.`, ''] : []),
    ...deliveredAgain(results),
    '## Targets',
    '',
    ...targetTable(results),
    '## Through daprd',
    '',
    'Messages a second:',
    '',
    ...comparison(results, peers, rates('daprd')),
    ...charts('publish', 'bulk'),
    'At 500 messages a second, from when a message is due to be sent to its arrival, in ms:',
    '',
    ...comparison(results, peers, latencies('daprd')),
    ...charts('latency'),
    '## At the socket, without daprd',
    '',
    'Messages a second:',
    '',
    ...comparison(results, separate, rates('socket')),
    ...charts('socket'),
    'At 500 messages a second, in ms:',
    '',
    ...comparison(results, separate, latencies('socket')),
    '## CPU time',
    '',
    "Seconds for 100,000 messages, the component's + daprd's. What is built in counts as daprd's.",
    '',
    ...cpuTable(results),
    '## Memory',
    '',
    "Most that the component's process has had resident, in MB:",
    '',
    ...residentTable(results),
    ...growthSections(growth),
  ].join('\n');
}

/** Nothing where nothing was received. */
function deliveredAgain(results: Results): string[] {
  // The bare peer's messages all have the same id.
  const told = peers.filter((name) => name !== 'bare');
  const counts = told.flatMap((name) => {
    const found = Object.values(results)
      .flatMap((one) => one[name] ?? [])
      .flatMap((sample) => sample?.duplicates ?? []);
    if (found.length === 0) return [];
    return [`${heads[name]} ${whole(found.reduce((sum, count) => sum + count, 0))}`];
  });
  if (counts.length === 0) return [];
  return [
    'What is received counts once, and all of it arrived. Delivered again were, over all rounds:',
    `${counts.join(', ')}.`,
    '',
  ];
}

/** Those through daprd first. */
const byVia = workloads.toSorted((one, other) => one.via.localeCompare(other.via));

const titleOf = ({ via, title }: Workload) =>
  via === 'socket' ? `at the socket: ${title}` : title;

/** What can be reached without daprd, and measured apart from it. */
const separate = peers.filter((name) => name !== 'built-in');

function targetTable(results: Results): string[] {
  const rows = judge(results).map(({ title, against, atLeast, beyond, ratio, reached }) => {
    const further = beyond !== undefined && ratio !== undefined && ratio >= beyond;
    const verdict = reached ? (further ? 'reached, and beyond' : 'reached') : '**not reached**';
    return [
      `${title}${title.includes('latency') ? ' (p99)' : ''}`,
      heads[against],
      `${atLeast.toFixed(2)} ×`,
      beyond === undefined ? '–' : `${beyond.toFixed(2)} ×`,
      ratio === undefined ? '–' : `${ratio.toFixed(2)} ×`,
      ratio === undefined ? 'not measured' : verdict,
    ];
  });
  return table(['through daprd', 'beside', 'at least', 'better', 'measured', ''], rows);
}

function comparison(
  results: Results,
  columns: readonly PeerName[],
  rows: readonly { title: string; workload: Workload; metric: Metric }[],
): string[] {
  const cells = rows.map(({ title, workload, metric }) => [
    title,
    ...columns.map((name) => {
      const value = medianOf(results[keyOf(workload)]?.[name], metric);
      if (value === undefined) return '–';
      const shown = figures(metric === 'rate' ? value : value / 1000);
      const times = name === 'ours' ? undefined : ratio(results, workload, name, metric);
      return times === undefined ? shown : `${shown} (${times.toFixed(2)} ×)`;
    }),
  ]);
  return table(['', ...columns.map((name) => heads[name])], cells);
}

function cpuTable(results: Results): string[] {
  const rows = byVia.map((workload) => [
    titleOf(workload),
    ...peers.map((name) => {
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
  return table(['', ...peers.map((name) => heads[name])], rows);
}

function residentTable(results: Results): string[] {
  const rows = byVia.map((workload) => [
    titleOf(workload),
    ...separate.map((name) => {
      const value = medianOf(results[keyOf(workload)]?.[name], 'resident');
      return value === undefined ? '–' : whole(value);
    }),
  ]);
  return table(['', ...separate.map((name) => heads[name])], rows);
}

function growthSections({ start, million, subscriptions }: Growth): string[] {
  const lines: string[] = [];
  if (start) {
    const rows = separate.flatMap((name) => {
      const found = start[name];
      if (!found) return [];
      const { first, median, initialised, resident } = found;
      const times = [first, median, initialised].map((time) =>
        time === undefined ? '–' : `${whole(time)} ms`,
      );
      return [[heads[name], ...times, `${whole(resident)} MB`]];
    });
    lines.push(
      '## Start',
      '',
      'From spawning the process until it first answers over gRPC what it serves, which is what daprd waits',
      'for, and until it has answered Init as well, which daprd calls next. The first start finds no compile',
      'cache; the others, of which these are medians, find what the first has left. Resident: a second later.',
      '',
      ...table(['', 'first', 'further', 'further, with Init', 'resident, idle'], rows),
    );
  }
  if (million) {
    const { messages, rate, early, firstThird, lastThird, most } = million;
    const sizes = [early, firstThird, lastThird, most].map((size) => `${whole(size)} MB`);
    lines.push(
      '## A long stream',
      '',
      `${whole(messages)} messages in a stream, one subscription at the socket, each acknowledged at once:`,
      `${figures(rate)} messages a second. Resident size meanwhile:`,
      '',
      ...table(['after 5 % of the time', 'first third (median)', 'last third', 'most'], [sizes]),
      ...charts('million'),
    );
  }
  if (subscriptions?.length) {
    const rows = subscriptions.map(({ topics, before, after, each, rate, cpu }) => [
      whole(topics),
      `${whole(before)} MB`,
      `${whole(after)} MB`,
      `${whole(each)} KB`,
      figures(rate),
      figures(cpu),
    ]);
    const columns = ['before Init', 'subscribed', 'for each', 'messages/s', 'CPU s per 100,000'];
    lines.push(
      '## Many subscriptions',
      '',
      'On one connection, each with a topic and a durable consumer of its own; then messages for all of',
      'them in turn, stored while they are delivered. Memory is the resident size; among few',
      'subscriptions, what each adds is mostly what Init does.',
      '',
      ...table(['subscriptions', ...columns], rows),
    );
  }
  return lines;
}

function charts(...names: ChartName[]): string[] {
  return names.flatMap((name) => [`![${chartTitles[name]}](charts/${name}.svg)`, '']);
}

/** Numbers stand at the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 ? '---' : '--:'));
  return [line(head), `|${rule.join('|')}|`, ...rows.map(line), ''];
}

/** Three figures: more of them are noise. */
function figures(value: number): string {
  const digits = { maximumSignificantDigits: 3, minimumSignificantDigits: 3 };
  // 0.004 seconds of CPU are one tick of the clock, if at all.
  return value === 0 ? '0' : value.toLocaleString('en', digits);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}
