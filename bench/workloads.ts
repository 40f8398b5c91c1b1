import type { NatsServer } from '../test/support/nats-server.ts';
import { freePort } from '../test/support/ports.ts';
import { Load, type LoadFlags, type LoadResult, runLimit } from './load.ts';
import type { Peer } from './peers.ts';
import { peakResident, stealBetween } from './process-usage.ts';
import { Stand, type Usage } from './stand.ts';
import { checkStored } from './stored.ts';

/** What one run of a workload gives; times in microseconds, CPU in seconds for 100,000 messages. */
export interface Sample {
  rate: number;
  p50?: number;
  p99?: number;
  p999?: number;
  componentCpu: number;
  daprdCpu: number;
  /** Share of the machine's CPU time that the hypervisor gave to others meanwhile, from 0 to 1. */
  steal?: number;
  /** Deliveries of messages that had arrived before; undefined where nothing is received. */
  duplicates?: number;
  /** Most that the peer's own process had resident until then. Unit: MB. */
  resident?: number;
}

export interface Bench {
  nats: NatsServer;
  /** Path of the load generator. */
  load: string;
  /** How long rates are measured, and messages sent before. Unit: seconds. */
  seconds: number;
  warmup: number;
  /** Part of the messages that a run of subscribing is made of. */
  share: number;
}

/** Through daprd, or at the peer's own socket without one. */
export type Via = 'daprd' | 'socket';

export interface Workload {
  name: string;
  title: string;
  via: Via;
  /** What is better: more of the rate, or less of the p99. */
  judged: 'rate' | 'p99';
  run(bench: Bench, peer: Peer): Promise<Sample>;
}

/** Of every run; all messages are for this topic, whose stream is made anew each time. */
const topic = 'orders';

/** Callers in a closed loop: each sends its next as soon as its last is confirmed. */
function sending(
  via: Via,
  command: 'publish' | 'bulk',
  flags: Record<string, number>,
): Workload['run'] {
  return async (bench, peer) => {
    await emptyStream(bench.nats);
    await using stand = await Stand.start({
      peer,
      metadata: settings(bench),
      daprd: via === 'daprd',
    });
    const common = { ...target(via, stand.address, settings(bench)), ...flags };
    // One caller alone would take a minute to have the code compiled that a service runs for weeks.
    const warming = { ...common, callers: Math.max(flags.callers ?? 1, 32) };
    const warmed = await run(bench, command, { ...warming, seconds: bench.warmup, warmup: 0 });
    const before = await stand.usage();
    const result = await run(bench, command, { ...common, seconds: bench.seconds, warmup: 0.5 });
    const found = await sample(result, stand, before);
    if (peer.stores) await checkStored(bench.nats, topic, [warmed, result]);
    return found;
  };
}

async function run(bench: Bench, command: string, flags: LoadFlags): Promise<LoadResult> {
  await using load = new Load(bench.load, command, flags);
  return await load.result();
}

/** A stream of messages that waits for its subscriber. */
function subscribing(size: number, most: number): Workload['run'] {
  return async (bench, peer) => {
    const count = Math.round(most * bench.share);
    await emptyStream(bench.nats);
    await fill(bench, count, size);
    const port = await freePort();
    await using load = new Load(bench.load, 'subscribe', {
      listen: `127.0.0.1:${port}`,
      topic,
      ...arrivals(peer, count),
    });
    await load.said('listening');
    const metadata = { ...settings(bench), ...generated(peer, count, size) };
    await using stand = await Stand.start({ peer, metadata, appPort: port, daprd: true });
    return await sampleArrivals(load, stand);
  };
}

/** The same without daprd: each message is acknowledged at once. */
function pulling(size: number, most: number): Workload['run'] {
  return async (bench, peer) => {
    const count = Math.round(most * bench.share);
    await emptyStream(bench.nats);
    await fill(bench, count, size);
    const metadata = { ...settings(bench), ...generated(peer, count, size) };
    await using stand = await Stand.start({ peer, metadata, daprd: false });
    await using load = new Load(bench.load, 'pull', {
      ...socketTarget(stand.address, metadata),
      ...arrivals(peer, count),
    });
    return await sampleArrivals(load, stand);
  };
}

/** From the moment a message was due to be sent to its arrival, at a rate that leaves room. */
function latency(via: Via, rate: number): Workload['run'] {
  return async (bench, peer) => {
    await emptyStream(bench.nats);
    const port = await freePort();
    const flags = { topic, rate, size: 256, seconds: bench.seconds * 3, warmup: bench.warmup * 3 };
    if (via === 'socket') {
      await using stand = await Stand.start({ peer, metadata: settings(bench), daprd: false });
      const before = await stand.usage();
      await using load = new Load(bench.load, 'latency', {
        ...target(via, stand.address, settings(bench)),
        ...flags,
      });
      return await sample(await load.result(), stand, before);
    }
    await using load = new Load(bench.load, 'latency', {
      ...flags,
      api: 'daprd',
      listen: `127.0.0.1:${port}`,
    });
    await load.said('listening');
    const metadata = settings(bench);
    await using stand = await Stand.start({ peer, metadata, appPort: port, daprd: true });
    const before = await stand.usage();
    load.tell(`go ${stand.address}`);
    return await sample(await load.result(), stand, before);
  };
}

/** Every peer's Component has these, and what it does by default otherwise. */
export function settings({ nats }: Bench): Record<string, string> {
  return { natsURL: nats.url, deliverPolicy: 'all' };
}

/** Each message once, except where all that are made up have one id. */
function arrivals(peer: Peer, count: number): LoadFlags {
  return { count, skip: Math.round(count / 4), distinct: peer.stores };
}

/** The bare peer has no stream: it makes up what others read. */
function generated(peer: Peer, count: number, size: number): Record<string, string> {
  return peer.stores ? {} : { count: `${count}`, size: `${size}` };
}

/** Flags that tell the load generator where its peer is; at the socket it has to initialise it. */
function target(
  via: Via,
  address: string,
  metadata: Record<string, string>,
): Record<string, string | string[]> {
  return { api: via, ...(via === 'daprd' ? { address, topic } : socketTarget(address, metadata)) };
}

/** The same for `pull`, which knows no other kind of address. */
export function socketTarget(
  address: string,
  metadata: Record<string, string>,
): Record<string, string | string[]> {
  const init = Object.entries(metadata).map(([key, value]) => `${key}=${value}`);
  return { address, topic, init };
}

export async function emptyStream(nats: NatsServer): Promise<void> {
  await nats.api.streams.delete(topic).catch(() => undefined);
  await nats.stream(topic, topic, `${topic}.*`);
}

/** Stores messages straight in NATS; where there are several subjects, for each in turn. */
export async function fill(bench: Bench, count: number, size: number, subjects = 1): Promise<void> {
  const limit = runLimit / 1000 - 5;
  const flags = { nats: bench.nats.url, subject: topic, count, size, subjects, limit };
  await using load = new Load(bench.load, 'fill', flags);
  await load.result();
}

/** What starts up is not measured: only from when the load generator says that it measures. */
async function sampleArrivals(load: Load, stand: Stand): Promise<Sample> {
  await load.said('measuring');
  const before = await stand.usage();
  const result = await load.result();
  return await sample(result, stand, before, result.messages);
}

/** @param handled messages that the CPU time since `before` was for */
async function sample(
  result: LoadResult,
  stand: Stand,
  before: Usage,
  handled = result.total,
): Promise<Sample> {
  const { rate, p50, p99, p999, total, failed, lost, duplicates, error } = result;
  if (failed) throw new Error(`${failed} of ${total} failed: ${error}`);
  if (lost) throw new Error(`${lost} of ${total} did not arrive`);
  const after = await stand.usage();
  const per = (seconds: number) => (seconds * 100_000) / handled;
  const resident = stand.pid === undefined ? undefined : await peakResident(stand.pid);
  return {
    rate,
    ...(p50 === undefined ? {} : { p50 }),
    ...(p99 === undefined ? {} : { p99 }),
    ...(p999 === undefined ? {} : { p999 }),
    componentCpu: per(after.component - before.component),
    daprdCpu: per(after.daprd - before.daprd),
    steal: Math.round(stealBetween(before.machine, after.machine) * 1000) / 1000,
    ...(duplicates === undefined ? {} : { duplicates }),
    ...(resident === undefined ? {} : { resident }),
  };
}

const kilobyte = 1024;

/** In the order in which they are run and reported. */
export const workloads: readonly Workload[] = [
  ...(['daprd', 'socket'] as const).flatMap((via): Workload[] => [
    ...[1, 32, 256].map((callers) => ({
      name: `publish-${callers}`,
      title: `publish, ${callers} ${callers === 1 ? 'caller' : 'callers'}`,
      via,
      judged: 'rate' as const,
      run: sending(via, 'publish', { callers, size: 256 }),
    })),
    {
      name: 'bulk',
      title: 'bulk publish, 4 callers × 100',
      via,
      judged: 'rate',
      run: sending(via, 'bulk', { callers: 4, entries: 100, size: 256 }),
    },
    {
      name: 'subscribe',
      title: via === 'daprd' ? 'subscribe' : 'pull, acknowledged at once',
      via,
      judged: 'rate',
      run: via === 'daprd' ? subscribing(256, 24_000) : pulling(256, 100_000),
    },
    {
      name: 'latency',
      title: 'latency at 500 messages a second',
      via,
      judged: 'p99',
      run: latency(via, 500),
    },
  ]),
  ...[4, 256].flatMap((kilobytes): Workload[] => [
    {
      name: `publish-32-${kilobytes}k`,
      title: `publish, 32 callers, ${kilobytes} KB`,
      via: 'daprd',
      judged: 'rate',
      run: sending('daprd', 'publish', { callers: 32, size: kilobytes * kilobyte }),
    },
    {
      name: `subscribe-${kilobytes}k`,
      title: `subscribe, ${kilobytes} KB`,
      via: 'daprd',
      judged: 'rate',
      run: subscribing(kilobytes * kilobyte, kilobytes > 100 ? 400 : 16_000),
    },
  ]),
];
