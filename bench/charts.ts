import { type EChartsOption, init } from 'echarts';
import { type PeerName, peers } from './peers.ts';
import type { Performance } from './report.ts';
import { keyOf, type Metric, medianOf, type Results } from './results.ts';
import { type Via, type Workload, workloads } from './workloads.ts';

export const chartTitles = {
  publish: 'Publish through daprd',
  bulk: 'Bulk publish and subscribe through daprd',
  latency: 'Latency at 500 messages a second, from when it is due to its arrival',
  socket: 'At the socket, without daprd',
  million: 'Resident size while a long stream is delivered',
} as const;
export type ChartName = keyof typeof chartTitles;

const labels: Readonly<Record<PeerName, string>> = {
  ours: 'this component',
  go: 'built-in, pluggable (Go)',
  'built-in': 'built into daprd',
  bare: 'bare grpc-js (the limit)',
};

/** Told apart by most who are colour-blind, too. */
const colours: Readonly<Record<PeerName, string>> = {
  ours: '#1f5fbf',
  go: '#f2a33a',
  'built-in': '#5aa897',
  bare: '#b9bec6',
};

const width = 900;
const height = 360;
const text = '#24292f';

/** Bars in groups, one bar a peer, on an axis of its own. */
interface Panel {
  groups: { title: string; values: Partial<Record<PeerName, number>> }[];
  /** Name of the axis, with the unit. */
  axis: string;
}

/** By name: SVG that is the same, byte for byte, for the same numbers. */
export function drawCharts({ results, growth }: Performance): Partial<Record<ChartName, string>> {
  const rate = 'messages a second';
  const rates = (via: Via, ...names: string[]): Panel => ({
    axis: rate,
    groups: names.map((name) => group(results, find(via, name), 'rate')),
  });
  const latency = (via: Via): Panel => ({
    axis: `${via === 'daprd' ? 'through daprd' : 'at the socket'}, ms`,
    groups: (['p50', 'p99', 'p999'] as const).map((metric) => {
      const { values } = group(results, find(via, 'latency'), metric);
      return { title: metric === 'p999' ? 'p99.9' : metric, values };
    }),
  });
  const publishes = ['publish-1', 'publish-32', 'publish-256'];
  const million = growth?.million;
  return {
    publish: draw(bars('publish', [rates('daprd', ...publishes)])),
    bulk: draw(bars('bulk', [rates('daprd', 'bulk'), rates('daprd', 'subscribe')])),
    latency: draw(bars('latency', [latency('daprd'), latency('socket')])),
    socket: draw(
      bars('socket', [
        rates('socket', ...publishes),
        rates('socket', 'bulk'),
        rates('socket', 'subscribe'),
      ]),
    ),
    ...(million ? { million: draw(line(million.samples)) } : {}),
  };
}

function find(via: Via, name: string): Workload {
  const found = workloads.find((one) => one.via === via && one.name === name);
  if (!found) throw new Error(`no workload ${via}/${name}`);
  return found;
}

function group(results: Results, workload: Workload, metric: Metric): Panel['groups'][number] {
  const values: Partial<Record<PeerName, number>> = {};
  for (const name of peers) {
    const value = medianOf(results[keyOf(workload)]?.[name], metric);
    if (value !== undefined) values[name] = metric === 'rate' ? value : value / 1000;
  }
  return { title: workload.title.replace(', acknowledged at once', ''), values };
}

function bars(name: ChartName, panels: Panel[]): EChartsOption {
  const shown = peers.filter((peer) =>
    panels.some(({ groups }) => groups.some(({ values }) => values[peer] !== undefined)),
  );
  const gap = 75;
  const groups = panels.reduce((sum, panel) => sum + panel.groups.length, 0);
  // Room for the axis of each panel, and a little at the right.
  const each = (width - gap * panels.length - 20) / groups;
  let left = gap;
  const grid = panels.map((panel) => {
    const place = { left, top: 105, bottom: 40, width: each * panel.groups.length };
    left += place.width + gap;
    return place;
  });
  return {
    ...frame(name),
    // The widths of texts are guesses without a browser: room between them keeps them apart.
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
        // A bar that is nowhere would leave its gap in every group.
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

function line(samples: readonly { seconds: number; resident: number }[]): EChartsOption {
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

/** A background of its own: the page may be a dark one. */
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

/** As little as a narrow bar has room for. */
function number(value: number): string {
  if (value < 10) return value.toFixed(2);
  return value.toLocaleString('en', { maximumSignificantDigits: 3 });
}

function draw(option: EChartsOption): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption(option);
    // What is for a script or a pointer goes, and names lose the number that the process has come to:
    // what was drawn before would show.
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
