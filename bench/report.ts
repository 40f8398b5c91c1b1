import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { drawCharts } from './charts.ts';
import { overview } from './overview.ts';
import type { Performance } from './performance.ts';
import { tables } from './tables.ts';

/** Each generated part of the page is between its own begin mark and the next end mark. */
const begin = (part: string) => `<!-- bench: ${part} -->`;
const end = '<!-- /bench -->';

const emptyPage = `# Performance

${begin('overview')}
${end}

${begin('details')}
${end}
`;

/**
 * Writes performance.json, the generated parts of performance.md and all charts.
 *
 * @returns the written paths, for people
 * @throws Error when the page does not have the marks
 */
export async function report(performance: Performance, folder: string): Promise<string[]> {
  const page = join(folder, 'performance.md');
  const known = await readFile(page, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return emptyPage;
    throw error;
  });
  // This can fail, so it comes before the first write.
  const text = withGenerated(known, {
    overview: overview(performance),
    details: tables(performance),
  });
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

/**
 * Replaces the generated parts of a page, by their names.
 *
 * @throws Error when the page does not have the marks of a part
 */
export function withGenerated(page: string, parts: Readonly<Record<string, string>>): string {
  return Object.entries(parts).reduce((text, [name, part]) => {
    const from = text.indexOf(begin(name));
    const to = text.indexOf(end, from);
    if (from < 0 || to < 0)
      throw new Error(`docs/performance.md needs the lines ${begin(name)} and ${end}`);
    return `${text.slice(0, from)}${begin(name)}\n\n${part.trim()}\n\n${text.slice(to)}`;
  }, page);
}
