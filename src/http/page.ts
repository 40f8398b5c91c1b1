import { createHash } from 'node:crypto';
import type { SubscriptionStatus } from '../component/instance.ts';
import type { ComponentStatus } from '../component/sessions.ts';
import type { ServerStatus } from '../dapr/server.ts';
import { Durations } from '../jetstream/counts.ts';
import { chart, rate } from './chart.ts';
import { escapeHtml } from './escape.ts';
import type { History } from './history.ts';
import { live } from './live.ts';
import { style } from './style.ts';

export interface PageOptions {
  status: ServerStatus;
  history: History;
  version: string;
  /** Unit: milliseconds. */
  uptime: number;
}

/** Components shown, and subscriptions of these: so many of each, what does not work first. */
const mostShown = 200;

/** Nothing is loaded from anywhere, and nothing runs but what is in the page. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src '${hash(style)}'`,
  `script-src '${hash(live)}'`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The status page: complete as it is, and kept up to date where scripts run. */
export function renderPage(options: PageOptions): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>dapr-nats-jetstream</title>
<link rel="icon" href="data:,">
<noscript><meta http-equiv="refresh" content="10"></noscript>
<style>${style}</style>
</head>
<body>
<header><h1>dapr-nats-jetstream</h1><span class="quiet">${escapeHtml(options.version)}</span>
<span id="stale" role="status"></span></header>
<main>${renderStatus(options)}</main>
<script type="module">${live}</script>
</body>
</html>
`;
}

function renderStatus({ status, history, uptime }: PageOptions): string {
  const { state, components } = status;
  const states = {
    serving: ['good', 'serving'],
    orphaned: ['bad', 'orphaned: this process was restarted and daprd was not; restart daprd'],
    stopping: ['busy', 'starting or stopping'],
  } as const;
  const [kind, text] = states[state];
  const open = subscriptionsOf(components);
  const blocks = components.toSorted(by(urgency)).slice(0, mostShown);
  const rows = new Set(subscriptionsOf(blocks).toSorted(by(rank)).slice(0, mostShown));
  const left = [
    [components.length - blocks.length, 'more Component'],
    [open.length - rows.size, 'more subscription'],
  ] as const;
  return [
    `<p><span class="state ${kind}">${text}</span> <span class="quiet">for ${span(uptime)}, `,
    `${many(components.length, 'Component')}, ${many(open.length, 'subscription')}</span></p>`,
    components.length === 0
      ? '<section><p>No daprd has initialised a Component yet.</p></section>'
      : '',
    ...blocks.map((component) => renderComponent(component, history, rows)),
    ...left.map(([count, what]) =>
      count > 0 ? `<p class="quiet">${many(count, what)}: see /metrics</p>` : '',
    ),
  ].join('\n');
}

function renderComponent(
  { labels: { component, app }, instance, refused }: ComponentStatus,
  history: History,
  shown: Set<SubscriptionStatus>,
): string {
  const title = `<h2>${escapeHtml(component)} <span class="quiet">of ${escapeHtml(app || 'an unnamed app')}</span></h2>`;
  if (!instance) {
    const why = refused ? `Init was refused: ${refused}` : 'is being initialised';
    return `<section>${title}<p class="${refused ? 'bad' : 'busy'}">${escapeHtml(why)}</p></section>`;
  }
  const { connection, counts, pendingPublishes } = instance;
  const { publishes, reconnects } = counts;
  const nats = connection.connected
    ? `<span class="state good">connected</span> to ${escapeHtml(connection.server)}`
    : `<span class="state bad">not connected</span> for ${span(connection.disconnectedFor)}, reconnecting`;
  const { confirmed } = publishes;
  const facts: [string, string][] = [
    ['NATS', `${nats}, ${many(reconnects, 'reconnect')}`],
    ['Published', pace(history.rates(counts), 'publishes a second')],
    ['Confirmed', number(confirmed.count)],
    ['of them within', `${quantile(confirmed, 0.5)} (half), ${quantile(confirmed, 0.99)} (99 %)`],
    ['Waiting', number(pendingPublishes)],
    ['Duplicates', number(publishes.duplicates)],
    ['Sent again', number(publishes.repeats)],
  ];
  const list = facts.map(([term, what]) => `<div><dt>${term}</dt><dd>${what}</dd></div>`);
  const rows = instance.subscriptions
    .filter((subscription) => shown.has(subscription))
    .toSorted(by(rank))
    // What is true of all of them is said of each: a row may be all that somebody looks at.
    .map((one) => (connection.connected ? one : { ...one, problem: 'not connected to NATS' }))
    .map((subscription) => renderRow(subscription, history));
  const none = instance.subscriptions.length > 0 ? 'Subscriptions left out.' : 'No subscriptions.';
  const table = rows.length > 0 ? renderTable(rows) : `<p class="quiet">${none}</p>`;
  return `<section>${title}<dl>${list.join('')}</dl>${table}</section>`;
}

interface Column {
  title: string;
  kind?: 'name' | 'number';
  /** As HTML. */
  cell(subscription: SubscriptionStatus, history: History): string;
}

const columns: readonly Column[] = [
  { title: 'Topic', kind: 'name', cell: ({ topic }) => escapeHtml(topic) },
  { title: 'State', cell: renderState },
  {
    title: 'Stream and consumer',
    kind: 'name',
    cell: ({ stream, consumer, type }) =>
      stream && consumer ? escapeHtml(`${stream} / ${consumer} (${type})`) : '',
  },
  { title: 'Pending', kind: 'number', cell: ({ backlog }) => number(backlog?.pending) },
  { title: 'Not settled', kind: 'number', cell: ({ backlog }) => number(backlog?.ackPending) },
  { title: 'In flight', kind: 'number', cell: ({ inFlight }) => number(inFlight) },
  {
    title: 'Delivered',
    cell: ({ topic, counts }, history) =>
      pace(history.rates(counts), `deliveries of ${topic} a second`),
  },
  { title: 'Redelivered', kind: 'number', cell: ({ counts }) => number(counts.redeliveries) },
  { title: 'Refused', kind: 'number', cell: ({ counts }) => number(counts.naks.refused) },
  {
    title: 'Dead',
    kind: 'number',
    cell: ({ counts }) => number(sum(counts.deadLetters) + sum(counts.terms)),
  },
];

function renderTable(rows: string[]): string {
  const heads = columns.map((column) => `<th scope="col"${classOf(column)}>${column.title}</th>`);
  return `<table><thead><tr>${heads.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function renderRow(subscription: SubscriptionStatus, history: History): string {
  const row = columns.map((column) => {
    const cell = column.cell(subscription, history);
    return `<td data-label="${column.title}"${classOf(column)}><span>${cell}</span></td>`;
  });
  return `<tr>${row.join('')}</tr>`;
}

function renderState({ state, problem }: SubscriptionStatus): string {
  const kinds = { delivering: problem ? 'bad' : 'good', standby: 'busy', paused: 'busy' };
  const kind = kinds[state as keyof typeof kinds] ?? 'bad';
  const why = problem ? `<br>${escapeHtml(problem)}` : '';
  return `<span class="state ${kind}">${state}</span>${why}`;
}

/** A rate as it is now, and how it was. */
function pace(rates: readonly number[], what: string): string {
  return `${rate(rates.at(-1) ?? 0)}/s ${chart(rates, what)}`;
}

function classOf(column: Column): string {
  return column.kind ? ` class="${column.kind}"` : '';
}

function subscriptionsOf(components: readonly ComponentStatus[]): SubscriptionStatus[] {
  return components.flatMap(({ instance }) => instance?.subscriptions ?? []);
}

/** Those that do not deliver come first. */
function rank({ state }: SubscriptionStatus): number {
  return ['binding', 'paused', 'standby', 'delivering'].indexOf(state);
}

/** Those that are not connected come first, then those with a subscription that does not deliver. */
function urgency({ instance }: ComponentStatus): number {
  if (!instance?.connection.connected) return 0;
  return instance.subscriptions.some(({ state }) => state === 'binding' || state === 'paused')
    ? 1
    : 2;
}

function by<Item>(order: (item: Item) => number): (a: Item, b: Item) => number {
  return (a, b) => order(a) - order(b);
}

/** The bound that this part of all stayed below. */
function quantile(durations: Durations, part: number): string {
  if (durations.count === 0) return '–';
  let left = durations.count * part;
  for (const [index, bound] of Durations.bounds.entries()) {
    left -= durations.counts[index] as number;
    if (left <= 0) return `${bound} ms`;
  }
  return `more than ${Durations.bounds.at(-1)} ms`;
}

function number(value: number | undefined): string {
  return value === undefined ? '–' : value.toLocaleString('en');
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

function many(count: number, what: string): string {
  return `${number(count)} ${what}${count === 1 ? '' : 's'}`;
}

/** A time span in its two largest units. */
function span(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const units: [string, number][] = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ];
  const first = Math.max(
    0,
    units.findIndex(([, size]) => seconds >= size),
  );
  if (seconds === 0) return '0 s';
  let left = seconds;
  const parts = units.slice(first, first + 2).map(([name, size]) => {
    const count = Math.floor(left / size);
    left -= count * size;
    return `${count} ${name}`;
  });
  return parts.join(' ');
}

function hash(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
