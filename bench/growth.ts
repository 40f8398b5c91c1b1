/**
 * Measures at the socket how peers start, and how this component grows with the number of messages and
 * of subscriptions.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Load } from './load.ts';
import { median } from './median.ts';
import type { Peer, PeerName } from './peers.ts';
import { cpuSeconds, peakResident, residentNow } from './process-usage.ts';
import { type Bench, emptyStream, fill, settings, socketTarget } from './runs.ts';
import { Stand } from './stand.ts';
import { measureStarts, type Start } from './start.ts';

export interface Growth {
  start?: Partial<Record<PeerName, Start>>;
  million?: Million;
  subscriptions?: Subscriptions[];
}

/** One subscription to a long stream; each message is acknowledged at once. */
export interface Million {
  messages: number;
  /** Unit: messages a second, after the first twentieth. */
  rate: number;
  /** Resident size after the first twentieth of the time. Unit: MB, here and below. */
  early: number;
  /** Median of the first third, and of the last. */
  firstThird: number;
  lastThird: number;
  most: number;
  samples: ResidentSample[];
}

export interface ResidentSample {
  /** Since the load began. */
  seconds: number;
  /** Unit: MB. */
  resident: number;
}

/** Many topics at once, on one connection, each with a durable consumer of its own. */
export interface Subscriptions {
  topics: number;
  /** Resident size before Init, and when every subscription has received a message. Unit: MB. */
  before: number;
  after: number;
  /** Growth for each topic. With few topics it is mostly the growth by Init. Unit: KB. */
  each: number;
  /** Messages for all topics in turn, stored during the measurement. Unit: messages a second. */
  rate: number;
  /** Unit: seconds for 100,000 messages. */
  cpu: number;
}

export const growthParts = ['start', 'million', 'subscriptions'] as const;
export type GrowthPart = (typeof growthParts)[number];

export const growthTitles: Readonly<Record<GrowthPart, string>> = {
  start: 'time to start, of each peer with a process of its own',
  million: 'a million messages for one subscription',
  subscriptions: '10 to 1,000 subscriptions on one connection',
};

/** How much is measured. */
export interface GrowthSize {
  starts: number;
  /** Messages for one subscription. */
  million: number;
  /** One measurement for each of these numbers of topics. */
  topics: readonly number[];
  /** Messages over all topics. */
  spread: number;
}

export const fullGrowth: GrowthSize = {
  starts: 10,
  million: 1_000_000,
  topics: [10, 100, 1000],
  spread: 100_000,
};
export const quickGrowth: GrowthSize = { ...fullGrowth, starts: 3 };

export interface GrowthOptions {
  bench: Bench;
  peers: Partial<Record<PeerName, Peer>>;
  parts: readonly GrowthPart[];
  size: GrowthSize;
  say: (line: string) => void;
  /** Ends the measuring with its reason. */
  signal: AbortSignal;
}

/** Reports and counts each failure, and continues with the next measurement. */
export async function measureGrowth({
  bench,
  peers,
  parts,
  size,
  say,
  signal,
}: GrowthOptions): Promise<{ growth: Growth; failures: number }> {
  const growth: Growth = {};
  let failures = 0;
  const attempt = async (title: string, run: () => Promise<string>) => {
    signal.throwIfAborted();
    say(`growth: ${title}`);
    try {
      say(`  ${await run()}`);
    } catch (error) {
      signal.throwIfAborted();
      failures++;
      say(`  FAILED: ${(error as Error).message}`);
    }
  };
  for (const [name, peer] of Object.entries(parts.includes('start') ? peers : {})) {
    const { start } = peer;
    if (!start) continue;
    await attempt(`${size.starts} starts, ${name}`, async () => {
      const found = await measureStarts({
        peer,
        start,
        metadata: settings(bench),
        count: size.starts,
        signal,
      });
      growth.start = { ...growth.start, [name]: found };
      return `${found.median} ms, ${found.initialised} ms with Init, ${found.resident} MB`;
    });
  }
  const { ours } = peers;
  if (!ours) return { growth, failures };
  if (parts.includes('million')) {
    await attempt(`${size.million} messages, one subscription`, async () => {
      growth.million = await measureMillion(bench, ours, size.million, say);
      const { rate, firstThird, lastThird, most } = growth.million;
      const sizes = [firstThird, lastThird, most].map(Math.round).join(', ');
      return `${Math.round(rate)}/s; first third, last third, most: ${sizes} MB`;
    });
  }
  for (const topics of parts.includes('subscriptions') ? size.topics : []) {
    await attempt(`${topics} subscriptions`, async () => {
      const found = await measureSubscriptions(bench, ours, topics, size.spread);
      growth.subscriptions = [...(growth.subscriptions ?? []), found];
      const { each, rate, cpu } = found;
      return `${Math.round(each)} KB each, ${Math.round(rate)}/s, CPU ${cpu.toFixed(1)} s/100k`;
    });
  }
  return { growth, failures };
}

/** Between two samples of the resident size. Unit: milliseconds. */
const sampleInterval = 500;

async function measureMillion(
  bench: Bench,
  peer: Peer,
  count: number,
  say: (line: string) => void,
): Promise<Million> {
  await emptyStream(bench.nats);
  await fill(bench, count, 256);
  say('  stored');
  await using stand = await Stand.start({ peer, metadata: settings(bench) });
  const pid = pidOf(stand);
  const samples: ResidentSample[] = [];
  const start = performance.now();
  await using load = new Load(bench.load, 'pull', {
    ...socketTarget(stand.address, settings(bench)),
    count,
    skip: Math.round(count / 20),
    limit: 170,
  });
  const take = async () => {
    const seconds = Math.round((performance.now() - start) / 100) / 10;
    samples.push({ seconds, resident: round(await residentNow(pid)) });
  };
  // If the component has ended, the load fails, and its result is awaited below.
  const timer = setInterval(() => take().catch(() => undefined), sampleInterval);
  try {
    const { rate } = await load.result();
    await take();
    const most = await peakResident(pid);
    return { messages: count, rate, ...summarise(samples), most, samples };
  } finally {
    clearInterval(timer);
  }
}

/** @param samples one at least, in order of time */
export function summarise(
  samples: readonly ResidentSample[],
): Pick<Million, 'early' | 'firstThird' | 'lastThird'> {
  const end = samples.at(-1)?.seconds ?? 0;
  const within = (from: number, to: number) =>
    samples
      .filter(({ seconds }) => seconds >= end * from && seconds <= end * to)
      .map(({ resident }) => resident);
  return {
    early: within(1 / 20, 1)[0] ?? Number.NaN,
    // A run that was over at once may have no sample but its last.
    firstThird: median(samples.length < 3 ? within(0, 1) : within(0, 1 / 3)),
    lastThird: median(within(2 / 3, 1)),
  };
}

async function measureSubscriptions(
  bench: Bench,
  peer: Peer,
  topics: number,
  messages: number,
): Promise<Subscriptions> {
  await emptyStream(bench.nats);
  // One message for each topic tells the load generator that the subscription exists.
  await fill(bench, topics, 256, topics);
  const metadata = { ...settings(bench), consumerID: 'bench' };
  await using stand = await Stand.start({ peer, metadata });
  const pid = pidOf(stand);
  await sleep(1_000);
  const before = await residentNow(pid);
  await using load = new Load(bench.load, 'pull', {
    ...socketTarget(stand.address, metadata),
    topics,
    count: topics + messages,
    skip: topics + Math.round(messages / 4),
    limit: 170,
  });
  await load.said('ready');
  await sleep(2_000);
  const after = await residentNow(pid);
  const cpuBefore = await cpuSeconds(pid);
  const [{ rate }] = await Promise.all([load.result(), fill(bench, messages, 256, topics)]);
  const cpu = (((await cpuSeconds(pid)) - cpuBefore) * 100_000) / messages;
  const each = ((after - before) * 1024) / topics;
  return { topics, before: round(before), after: round(after), each: round(each), rate, cpu };
}

function pidOf({ pid }: Stand): number {
  if (pid === undefined) throw new Error('only a peer with a process of its own can be measured');
  return pid;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
