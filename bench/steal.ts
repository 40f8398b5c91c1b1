import { median } from './median.ts';
import type { Results } from './results.ts';

/** Shares of the CPU time that the hypervisor gave to other machines, over all samples, from 0 to 1. */
export interface Steal {
  median: number;
  max: number;
}

/** Returns undefined where no sample has it. */
export function stealOf(results: Results): Steal | undefined {
  const shares = Object.values(results)
    .flatMap((byPeer) => Object.values(byPeer).flat())
    .flatMap((sample) => sample?.steal ?? []);
  if (shares.length === 0) return undefined;
  return { median: median(shares), max: Math.max(...shares) };
}

export function describeSteal({ median, max }: Steal): string {
  return (
    `CPU time that the hypervisor gave to other machines during the samples: median ${percent(median)}, ` +
    `at most ${percent(max)}`
  );
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
