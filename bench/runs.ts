/** How the workloads run. */
import type { NatsServer } from '../test/support/nats-server.ts';
import { freePort } from '../test/support/ports.ts';
import { Load, type LoadFlags, type LoadResult, runLimit } from './load.ts';
import type { Peer } from './peers.ts';
import { type Sample, takeSample } from './sample.ts';
import { type Dispatch, Stand } from './stand.ts';
import { checkStored } from './stored.ts';

export interface Bench {
  nats: NatsServer;
  /** Path of the load generator. */
  load: string;
  /** Duration of a measurement, and of the warm-up before it. Unit: seconds. */
  seconds: number;
  warmup: number;
  /** Share of a workload's messages that a run of subscribing uses. */
  share: number;
}

/** Through daprd, or at the peer's own socket without a daprd. */
export type Via = 'daprd' | 'socket';

/** Runs a workload once. Each run starts the peer and daprd, on an empty stream. */
export type Run = (bench: Bench, peer: Peer) => Promise<Sample>;

/** The topic of all messages. */
const topic = 'orders';

/** Callers in a closed loop: each caller sends its next message when its last one is confirmed. */
export function sending(via: Via, command: 'publish' | 'bulk', flags: Record<string, number>): Run {
  return async (bench, peer) => {
    await emptyStream(bench.nats);
    await using stand = await Stand.start({
      peer,
      metadata: settings(bench),
      ...(via === 'daprd' ? { daprd: 'concurrent' } : {}),
    });
    const common = { ...target(via, stand.address, settings(bench)), ...flags };
    // A service runs compiled code. A lone caller would take a minute to have the code compiled.
    const warming = { ...common, callers: Math.max(flags.callers ?? 1, 32) };
    const warmed = await run(bench, command, { ...warming, seconds: bench.warmup, warmup: 0 });
    const before = await stand.usage();
    const result = await run(bench, command, { ...common, seconds: bench.seconds, warmup: 0.5 });
    const found = await takeSample(result, stand, before);
    if (peer.stores) await checkStored(bench.nats, topic, [warmed, result]);
    return found;
  };
}

async function run(bench: Bench, command: string, flags: LoadFlags): Promise<LoadResult> {
  await using load = new Load(bench.load, command, flags);
  return await load.result();
}

export interface Subscribing {
  /** Size of a message's data. Unit: bytes. */
  size: number;
  /** Number of messages; a run uses a share of it. */
  messages: number;
  /** `concurrency` of the Component; absent: the default of each peer. */
  concurrency?: 'single' | 'parallel';
  dispatch: Dispatch;
}

/** A filled stream is delivered to a subscriber that handles each message at once. */
export function subscribing({ size, messages, concurrency, dispatch }: Subscribing): Run {
  return async (bench, peer) => {
    const count = Math.round(messages * bench.share);
    await emptyStream(bench.nats);
    await fill(bench, count, size);
    const port = await freePort();
    await using load = new Load(bench.load, 'subscribe', {
      listen: `127.0.0.1:${port}`,
      topic,
      ...arrivals(peer, count),
    });
    await load.said('listening');
    const metadata = {
      ...settings(bench),
      ...generated(peer, count, size),
      ...(concurrency ? { concurrency } : {}),
    };
    await using stand = await Stand.start({ peer, metadata, appPort: port, daprd: dispatch });
    return await sampleArrivals(load, stand);
  };
}

/** The same without daprd. The load generator acknowledges each message at once. */
export function pulling(size: number, messages: number): Run {
  return async (bench, peer) => {
    const count = Math.round(messages * bench.share);
    await emptyStream(bench.nats);
    await fill(bench, count, size);
    const metadata = { ...settings(bench), ...generated(peer, count, size) };
    await using stand = await Stand.start({ peer, metadata });
    await using load = new Load(bench.load, 'pull', {
      ...socketTarget(stand.address, metadata),
      ...arrivals(peer, count),
    });
    return await sampleArrivals(load, stand);
  };
}

/** Measures from the moment a message is due to be sent to its arrival, at a rate that leaves room. */
export function latency(via: Via, rate: number): Run {
  return async (bench, peer) => {
    await emptyStream(bench.nats);
    const flags = { topic, rate, size: 256, seconds: bench.seconds * 3, warmup: bench.warmup * 3 };
    const metadata = settings(bench);
    if (via === 'socket') {
      await using stand = await Stand.start({ peer, metadata });
      const before = await stand.usage();
      await using load = new Load(bench.load, 'latency', {
        ...target(via, stand.address, metadata),
        ...flags,
      });
      return await takeSample(await load.result(), stand, before);
    }
    const port = await freePort();
    await using load = new Load(bench.load, 'latency', {
      ...flags,
      api: 'daprd',
      listen: `127.0.0.1:${port}`,
    });
    await load.said('listening');
    await using stand = await Stand.start({ peer, metadata, appPort: port, daprd: 'concurrent' });
    const before = await stand.usage();
    load.tell(`go ${stand.address}`);
    return await takeSample(await load.result(), stand, before);
  };
}

/** Returns the metadata that the Components of all peers have. */
export function settings({ nats }: Bench): Record<string, string> {
  return { natsURL: nats.url, deliverPolicy: 'all' };
}

/** Counts each message once, except where all generated messages have the same id. */
function arrivals(peer: Peer, count: number): LoadFlags {
  return { count, skip: Math.round(count / 4), distinct: peer.stores };
}

/** The bare peer has no stream. It generates the messages that the other peers read. */
function generated(peer: Peer, count: number, size: number): Record<string, string> {
  return peer.stores ? {} : { count: `${count}`, size: `${size}` };
}

/** Returns the flags with which the load generator reaches a peer. At the socket it calls Init. */
function target(
  via: Via,
  address: string,
  metadata: Record<string, string>,
): Record<string, string | string[]> {
  return { api: via, ...(via === 'daprd' ? { address, topic } : socketTarget(address, metadata)) };
}

/** Returns the same flags for the command `pull`, which works only at a socket. */
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

/** Stores messages in NATS directly. With several subjects, each subject gets one in turn. */
export async function fill(bench: Bench, count: number, size: number, subjects = 1): Promise<void> {
  const limit = runLimit / 1000 - 5;
  const flags = { nats: bench.nats.url, subject: topic, count, size, subjects, limit };
  await using load = new Load(bench.load, 'fill', flags);
  await load.result();
}

/** Leaves the start out: measures from when the load generator says that it measures. */
async function sampleArrivals(load: Load, stand: Stand): Promise<Sample> {
  await load.said('measuring');
  const before = await stand.usage();
  const result = await load.result();
  return await takeSample(result, stand, before, result.messages);
}
