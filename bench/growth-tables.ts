import { showCharts } from './chart-names.ts';
import type { Growth, Million, Subscriptions } from './growth.ts';
import { figures, table, whole } from './markdown.ts';
import { heads, separatePeers } from './peers.ts';

/** Returns the lines of a section for each part that was measured. */
export function growthSections({ start, million, subscriptions = [] }: Growth): string[] {
  return [
    ...(start ? startSection(start) : []),
    ...(million ? millionSection(million) : []),
    ...(subscriptions.length > 0 ? subscriptionsSection(subscriptions) : []),
  ];
}

function startSection(start: NonNullable<Growth['start']>): string[] {
  const rows = separatePeers.flatMap((name) => {
    const found = start[name];
    if (!found) return [];
    const { first, median, initialised, resident } = found;
    const times = [first, median, initialised].map((time) =>
      time === undefined ? '–' : `${whole(time)} ms`,
    );
    return [[heads[name], ...times, `${whole(resident)} MB`]];
  });
  return [
    '## Start',
    '',
    'Time from spawning the process to its first answer over gRPC, which daprd waits for, and to its answer of',
    'Init, which daprd calls next. The first start has no compile cache; the further starts, of which these are',
    'medians, use the cache of the first. The resident size is taken one second later.',
    '',
    ...table(['', 'first', 'further', 'further, with Init', 'resident, idle'], rows),
  ];
}

function millionSection({ messages, rate, early, firstThird, lastThird, most }: Million): string[] {
  const sizes = [early, firstThird, lastThird, most].map((size) => `${whole(size)} MB`);
  return [
    '## A long stream',
    '',
    `${whole(messages)} messages in a stream, one subscription at the socket, each message acknowledged at once:`,
    `${figures(rate)} messages a second. Resident size during the run:`,
    '',
    ...table(['after 5 % of the time', 'first third (median)', 'last third', 'largest'], [sizes]),
    ...showCharts('million'),
  ];
}

function subscriptionsSection(subscriptions: readonly Subscriptions[]): string[] {
  const rows = subscriptions.map(({ topics, before, after, each, rate, cpu }) => [
    whole(topics),
    `${whole(before)} MB`,
    `${whole(after)} MB`,
    `${whole(each)} KB`,
    figures(rate),
    figures(cpu),
  ]);
  const columns = ['before Init', 'subscribed', 'for each', 'messages/s', 'CPU s per 100,000'];
  return [
    '## Many subscriptions',
    '',
    'Subscriptions on one connection, each with its own topic and durable consumer. The messages are stored',
    'while they are delivered, for each topic in turn. Memory is the resident size. With few subscriptions, most',
    'of what each adds is the cost of Init.',
    '',
    ...table(['subscriptions', ...columns], rows),
  ];
}
