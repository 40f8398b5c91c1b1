import type { LoadResult } from './load.ts';
import { peakResident, stealBetween } from './process-usage.ts';
import type { Stand, Usage } from './stand.ts';

/** Result of one run of a workload. Times in microseconds, CPU time in seconds for 100,000 messages. */
export interface Sample {
  rate: number;
  p50?: number;
  p99?: number;
  p999?: number;
  componentCpu: number;
  daprdCpu: number;
  /** Share of the machine's CPU time that the hypervisor gave to other machines, from 0 to 1. */
  steal?: number;
  /** Deliveries of messages that had arrived before; undefined where nothing is received. */
  duplicates?: number;
  /** Largest resident size of the peer's process. Unit: MB. */
  resident?: number;
  /** Read calls and write calls of the peer's process for each message. */
  reads?: number;
  writes?: number;
}

export type Metric = keyof Sample;

/**
 * Returns the sample of a run that has just ended.
 *
 * @param handled number of messages that caused the usage since `before`
 * @throws Error when a message failed or did not arrive
 */
export async function takeSample(
  result: LoadResult,
  stand: Stand,
  before: Usage,
  handled = result.total,
): Promise<Sample> {
  const { rate, p50, p99, p999, total, failed, lost, duplicates, error } = result;
  if (failed) throw new Error(`${failed} of ${total} failed: ${error}`);
  if (lost) throw new Error(`${lost} of ${total} did not arrive`);
  const after = await stand.usage();
  const per = (seconds: number) => (seconds * 100_000) / handled;
  const resident = stand.pid === undefined ? undefined : await peakResident(stand.pid);
  return {
    rate,
    ...(p50 === undefined ? {} : { p50 }),
    ...(p99 === undefined ? {} : { p99 }),
    ...(p999 === undefined ? {} : { p999 }),
    componentCpu: per(after.component - before.component),
    daprdCpu: per(after.daprd - before.daprd),
    steal: thousandths(stealBetween(before.machine, after.machine)),
    ...(duplicates === undefined ? {} : { duplicates }),
    ...(resident === undefined ? {} : { resident }),
    ...(before.io && after.io
      ? {
          reads: thousandths((after.io.reads - before.io.reads) / handled),
          writes: thousandths((after.io.writes - before.io.writes) / handled),
        }
      : {}),
  };
}

function thousandths(value: number): number {
  return Math.round(value * 1000) / 1000;
}
