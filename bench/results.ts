import type { PeerName } from './peers.ts';
import { type Sample, type Via, type Workload, workloads } from './workloads.ts';

/** By `via/name` of the workload, then by peer: one sample a round, null for a run that failed. */
export type Results = Record<string, Partial<Record<PeerName, (Sample | null)[]>>>;

export type Metric = keyof Sample;

/** What this component is to reach beside a peer, in one run. */
export interface Target {
  via: Via;
  workload: string;
  against: PeerName;
  /** Of the rates, ours over theirs; of the p99, theirs over ours. */
  atLeast: number;
  /** What to go for beyond that. */
  beyond?: number;
}

export const targets: readonly Target[] = [
  { via: 'daprd', workload: 'publish-1', against: 'go', atLeast: 1.15, beyond: 1.25 },
  { via: 'daprd', workload: 'publish-32', against: 'go', atLeast: 1.0, beyond: 1.1 },
  { via: 'daprd', workload: 'bulk', against: 'built-in', atLeast: 1.4, beyond: 1.6 },
  { via: 'daprd', workload: 'subscribe', against: 'built-in', atLeast: 1.4, beyond: 1.5 },
  { via: 'daprd', workload: 'latency', against: 'go', atLeast: 1.0 },
];

export const keyOf = ({ via, name }: Pick<Workload, 'via' | 'name'>) => `${via}/${name}`;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Undefined where nothing was measured. */
export function medianOf(
  samples: (Sample | null)[] | undefined,
  metric: Metric,
): number | undefined {
  const values = (samples ?? []).flatMap((sample) => sample?.[metric] ?? []);
  return values.length > 0 ? median(values) : undefined;
}

/**
 * How many times better this component is than a peer: the median of the rounds' ratios, since what
 * disturbs one round disturbs both. Of the rate more is better, of everything else less.
 */
export function ratio(
  results: Results,
  workload: Pick<Workload, 'via' | 'name' | 'judged'>,
  against: PeerName,
  metric: Metric = workload.judged,
): number | undefined {
  const { ours = [], [against]: theirs = [] } = results[keyOf(workload)] ?? {};
  const ratios = ours.flatMap((sample, round) => {
    const mine = sample?.[metric];
    const other = theirs[round]?.[metric];
    if (mine === undefined || other === undefined) return [];
    return metric === 'rate' ? mine / other : other / mine;
  });
  return ratios.length > 0 ? median(ratios) : undefined;
}

export interface Verdict extends Target {
  title: string;
  ratio: number | undefined;
  reached: boolean;
}

export function judge(results: Results): Verdict[] {
  return targets.map((target) => {
    const workload = workloads.find(
      ({ via, name }) => via === target.via && name === target.workload,
    );
    if (!workload) throw new Error(`no workload ${target.workload}`);
    const found = ratio(results, workload, target.against);
    const reached = found !== undefined && found >= target.atLeast;
    return { ...target, title: workload.title, ratio: found, reached };
  });
}
