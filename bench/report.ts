import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { drawCharts } from './charts.ts';
import type { Growth } from './growth.ts';
import type { Results } from './results.ts';
import type { Steal } from './steal.ts';
import { tables } from './tables.ts';

const docs = join(import.meta.dirname, '../docs');

/** What docs/performance.md and the charts are made of. */
export interface Performance {
  date: string;
  machine: string;
  rounds: number;
  steal?: Steal;
  results: Results;
  growth?: Growth;
}

const begin = '<!-- bench: generated -->';
const end = '<!-- /bench -->';

const emptyPage = `# Performance

What this component does, beside the \`pubsub.jetstream\` that is built into daprd and others, in one
run. \`npm run bench\` measures it and writes everything between the two marks.

${begin}
${end}
`;

/** @throws Error when nothing has been measured yet, or what has been cannot be read */
export async function readPerformance(folder = docs): Promise<Performance> {
  const file = join(folder, 'performance.json');
  const text = await readFile(file, 'utf8').catch((error) => {
    throw new Error(`${file} cannot be read, \`npm run bench\` writes it`, { cause: error });
  });
  try {
    return checked(JSON.parse(text));
  } catch (error) {
    const remedy = '`git checkout` brings back the last one, `npm run bench` measures anew';
    throw new Error(`${file}: ${(error as Error).message}; ${remedy}`, { cause: error });
  }
}

/** @throws Error that says what is missing, or is no number */
function checked(found: Performance | null): Performance {
  const results = found?.results ?? {};
  if (Object.keys(results).length === 0) throw new Error('has no results');
  for (const [key, peers] of Object.entries(results)) {
    for (const [peer, samples] of Object.entries(peers)) {
      for (const [round, sample] of samples.entries()) {
        const wrong = Object.entries(sample ?? {}).find(([, value]) => !Number.isFinite(value));
        if (wrong) throw new Error(`results.${key}.${peer}[${round}].${wrong[0]} is no number`);
      }
    }
  }
  return found as Performance;
}

/**
 * Writes performance.json, the generated part of performance.md and all charts.
 *
 * @returns what was written, relative to the folder above
 */
export async function report(performance: Performance, folder = docs): Promise<string[]> {
  const page = join(folder, 'performance.md');
  const known = await readFile(page, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return emptyPage;
    throw error;
  });
  // First, since it fails where somebody has removed the marks.
  const text = withGenerated(known, tables(performance));
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, 'performance.json'),
    `${JSON.stringify(performance, undefined, 2)}\n`,
  );
  await writeFile(page, text);
  const charts = join(folder, 'charts');
  await rm(charts, { recursive: true, force: true });
  await mkdir(charts);
  for (const [name, svg] of Object.entries(drawCharts(performance)))
    await writeFile(join(charts, `${name}.svg`), svg);
  return ['docs/performance.json', 'docs/performance.md', 'docs/charts/'];
}

/** @throws Error when the page has no marks to put the part between */
export function withGenerated(page: string, part: string): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from)
    throw new Error(`docs/performance.md needs the lines ${begin} and ${end}`);
  return `${page.slice(0, from)}${begin}\n\n${part.trim()}\n\n${page.slice(to)}`;
}
