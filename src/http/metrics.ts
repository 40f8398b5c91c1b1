import { collectDefaultMetrics, type Gauge, Registry } from 'prom-client';
import type { InstanceStatus, SubscriptionStatus } from '../component/instance.ts';
import type { ServerStatus } from '../dapr/server.ts';
import { type ComponentCounts, Durations, type SubscriptionCounts } from '../jetstream/counts.ts';

/**
 * Labels are what a Component declares, never the subject of a message: as many series as there are
 * Components, apps and topics.
 */
type Label =
  | 'version'
  | 'component'
  | 'app'
  | 'topic'
  | 'reason'
  | 'state'
  | 'stream'
  | 'consumer'
  | 'type';

interface Sample {
  labels: Partial<Record<Label | 'le', string>>;
  value: number;
  /** Of a histogram: which of its series. */
  series?: '_bucket' | '_sum' | '_count';
}

export interface Metric {
  /** Without the prefix. */
  name: string;
  type: 'gauge' | 'counter' | 'histogram';
  /** One sentence, with the unit. */
  help: string;
  labels: readonly Label[];
  /** Of samples with the same labels (one app, twice on one socket): their sum unless said otherwise. */
  merge?: 'min' | 'max';
  read(status: ServerStatus, version: string): Sample[];
}

const of = ['component', 'app'] as const;
const ofTopic = ['component', 'app', 'topic'] as const;
const prefix = 'dapr_nats_jetstream_';

const table: Metric[] = [
  {
    name: 'build_info',
    type: 'gauge',
    help: 'Always 1: says which version runs.',
    labels: ['version'],
    read: (_, version) => [{ labels: { version }, value: 1 }],
  },
  {
    name: 'orphaned',
    type: 'gauge',
    help: '1 while a daprd is served that has to be restarted, because it outlived the process it had initialised.',
    labels: [],
    read: ({ state }) => [{ labels: {}, value: Number(state === 'orphaned') }],
  },
  {
    name: 'connection_up',
    type: 'gauge',
    help: '1 while there is a connection to NATS.',
    labels: of,
    merge: 'min',
    read: perComponent(({ connection }) => one(Number(connection.connected))),
  },
  {
    name: 'reconnects_total',
    type: 'counter',
    help: 'Connections to NATS that were lost and found again.',
    labels: of,
    read: ofComponents(({ reconnects }) => one(reconnects)),
  },
  {
    name: 'publish_ack_seconds',
    type: 'histogram',
    help: 'Seconds from a publish of the app to the confirmation of its stream.',
    labels: of,
    read: ofComponents(({ publishes }) => histogram(publishes.confirmed)),
  },
  {
    name: 'publishes_pending',
    type: 'gauge',
    help: 'Publishes that wait for their confirmation; at most 65536.',
    labels: of,
    read: perComponent(({ pendingPublishes }) => one(pendingPublishes)),
  },
  {
    name: 'publishes_repeated_total',
    type: 'counter',
    help: 'Publishes sent once more, for want of a confirmation.',
    labels: of,
    read: ofComponents(({ publishes }) => one(publishes.repeats)),
  },
  {
    name: 'publishes_duplicate_total',
    type: 'counter',
    help: 'Publishes of the app that the stream has confirmed and dropped: it had a message of the same id.',
    labels: of,
    read: ofComponents(({ publishes }) => one(publishes.duplicates)),
  },
  {
    name: 'subscription_state',
    type: 'gauge',
    help: 'Subscriptions in this state: binding (looks for its stream and consumer), standby (another client has the push consumer), delivering or paused.',
    labels: [...ofTopic, 'state'],
    read: perSubscription(({ state }) =>
      ['binding', 'standby', 'delivering', 'paused'].map((each) => ({
        labels: { state: each },
        value: Number(each === state),
      })),
    ),
  },
  {
    name: 'subscription_info',
    type: 'gauge',
    help: 'Always 1: says which stream and consumer a subscription has.',
    labels: [...ofTopic, 'stream', 'consumer', 'type'],
    merge: 'max',
    read: perSubscription(({ stream, consumer, type }) =>
      stream && consumer && type ? [{ labels: { stream, consumer, type }, value: 1 }] : [],
    ),
  },
  {
    name: 'consumer_pending',
    type: 'gauge',
    help: 'Messages that the consumer has not delivered yet, over all replicas.',
    labels: ofTopic,
    merge: 'max',
    read: perSubscription(({ backlog }) => one(backlog?.pending)),
  },
  {
    name: 'consumer_ack_pending',
    type: 'gauge',
    help: 'Messages that the consumer has delivered and nobody has settled, over all replicas.',
    labels: ofTopic,
    merge: 'max',
    read: perSubscription(({ backlog }) => one(backlog?.ackPending)),
  },
  {
    name: 'consumer_redelivered',
    type: 'gauge',
    help: 'Messages that the consumer has delivered more than once and nobody has settled, over all replicas.',
    labels: ofTopic,
    merge: 'max',
    read: perSubscription(({ backlog }) => one(backlog?.redelivered)),
  },
  {
    name: 'in_flight',
    type: 'gauge',
    help: 'Messages that this process has from the consumer and the app has not settled.',
    labels: ofTopic,
    read: perSubscription(({ inFlight }) => one(inFlight)),
  },
  {
    name: 'redeliveries_total',
    type: 'counter',
    help: 'Deliveries that were not the first one of their message.',
    labels: ofTopic,
    read: ofTopics(({ redeliveries }) => one(redeliveries)),
  },
  {
    name: 'in_progress_total',
    type: 'counter',
    help: 'Signals that keep a message from being redelivered while it waits its turn.',
    labels: ofTopic,
    read: ofTopics(({ inProgress }) => one(inProgress)),
  },
  {
    name: 'naks_total',
    type: 'counter',
    help: 'Messages sent back for redelivery: refused by the app, or given back because it paused or stopped.',
    labels: [...ofTopic, 'reason'],
    read: ofTopics(({ naks }) => byReason(naks)),
  },
  {
    name: 'dead_letters_pending',
    type: 'gauge',
    help: 'Messages on their way to deadLetterSubject; for long where they cannot be stored.',
    labels: ofTopic,
    read: perSubscription(({ deadLettersPending }) => one(deadLettersPending)),
  },
  {
    name: 'dead_letters_total',
    type: 'counter',
    help: 'Messages moved to deadLetterSubject.',
    labels: [...ofTopic, 'reason'],
    read: ofTopics(({ deadLetters }) => byReason(deadLetters)),
  },
  {
    name: 'terms_total',
    type: 'counter',
    help: 'Messages given up without a copy at deadLetterSubject.',
    labels: [...ofTopic, 'reason'],
    read: ofTopics(({ terms }) => byReason(terms)),
  },
];

/** What daprd cannot know, and so has no metric of. */
export const metrics: readonly Metric[] = table.map((metric) => ({
  ...metric,
  name: `${prefix}${metric.name}`,
}));

/** The metrics of the process itself; made once. */
export class MetricsPage {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #process = new Registry();
  readonly #version: string;

  constructor(version: string) {
    this.#version = version;
    collectDefaultMetrics({ register: this.#process });
  }

  /** In Prometheus' text format. */
  async render(status: ServerStatus): Promise<string> {
    const own = new Registry();
    for (const metric of metrics) {
      // The library's own metrics are counted as they happen; these were counted elsewhere already.
      const { name, type, help } = metric;
      const get = () => ({
        name,
        type,
        help,
        values: merged(metric.merge, metric.read(status, this.#version)).map((sample) => ({
          ...sample,
          metricName: `${name}${sample.series ?? ''}`,
        })),
      });
      own.registerMetric({ name, help, type, get } as unknown as Gauge);
    }
    return `${await own.metrics()}\n${await this.#process.metrics()}`;
  }
}

/** How it is now: of what is open. */
function perComponent(samples: (instance: InstanceStatus) => Sample[]): Metric['read'] {
  return ({ components }) =>
    components.flatMap(({ labels, instance }) =>
      instance ? labelled(labels, samples(instance)) : [],
    );
}

function perSubscription(samples: (subscription: SubscriptionStatus) => Sample[]): Metric['read'] {
  return ({ components }) =>
    components.flatMap(({ labels, instance }) =>
      (instance?.subscriptions ?? []).flatMap((subscription) =>
        labelled({ ...labels, topic: subscription.topic }, samples(subscription)),
      ),
    );
}

/** What has been counted: of what has ended, too. */
function ofComponents(samples: (counts: ComponentCounts) => Sample[]): Metric['read'] {
  return ({ counts }) =>
    counts.components.all.flatMap((each) => labelled(each.labels, samples(each.counts)));
}

function ofTopics(samples: (counts: SubscriptionCounts) => Sample[]): Metric['read'] {
  return ({ counts }) =>
    counts.subscriptions.all.flatMap((each) => labelled(each.labels, samples(each.counts)));
}

function labelled(labels: object, samples: Sample[]): Sample[] {
  return samples.map((sample) => ({ ...sample, labels: { ...labels, ...sample.labels } }));
}

function one(value: number | undefined): Sample[] {
  return value === undefined ? [] : [{ labels: {}, value }];
}

function byReason(counts: Record<string, number>): Sample[] {
  return Object.entries(counts).map(([reason, value]) => ({ labels: { reason }, value }));
}

/** Counts up to each bound, in seconds, as the format has it. */
function histogram({ counts, count, sum }: Durations): Sample[] {
  let upTo = 0;
  const buckets = Durations.bounds.map((bound, index) => {
    upTo += counts[index] as number;
    return { labels: { le: String(bound / 1000) }, value: upTo, series: '_bucket' as const };
  });
  return [
    ...buckets,
    { labels: { le: '+Inf' }, value: count, series: '_bucket' },
    { labels: {}, value: sum / 1000, series: '_sum' },
    { labels: {}, value: count, series: '_count' },
  ];
}

/** The format forbids two samples of the same labels. */
function merged(merge: Metric['merge'], samples: Sample[]): Sample[] {
  const byLabels = new Map<string, Sample>();
  for (const sample of samples) {
    const key = JSON.stringify([sample.series, Object.entries(sample.labels)]);
    const same = byLabels.get(key);
    if (!same) byLabels.set(key, { ...sample });
    else same.value = merge ? Math[merge](same.value, sample.value) : same.value + sample.value;
  }
  return [...byLabels.values()];
}
