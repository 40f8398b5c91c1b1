import { median } from './median.ts';
import type { PeerName } from './peers.ts';
import type { Metric, Sample } from './sample.ts';
import { keyOf, type Workload } from './workloads.ts';

/** By `via/name` of the workload, then by peer: one sample for each round, null for a run that failed. */
export type Results = Record<string, Partial<Record<PeerName, (Sample | null)[]>>>;

/** Returns undefined where nothing was measured. */
export function medianOf(
  samples: (Sample | null)[] | undefined,
  metric: Metric,
): number | undefined {
  const values = (samples ?? []).flatMap((sample) => sample?.[metric] ?? []);
  return values.length > 0 ? median(values) : undefined;
}

export interface RatioOptions {
  /** Default: the metric by which the workload is judged. */
  metric?: Metric;
  /** Workload of the other peer. Default: the same. */
  theirs?: Workload;
}

/**
 * Returns how many times better this component is than a peer: more of the rate is better, less of
 * everything else. It is the median of the rounds' ratios, because a disturbance of a round affects both.
 */
export function ratio(
  results: Results,
  workload: Workload,
  against: PeerName,
  { metric = workload.judged, theirs = workload }: RatioOptions = {},
): number | undefined {
  const ours = results[keyOf(workload)]?.ours ?? [];
  const others = results[keyOf(theirs)]?.[against] ?? [];
  const ratios = ours.flatMap((sample, round) => {
    const mine = sample?.[metric];
    const other = others[round]?.[metric];
    if (mine === undefined || other === undefined) return [];
    return metric === 'rate' ? mine / other : other / mine;
  });
  return ratios.length > 0 ? median(ratios) : undefined;
}
