import { type EChartsOption, init } from 'echarts';
import { type ChartName, chartTitles } from './chart-names.ts';
import type { Million } from './growth.ts';
import { type PeerName, reportedPeers } from './peers.ts';
import type { Performance } from './performance.ts';
import { medianOf, type Results } from './results.ts';
import type { Via } from './runs.ts';
import type { Metric } from './sample.ts';

const labels: Readonly<Record<PeerName, string>> = {
  ours: 'this component',
  go: 'built-in, pluggable (Go)',
  'built-in': 'built into daprd',
  bare: 'bare (the limit)',
  'ours-grpc-js': 'this component on grpc-js',
};

/** Most people who are colour-blind can tell these apart, too. */
const colours: Readonly<Record<PeerName, string>> = {
  ours: '#1f5fbf',
  go: '#f2a33a',
  'built-in': '#5aa897',
  bare: '#b9bec6',
  'ours-grpc-js': '#8a5fbf',
};

const width = 900;
const height = 360;
const text = '#24292f';

type Values = Partial<Record<PeerName, number>>;

/** Groups of bars with one bar for each peer, on an axis of their own. */
interface Panel {
  groups: { title: string; values: Values }[];
  /** Name of the axis, with the unit. */
  axis: string;
}

/** Returns SVG by name. The same numbers give the same bytes. */
export function drawCharts({ results, growth }: Performance): Partial<Record<ChartName, string>> {
  const panel = (axis: string, groups: Record<string, string>, metric: Metric = 'rate'): Panel => ({
    axis,
    groups: Object.entries(groups).map(([title, key]) => ({
      title,
      values: valuesOf(results, key, metric),
    })),
  });
  const latency = (via: Via): Panel => ({
    axis: `${via === 'daprd' ? 'through daprd' : 'at the socket'}, ms`,
    groups: (['p50', 'p99', 'p999'] as const).map((metric) => ({
      title: metric === 'p999' ? 'p99.9' : metric,
      values: valuesOf(results, `${via}/latency`, metric),
    })),
  });
  const million = growth?.million;
  return {
    overview: draw(
      bars(
        'overview',
        ['ours', 'built-in', 'go'],
        [
          panel('publish, messages/s', {
            '1 caller': 'daprd/publish-1',
            '32 callers': 'daprd/publish-32',
          }),
          panel('bulk publish, messages/s', { '4 × 100': 'daprd/bulk' }),
          panel('subscribe, messages/s', {
            single: 'daprd/subscribe-single',
            parallel: 'daprd/subscribe-parallel',
          }),
          panel('latency, ms', { p99: 'daprd/latency' }, 'p99'),
        ],
      ),
    ),
    latency: draw(bars('latency', reportedPeers, [latency('daprd'), latency('socket')])),
    socket: draw(
      bars('socket', reportedPeers, [
        panel('publish, messages/s', {
          '1 caller': 'socket/publish-1',
          '32 callers': 'socket/publish-32',
          '256 callers': 'socket/publish-256',
        }),
        panel('bulk publish, messages/s', { '4 × 100': 'socket/bulk' }),
        panel('pull, messages/s', { 'acknowledged at once': 'socket/subscribe' }),
      ]),
    ),
    ...(million ? { million: draw(line(million.samples)) } : {}),
  };
}

/** Returns rates in messages a second, everything else in milliseconds. */
function valuesOf(results: Results, key: string, metric: Metric): Values {
  const values: Values = {};
  for (const name of reportedPeers) {
    const value = medianOf(results[key]?.[name], metric);
    if (value !== undefined) values[name] = metric === 'rate' ? value : value / 1000;
  }
  return values;
}

function bars(name: ChartName, peers: readonly PeerName[], panels: Panel[]): EChartsOption {
  const shown = peers.filter((peer) =>
    panels.some(({ groups }) => groups.some(({ values }) => values[peer] !== undefined)),
  );
  const gap = 75;
  const groups = panels.reduce((sum, panel) => sum + panel.groups.length, 0);
  // Leaves room for the axis of each panel, and a little at the right.
  const each = (width - gap * panels.length - 20) / groups;
  let left = gap;
  const grid = panels.map((panel) => {
    const place = { left, top: 105, bottom: 40, width: each * panel.groups.length };
    left += place.width + gap;
    return place;
  });
  return {
    ...frame(name),
    // Without a browser the widths of texts are guesses. The gap keeps the texts apart.
    legend: { top: 40, left: 20, itemGap: 50, textStyle: { color: text }, selectedMode: false },
    grid,
    xAxis: panels.map(({ groups }, gridIndex) => ({
      type: 'category',
      gridIndex,
      data: groups.map(({ title }) => title),
      axisLabel: { color: text, interval: 0 },
      axisTick: { show: false },
    })),
    yAxis: panels.map(({ axis }, gridIndex) => ({
      ...valueAxis(axis),
      gridIndex,
    })),
    series: panels.flatMap(({ groups }, index) =>
      shown
        // A bar without a value would leave a gap in every group.
        .filter((peer) => groups.some(({ values }) => values[peer] !== undefined))
        .map((peer) => ({
          type: 'bar' as const,
          name: labels[peer],
          xAxisIndex: index,
          yAxisIndex: index,
          data: groups.map(({ values }) => values[peer] ?? '-'),
          itemStyle: { color: colours[peer] },
          label: {
            show: true,
            position: 'top' as const,
            color: text,
            fontSize: 10,
            formatter: ({ value }: { value?: unknown }) =>
              typeof value === 'number' ? number(value) : '',
          },
          silent: true,
        })),
    ),
  };
}

function line(samples: Million['samples']): EChartsOption {
  return {
    ...frame('million'),
    grid: { left: 75, right: 40, top: 85, bottom: 60 },
    xAxis: {
      type: 'value',
      name: 'seconds since the load began',
      nameLocation: 'middle',
      nameGap: 32,
      nameTextStyle: { color: text },
      axisLabel: { color: text },
      splitLine: { show: false },
    },
    yAxis: valueAxis('resident size, MB'),
    series: {
      type: 'line',
      data: samples.map(({ seconds, resident }) => [seconds, resident]),
      showSymbol: false,
      lineStyle: { color: colours.ours, width: 2 },
      silent: true,
    },
  };
}

/** Sets a background, because the page may be a dark one. */
function frame(name: ChartName): EChartsOption {
  return {
    animation: false,
    backgroundColor: '#ffffff',
    title: { text: chartTitles[name], left: 20, top: 10, textStyle: { color: text, fontSize: 15 } },
  };
}

function valueAxis(name: string) {
  return {
    type: 'value' as const,
    name,
    min: 0,
    nameTextStyle: { color: text, align: 'left' as const, padding: [0, 0, 0, -50] },
    axisLabel: { color: text, formatter: (value: number) => value.toLocaleString('en') },
    splitLine: { lineStyle: { color: '#e3e6ea' } },
  };
}

/** Formats a number as short as a narrow bar needs. */
function number(value: number): string {
  if (value < 10) return value.toFixed(2);
  const digits = { maximumSignificantDigits: 3 };
  if (value >= 10_000) return `${(value / 1000).toLocaleString('en', digits)}k`;
  return value.toLocaleString('en', digits);
}

function draw(option: EChartsOption): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption(option);
    // Removes what serves scripts and pointers, and a counter of the process from the names: it depends
    // on the charts drawn before.
    const svg = chart
      .renderToSVGString()
      .replace(/<style[\s\S]*<\/style>/, '')
      .replaceAll(/ (class|ecmeta_\w+)="[^"]*"/g, '')
      .replaceAll(/\bzr\d+-/g, '');
    return `${svg.replaceAll(/\n\n+/g, '\n').trim()}\n`;
  } finally {
    chart.dispose();
  }
}
