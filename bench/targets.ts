import type { Growth, GrowthPart } from './growth.ts';
import { heads, type PeerName } from './peers.ts';
import { medianOf, type Results, ratio } from './results.ts';
import type { Metric } from './sample.ts';
import { findWorkload, keyOf, titleOf, workloads } from './workloads.ts';

/** What is judged. */
export interface Measured {
  results: Results;
  growth?: Growth;
}

type Unit = '×' | 'ms' | 'MB';

/** A value that this component has to reach, in one run. */
export interface Target {
  title: string;
  /** The peer that it is compared with; absent for a value of its own. */
  beside?: string;
  bound: 'at least' | 'at most';
  value: number;
  unit: Unit;
  /** Runs that the value is taken from. */
  runs: readonly { key: string; peer: PeerName }[];
  growth?: GrowthPart;
  /** Returns undefined where something was not measured. */
  measure(measured: Measured): number | undefined;
}

/** A peer, and the setting with which it is compared where it has another one than this component. */
interface Other {
  peer: PeerName;
  key?: string;
  name?: string;
}

/** The rate, or the p99, is at least so many times better than that of a peer. */
function times(key: string, other: Other, value: number): Target {
  const workload = findWorkload(key);
  const theirs = findWorkload(other.key ?? key);
  return {
    title: titleOf(workload) + (workload.judged === 'p99' ? ', p99' : ''),
    beside: other.name ?? heads[other.peer],
    bound: 'at least',
    value,
    unit: '×',
    runs: [
      { key, peer: 'ours' },
      { key: keyOf(theirs), peer: other.peer },
    ],
    measure: ({ results }) => ratio(results, workload, other.peer, { theirs }),
  };
}

/** The component's CPU time for a message is at most so many times that of a peer. */
function cpu(key: string, peer: PeerName, value: number): Target {
  const workload = findWorkload(key);
  const metric: Metric = 'componentCpu';
  return {
    title: `${titleOf(workload)}, CPU time of the component`,
    beside: heads[peer],
    bound: 'at most',
    value,
    unit: '×',
    runs: [
      { key, peer: 'ours' },
      { key, peer },
    ],
    measure: ({ results }) => {
      const better = ratio(results, workload, peer, { metric });
      return better === undefined ? undefined : 1 / better;
    },
  };
}

function grown(
  title: string,
  growth: GrowthPart,
  value: number,
  unit: Unit,
  pick: (growth: Growth) => number | undefined,
): Target {
  return {
    title,
    bound: 'at most',
    value,
    unit,
    runs: [],
    growth,
    measure: (measured) => pick(measured.growth ?? {}),
  };
}

/** Returns the largest resident size of this component at any workload with messages of the usual size. */
export function residentUnderLoad({ results }: Measured): number | undefined {
  const sizes = workloads
    .filter(({ size }) => size === 256)
    .flatMap((workload) => medianOf(results[keyOf(workload)]?.ours, 'resident') ?? []);
  return sizes.length > 0 ? Math.max(...sizes) : undefined;
}

const go: Other = { peer: 'go' };
const builtIn: Other = { peer: 'built-in' };
/** The built-in component with its default, which is `single`. */
const asItComes: Other = {
  peer: 'built-in',
  key: 'daprd/subscribe-single',
  name: 'built-in as it comes (`single`)',
};
/** The same with `concurrency: parallel`, with which it acknowledges on receipt. */
const parallel: Other = {
  peer: 'built-in',
  key: 'daprd/subscribe-parallel',
  name: 'built-in, `parallel`',
};

export const targets: readonly Target[] = [
  times('daprd/publish-1', go, 1.15),
  times('daprd/publish-32', go, 1.5),
  times('daprd/publish-32', builtIn, 0.9),
  times('daprd/bulk', builtIn, 1.4),
  times('daprd/subscribe-parallel', asItComes, 3.5),
  times('daprd/subscribe-parallel', parallel, 0.95),
  times('daprd/subscribe-single', asItComes, 0.7),
  times('daprd/subscribe-serial', builtIn, 0.9),
  times('daprd/latency', go, 1.0),
  times('socket/publish-1', go, 1.1),
  times('socket/publish-32', go, 1.7),
  times('socket/publish-256', go, 1.9),
  times('socket/subscribe', go, 8),
  cpu('socket/publish-32', 'go', 0.5),
  grown('start to the first answer', 'start', 150, 'ms', ({ start }) => start?.ours?.median),
  grown('start, with Init', 'start', 180, 'ms', ({ start }) => start?.ours?.initialised),
  grown('resident, idle', 'start', 75, 'MB', ({ start }) => start?.ours?.resident),
  {
    title: 'resident, largest under load',
    bound: 'at most',
    value: 120,
    unit: 'MB',
    runs: [],
    measure: residentUnderLoad,
  },
  grown(
    'resident, largest with a million messages',
    'million',
    120,
    'MB',
    ({ million }) => million && Math.round(million.most),
  ),
];

export interface Verdict {
  title: string;
  /** Empty for a value of its own. */
  beside: string;
  /** Such as `at least 1.15 ×`. */
  target: string;
  /** Undefined where something was not measured. */
  measured: string | undefined;
  reached: boolean;
}

export function judge(measured: Measured): Verdict[] {
  return targets.map(({ title, beside = '', bound, value, unit, measure }) => {
    const found = measure(measured);
    const reached = found !== undefined && (bound === 'at least' ? found >= value : found <= value);
    return {
      title,
      beside,
      target: `${bound} ${show(value, unit)}`,
      measured: found === undefined ? undefined : show(found, unit),
      reached,
    };
  });
}

function show(value: number, unit: Unit): string {
  return `${unit === '×' ? value.toFixed(2) : Math.round(value)} ${unit}`;
}

/** Returns the peers that the targets of a workload need; empty where it has no target. */
export function peersWithTargets(key: string): PeerName[] {
  const found = targets.flatMap(({ runs }) => runs.filter((run) => run.key === key));
  return [...new Set(found.map(({ peer }) => peer))];
}

export const growthWithTargets: readonly GrowthPart[] = [
  ...new Set(targets.flatMap(({ growth }) => growth ?? [])),
];
