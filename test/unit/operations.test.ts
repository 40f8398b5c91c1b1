import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { metrics } from '../../src/http/metrics.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFile(join(root, path), 'utf8');

const known = new Set(
  metrics.flatMap(({ name, type }) =>
    type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name],
  ),
);

/** The names of our metrics in a query, and the labels it selects or groups by. */
function named(query: string): string[] {
  return query.match(/dapr_nats_jetstream_\w+/g) ?? [];
}

interface Alert {
  alert: string;
  expr: string;
  annotations: { summary: string; description: string; runbook_url: string };
}

async function alerts(): Promise<Alert[]> {
  const { groups } = parse(await read('deploy/prometheus/alerts.yaml'));
  return groups.flatMap(({ rules }: { rules: Alert[] }) => rules);
}

test('each alert asks for metrics that there are, and its runbook is there', async () => {
  const operations = await read('docs/operations.md');
  const headings = new Set(
    [...operations.matchAll(/^#+ (.+)$/gm)].map(([, text = '']) =>
      text.toLowerCase().replaceAll(' ', '-'),
    ),
  );
  for (const { alert, expr, annotations } of await alerts()) {
    expect(named(expr), alert).not.toEqual([]);
    for (const name of named(expr)) expect(known, alert).toContain(name);
    const [page, heading] = annotations.runbook_url.split('#');
    expect(page).toMatch(/^https:.*[^/]\/docs\/operations\.md$/);
    expect(headings, alert).toContain(heading);
    expect(operations).toContain(`\`${alert}\``);
  }
});

test('the dashboard asks for metrics that there are, and shows every one', async () => {
  const { panels, templating } = JSON.parse(await read('deploy/grafana/dashboard.json'));
  const queries: string[] = [
    ...panels.flatMap((panel: { targets?: { expr: string }[] }) =>
      (panel.targets ?? []).map(({ expr }) => expr),
    ),
    ...templating.list.map(({ query }: { query: string | { query: string } }) =>
      typeof query === 'string' ? query : query.query,
    ),
  ];
  const shown = new Set(queries.flatMap(named));
  for (const name of shown) expect(known).toContain(name);
  const not = metrics
    .map(({ name, type }) => (type === 'histogram' ? `${name}_bucket` : name))
    .filter((name) => !shown.has(name));
  // It says which consumer a topic has, for queries of one's own.
  expect(not).toEqual(['dapr_nats_jetstream_subscription_info']);
});

test('labels in queries are labels of that metric', async () => {
  const { panels } = JSON.parse(await read('deploy/grafana/dashboard.json'));
  const expressions: string[] = [
    ...(await alerts()).map(({ expr }) => expr),
    ...panels.flatMap((panel: { targets?: { expr: string }[] }) =>
      (panel.targets ?? []).map(({ expr }) => expr),
    ),
  ];
  for (const expression of expressions) {
    for (const [, name = '', selector = ''] of expression.matchAll(
      /(dapr_nats_jetstream_\w+)\{([^}]*)\}/g,
    )) {
      const metric = metrics.find((each) => name.startsWith(each.name));
      for (const [, label = ''] of selector.matchAll(/(\w+)=~?"/g)) {
        // Prometheus itself adds the namespace of a pod.
        expect([...(metric?.labels ?? []), 'namespace'], `${label} in ${expression}`).toContain(
          label,
        );
      }
    }
  }
});

/** The parts of what a call of the log says that are always the same. */
interface Said {
  file: string;
  parts: string[];
}

/** Reads the text of each `log.warn`, `log.error`, `log.fatal` and `log[level]` in the source. */
async function said(): Promise<Said[]> {
  const files = await readdir(join(root, 'src'), { recursive: true });
  const found: Said[] = [];
  for (const file of files.filter((name) => name.endsWith('.ts') && !name.includes('generated'))) {
    const source = await read(`src/${file}`);
    for (const { index } of source.matchAll(/log(\.(warn|error|fatal)|\[[^\]]+\])\(/g)) {
      const call = source.slice(index, source.indexOf(');', index));
      const before = source.slice(Math.max(0, index - 600), index);
      const argument = call
        .replace(/^log[^(]*\(/, '')
        .replace(/^\{.*?\},\s*/s, '')
        .replace(/^(this\.#)?about,\s*/, '');
      const variable = /^(\w+)\)?$/.exec(argument.trim())?.[1];
      const assigned = variable
        ? [...before.matchAll(new RegExp(`const ${variable} =\\s*([\`'"][^;]*);`, 'g'))].at(-1)?.[1]
        : undefined;
      found.push({ file, parts: fixedParts(assigned ?? argument) });
    }
  }
  return found;
}

function fixedParts(code: string): string[] {
  const literals = [...code.matchAll(/`([^`]*)`|'([^']*)'/g)].map(([, a, b]) => a ?? b ?? '');
  const parts = literals.flatMap((text) => text.split(/\$\{[^}]*\}/)).map((part) => part.trim());
  return parts.filter((part) => /[a-z]{4}/i.test(part));
}

test('the runbook has every warning and error that the program logs', async () => {
  const operations = await read('docs/operations.md');
  const table = operations.slice(operations.indexOf('## Runbook'));
  const entries = [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, text = '']) => text);
  expect(entries.length).toBeGreaterThan(20);
  const missing: Said[] = [];
  for (const one of await said()) {
    // Made of nothing but what goes wrong: said elsewhere in the source.
    if (one.parts.length === 0) continue;
    const covered = entries.some((entry) =>
      one.parts.some((part) => part.includes(entry) || entry === part),
    );
    if (!covered) missing.push(one);
  }
  expect(missing).toEqual([]);
});

test('each entry of the runbook is in the program', async () => {
  const operations = await read('docs/operations.md');
  const table = operations.slice(operations.indexOf('## Runbook'));
  const files = await readdir(join(root, 'src'), { recursive: true });
  const sources = await Promise.all(
    files.filter((name) => name.endsWith('.ts')).map((name) => read(`src/${name}`)),
  );
  // A text may be put together over several lines.
  const source = sources.join('\n').replace(/['`] \+\s*['`]/g, '');
  for (const [, entry = ''] of table.matchAll(/^\| `([^`]+)` \|/gm)) {
    expect(source, entry).toContain(entry);
  }
});
