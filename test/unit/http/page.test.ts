import { expect, test } from 'vitest';
import { ProcessCounts } from '../../../src/component/counters.ts';
import type { SubscriptionStatus } from '../../../src/component/instance.ts';
import type { ComponentStatus } from '../../../src/component/sessions.ts';
import { History } from '../../../src/http/history.ts';
import { renderPage } from '../../../src/http/page.ts';
import { ComponentCounts, SubscriptionCounts } from '../../../src/jetstream/counts.ts';

function subscription(topic: string, state: SubscriptionStatus['state']): SubscriptionStatus {
  const unknown = { problem: undefined, stream: undefined, consumer: undefined, type: undefined };
  const counts = new SubscriptionCounts();
  return {
    topic,
    state,
    ...unknown,
    inFlight: 0,
    deadLettersPending: 0,
    counts,
    backlog: undefined,
  };
}

function component(
  name: string,
  connected: boolean,
  subscriptions: SubscriptionStatus[] = [],
): ComponentStatus {
  const connection = { connected, server: '127.0.0.1:4222', disconnectedFor: 0 };
  const counts = new ComponentCounts();
  const instance = { connection, counts, pendingPublishes: 0, subscriptions };
  return { labels: { component: name, app: 'app' }, instance, refused: undefined };
}

/** The names of the Components and of the topics that a page shows, and what it says at its end. */
function shown(components: ComponentStatus[]) {
  const status = { state: 'serving' as const, components, counts: new ProcessCounts() };
  const history = new History(() => status);
  const page = renderPage({ status, history, version: '0.0.0', uptime: 0 });
  return {
    page,
    components: [...page.matchAll(/<h2>(\S+) /g)].map(([, name]) => name),
    topics: [...page.matchAll(/data-label="Topic"[^>]*><span>([^<]+)/g)].map(([, name]) => name),
    left: [...page.matchAll(/([\d,]+ more \w+): see .metrics/g)].map(([, text]) => text),
  };
}

const many = <Item>(count: number, item: (index: number) => Item) =>
  Array.from({ length: count }, (_, index) => item(index));

test('of many Components 200 are shown, what does not work first', () => {
  const { page, components, left } = shown([
    ...many(300, (index) => component(`well-${index}`, true)),
    component('binds', true, [subscription('orders', 'binding')]),
    component('disconnected', false),
    { labels: { component: 'refused', app: 'app' }, instance: undefined, refused: 'no' },
  ]);
  expect(components).toEqual([
    'disconnected',
    'refused',
    'binds',
    ...many(197, (index) => `well-${index}`),
  ]);
  expect(left).toEqual(['103 more Components']);
  expect(page).toContain('303 Components');
});

test('of many subscriptions 200 are shown, those that do not deliver first', () => {
  const { page, topics, left } = shown([
    component('pubsub', true, [
      ...many(200, (index) => subscription(`well-${index}`, 'delivering')),
      subscription('paused', 'paused'),
      subscription('binding', 'binding'),
    ]),
    component('other', true, [subscription('delivers', 'delivering')]),
    component('publisher', true),
  ]);
  expect(topics).toEqual(['binding', 'paused', ...many(198, (index) => `well-${index}`)]);
  expect(left).toEqual(['3 more subscriptions']);
  expect(page.match(/Subscriptions left out\./g)).toHaveLength(1);
  expect(page.match(/No subscriptions\./g)).toHaveLength(1);
});

test('a Component left out takes no place for its subscriptions', () => {
  const of = (name: string, connected: boolean) => (index: number) =>
    component(`${name}-${index}`, connected, [subscription(`of-${name}`, 'delivering')]);
  const shownOnly = many(200, of('lost', false));
  const all = shown([...many(200, of('well', true)), ...shownOnly]);
  expect(all.topics).toEqual(many(200, () => 'of-lost'));
  expect(all.left).toEqual(['200 more Components', '200 more subscriptions']);
  expect(shown(shownOnly).left).toEqual([]);
});
