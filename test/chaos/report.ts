import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { judge, never, type Outcome } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import type { Peer } from './world.ts';

const folder = join(import.meta.dirname, '../../docs');
const dataFile = join(folder, 'reliability.json');
const textFile = join(folder, 'reliability.md');

/** What docs/reliability.md is made of. */
export interface Reliability {
  chaos?: { date: string; machine: string; results: Results };
  soak?: Soak;
}

/** By name of the scenario. */
export type Results = Record<string, Partial<Record<Peer, Outcome>>>;

export interface Soak {
  date: string;
  machine: string;
  minutes: number;
  /** Unit: messages a second. */
  rate: number;
  outcome: Outcome;
  /** Of the two components, after the first minute. */
  resident: Record<'subscriber' | 'publisher', ResidentSize>;
}

/** Unit: MB. */
export interface ResidentSize {
  least: number;
  most: number;
  /** Median of the first third, and of the last. */
  early: number;
  late: number;
}

/** Puts new results in the place of old ones, and writes the page anew. */
export async function report(news: Reliability): Promise<void> {
  const known = JSON.parse(await readFile(dataFile, 'utf8').catch(() => '{}')) as Reliability;
  const all = { ...known, ...news };
  await writeFile(dataFile, `${JSON.stringify(all, undefined, 2)}\n`);
  await writeFile(textFile, page(all));
}

/** One result, for a terminal. */
export function describe(outcome: Outcome): string {
  const { sent, received, lost, duplicates, recovery, seen, notPlayed } = outcome;
  if (notPlayed) return `could not be played: ${notPlayed}`;
  const counts = [
    `${number(sent)} sent`,
    `${number(received)} received`,
    `${number(lost)} lost`,
    `${number(duplicates)} duplicates`,
  ];
  if (recovery !== undefined) counts.push(`recovery ${time(recovery)}`);
  if (seen) counts.push(seen);
  return counts.join(', ');
}

export function page({ chaos, soak }: Reliability): string {
  return [
    '# Reliability',
    '',
    'What becomes of messages when something breaks: this component and the `pubsub.jetstream` that is',
    'built into daprd, in the same run. One app publishes 100 messages a second through its daprd, each',
    'with a number of its own; another receives them through its own; something is broken meanwhile.',
    'Written by `npm run test:chaos` and `npm run test:soak`; do not edit.',
    '',
    ...(chaos ? chaosSection(chaos) : []),
    ...(soak ? soakSection(soak) : []),
  ].join('\n');
}

function chaosSection({ date, machine, results }: NonNullable<Reliability['chaos']>): string[] {
  const lines = [
    '## Broken on purpose',
    '',
    `${date}; ${machine}.`,
    '',
    '- **sent**: publishes that daprd confirmed. **refused**: publishes that failed, as their caller was',
    '  told. **lost**: confirmed, and never received. **duplicates**: received again.',
    '- **recovery**: from the moment named to the first arrival of a message sent after it. **never**: not',
    `  within ${never / 1000} s.`,
    '',
    '| | this component |||||| built-in ||||||',
    '|---|---|---|---|---|---|---|---|---|---|---|---|---|',
    `| | ${[...columns, ...columns].join(' | ')} |`,
  ];
  for (const { name, title, since, notForBuiltIn } of scenarios) {
    const { ours, 'built-in': builtIn } = results[name] ?? {};
    const from = since ? ` (recovery since ${since})` : '';
    const other = notForBuiltIn ? ['–', '–', '–', '–', '–', '–'] : cells(builtIn);
    lines.push(`| ${title}${from} | ${[...cells(ours), ...other].join(' | ')} |`);
  }
  lines.push('');
  const seen = scenarios.flatMap(({ name, title }) =>
    (['ours', 'built-in'] as const).flatMap((peer) => {
      const what = results[name]?.[peer]?.seen;
      const who = peer === 'ours' ? 'this component' : 'built-in';
      return what ? [`- ${title}: ${who}: ${what}`] : [];
    }),
  );
  if (seen.length > 0) lines.push('Also seen:', '', ...seen, '');
  const broken = scenarios.flatMap((scenario) => {
    const outcome = results[scenario.name]?.ours;
    const what = outcome ? judge(scenario, outcome) : ['not run'];
    return what.length > 0 ? [`- ${scenario.title}: ${what.join('; ')}`] : [];
  });
  if (broken.length > 0) lines.push('**Not as promised by this component:**', '', ...broken, '');
  return lines;
}

const columns = ['sent', 'refused', 'received', 'lost', 'duplicates', 'recovery'];

function cells(outcome: Outcome | undefined): string[] {
  if (!outcome) return columns.map(() => '');
  const { sent, refused, received, lost, duplicates, recovery, notPlayed } = outcome;
  if (notPlayed) return columns.map(() => 'not played');
  return [
    number(sent),
    number(refused),
    number(received),
    lost > 0 ? `**${number(lost)}**` : '0',
    number(duplicates),
    recovery === undefined ? '' : time(recovery),
  ];
}

function soakSection({ date, machine, minutes, rate, outcome, resident }: Soak): string[] {
  const sizes = Object.entries(resident).map(
    ([which, { least, most, early, late }]) =>
      `| ${which} | ${early} MB | ${late} MB | ${least} MB | ${most} MB |`,
  );
  return [
    '## Soak',
    '',
    `${date}; ${machine}.`,
    '',
    `${minutes} minutes at ${number(rate)} messages a second: ${describe(outcome)}.`,
    '',
    '| resident size of the component beside the | first third (median) | last third | least | most |',
    '|---|---|---|---|---|',
    ...sizes,
    '',
  ];
}

function time(recovery: number | 'never'): string {
  return recovery === 'never' ? '**never**' : `${(Math.max(recovery, 10) / 1000).toFixed(2)} s`;
}

function number(value: number): string {
  return value.toLocaleString('en');
}
