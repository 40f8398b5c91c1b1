import type { Growth } from './growth.ts';
import { peers } from './peers.ts';
import { medianOf, type Results, ratio } from './results.ts';
import type { Sample } from './sample.ts';
import { percent } from './steal.ts';
import { judge, type Measured } from './targets.ts';
import { keyOf, type Workload } from './workloads.ts';

const started = performance.now();

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Returns the time since this process started. */
export function elapsed(): string {
  const seconds = Math.round((performance.now() - started) / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

export function describeSample(sample: Sample): string {
  const { rate, p50, p99, componentCpu, daprdCpu, steal, duplicates, resident } = sample;
  const { reads, writes } = sample;
  const parts = [`${format(rate)}/s`];
  if (p50 !== undefined) parts.push(`p50 ${format(p50)} us`);
  if (p99 !== undefined) parts.push(`p99 ${format(p99)} us`);
  parts.push(`CPU ${componentCpu.toFixed(1)} + ${daprdCpu.toFixed(1)} s/100k`);
  if (steal !== undefined) parts.push(`steal ${percent(steal)}`);
  if (resident !== undefined) parts.push(`${resident} MB`);
  if (reads !== undefined && writes !== undefined)
    parts.push(`${reads.toFixed(1)} reads + ${writes.toFixed(1)} writes a message`);
  if (duplicates) parts.push(`${format(duplicates)} delivered again`);
  return parts.join(', ');
}

/** Returns the results of all peers at one workload, in one line. */
export function summary(results: Results, workload: Workload): string {
  const cells = peers.flatMap((name) => {
    const value = medianOf(results[keyOf(workload)]?.[name], workload.judged);
    if (value === undefined) return [];
    const times = name === 'ours' ? undefined : ratio(results, workload, name);
    return [`${name} ${format(value)}${times ? ` (${times.toFixed(2)} ×)` : ''}`];
  });
  return `${keyOf(workload).padEnd(24)} ${workload.judged.padEnd(5)} ${cells.join(', ')}`;
}

/** Returns one line for each target for which everything was measured. */
export function verdicts(found: Measured): string[] {
  return judge(found).flatMap(({ title, beside, target, measured, reached }) => {
    if (measured === undefined) return [];
    const verdict = reached ? 'reached' : 'NOT REACHED';
    return [`${verdict.padEnd(11)} ${title}: ${measured}${beside && ` ${beside}`}, ${target}`];
  });
}

/** Returns one line for each part of growth that was measured. */
export function describeGrowth({ start = {}, million, subscriptions = [] }: Growth): string[] {
  const lines = Object.entries(start).map(([name, { median, initialised, first, resident }]) => {
    const init = initialised === undefined ? '' : `, ${initialised} ms with Init`;
    const empty = first === undefined ? '' : `, ${first} ms the first time`;
    return `start of ${name}: ${median} ms${init}${empty}, ${resident} MB`;
  });
  if (million) {
    const { messages, rate, firstThird, lastThird, most } = million;
    lines.push(
      `${format(messages)} messages: ${format(rate)}/s, resident ${format(firstThird)} MB in the ` +
        `first third, ${format(lastThird)} MB in the last, ${format(most)} MB at most`,
    );
  }
  for (const { topics, each, rate, cpu } of subscriptions) {
    lines.push(
      `${topics} subscriptions: ${format(each)} KB each, ${format(rate)}/s, ` +
        `CPU ${cpu.toFixed(1)} s/100k`,
    );
  }
  return lines;
}

function format(value: number): string {
  return Math.round(value).toLocaleString('en');
}
