/**
 * `npm run test:soak:socket`: publishes, bulk publishes and subscriptions at the component's socket for ten minutes,
 * while connections come and go, some of them in the middle of a call. Nothing may be lost, and the component's
 * resident size must stay what it is.
 *
 * Exit status: 0 when so, 1 when not, 2 for a wrong option.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openInitialised } from '../support/attacks/attack.ts';
import { Host } from '../support/host.ts';
import { data, grpcMessage } from '../support/http2/frames.ts';
import { publishRequest, pullRequest } from '../support/messages.ts';
import { type Pair, startPair } from '../support/pair.ts';
import { residentSize } from '../support/resident.ts';
import { until } from '../support/wait.ts';

const usage = `npm run test:soak:socket [-- OPTIONS]

  --minutes N  how long (default 10, 1 to 1440)
`;

/** Part of the samples that does not count: caches fill, and code is compiled. */
const warmUp = 0.2;

/** How far the largest size of the last third may be above that of the first third. */
const tolerance = 1.1;

/** Between two samples. Unit: milliseconds. */
const sampleInterval = 1_000;

/** Between two lines of progress. Unit: samples. */
const progressInterval = 15;

/** Number of Components that come and go. Each has a consumer of its own, which stays. */
const visitors = 20;

const { minutes } = readArguments();
const counts = { published: 0, bulk: 0, received: 0, visits: 0 };
/** Numbers of the confirmed messages, and of those that have arrived. */
const confirmed = new Set<number>();
const arrived = new Set<number>();
let next = 0;
let stopped = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stopped = true;
  });
}
const problems = await run();
for (const problem of problems) say(`NOT GOOD: ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;

async function run(): Promise<string[]> {
  await using pair = await startPair();
  await pair.nats.api.streams.add({
    name: 'SOAK',
    subjects: ['soak', 'visit.*'],
    max_msgs: 20_000,
  });
  const receiver = await pair.host({ consumerID: 'receiver' }, 'receiver');
  const subscription = receiver.subscribe('soak');
  subscription.onMessage = ({ id, data }) => {
    subscription.ack(id);
    subscription.messages.length = 0;
    arrived.add(Number(data.toString()));
    counts.received++;
  };
  const sender = await pair.host({ consumerID: 'sender' }, 'sender');
  const failures: string[] = [];
  const repeat = async (work: () => Promise<unknown>, pause: number) => {
    while (!stopped && failures.length < 10) {
      await work().catch((error) => failures.push((error as Error).message));
      await sleep(pause);
    }
  };
  const loops = [
    repeat(() => publish(sender), 5),
    repeat(() => bulk(sender), 500),
    repeat(() => visit(pair), 300),
    repeat(() => vanish(pair), 400),
  ];
  const samples = await sample(pair.component.pid, failures);
  stopped = true;
  await Promise.all(loops);
  const missing = () => [...confirmed].filter((number) => !arrived.has(number)).length;
  await until('every message', () => missing() === 0, 20_000).catch(() => undefined);
  say(`soak: ${progress()}, ${describe(samples)}`);
  if (missing() > 0) failures.push(`${missing()} confirmed messages have not arrived`);
  if (subscription.status) failures.push(`the subscription ended: ${subscription.status.details}`);
  if (!flat(samples)) failures.push('the resident size is not flat');
  return failures;
}

async function publish(host: Host): Promise<void> {
  const number = ++next;
  await host.publish('soak', `${number}`);
  confirmed.add(number);
  counts.published++;
}

async function bulk(host: Host): Promise<void> {
  const numbers = Array.from({ length: 100 }, () => ++next);
  const entries = numbers.map((number) => ({
    entryId: `${number}`,
    event: Buffer.from(`${number}`),
    metadata: {},
  }));
  const { failedEntries } = await host.call('BulkPublish', { topic: 'soak', entries });
  if (failedEntries.length > 0) throw new Error(`bulk: ${failedEntries[0].error}`);
  for (const number of numbers) confirmed.add(number);
  counts.bulk += numbers.length;
}

/** Subscribes, publishes, receives the own messages, and leaves in one of two ways. */
async function visit({ component, nats }: Pair): Promise<void> {
  const name = `visitor-${counts.visits++ % visitors}`;
  using host = new Host(component.socket, name);
  await host.init({ natsURL: nats.url, consumerID: name });
  const subscription = host.subscribe(`visit.${name}`);
  const settle = ({ id }: { id: string }) => {
    if (Math.random() < 0.1) host.publish('visit.none', id).catch(() => undefined);
    subscription.ack(id);
  };
  subscription.onMessage = settle;
  const sending = Array.from({ length: 20 }, () =>
    host.publish(`visit.${name}`, 'x'.repeat(2_000)),
  );
  await Promise.all(sending);
  await subscription.received(20, 10_000);
  // grpc-js keeps a connection whose calls are open.
  if (counts.visits % 2 === 0) subscription.cancel();
  else subscription.end();
}

/** Opens a connection and kills it in the middle of its calls. */
async function vanish({ component, nats }: Pair): Promise<void> {
  const name = `vanishing-${counts.visits % visitors}`;
  const client = await openInitialised({ socket: component.socket, natsURL: nats.url }, name);
  const metadata = [['x-component-instance', name]] as const;
  const stream = client.begin('PullMessages', metadata);
  client.send(data(stream, grpcMessage(pullRequest({ topic: `visit.${name}` }))));
  for (let count = 0; count < 10; count++) {
    client.request('Publish', publishRequest(`visit.${name}`, Buffer.alloc(5_000)), metadata);
  }
  client.send(data(client.begin('Ping', metadata), grpcMessage(Buffer.alloc(0), 0, 50_000)));
  await sleep(Math.random() * 100);
  client.socket.destroy();
}

/** Samples the resident size until the time is over. Unit: MB. */
async function sample(pid: number, failures: string[]): Promise<number[]> {
  const start = performance.now();
  const samples: number[] = [];
  while (!stopped && failures.length < 10 && performance.now() - start < minutes * 60_000) {
    await sleep(sampleInterval);
    const size = await residentSize(pid);
    samples.push(size);
    if (samples.length % progressInterval === 0) {
      const passed = ((performance.now() - start) / 60_000).toFixed(1);
      say(`${passed} min: ${progress()}, resident ${size} MB`);
    }
  }
  return samples.slice(Math.floor(samples.length * warmUp));
}

function progress(): string {
  const { published, bulk, received, visits } = counts;
  return `${published} published, ${bulk} in bulks, ${received} received, ${visits} visits`;
}

function thirds(samples: number[]): { first: number; last: number } {
  const third = Math.ceil(samples.length / 3);
  return { first: Math.max(...samples.slice(0, third)), last: Math.max(...samples.slice(-third)) };
}

function describe(samples: number[]): string {
  const { first, last } = thirds(samples);
  return `resident at most ${first} MB in the first third, ${last} MB in the last`;
}

function flat(samples: number[]): boolean {
  const { first, last } = thirds(samples);
  return last <= first * tolerance;
}

function readArguments(): { minutes: number } {
  try {
    const { values } = parseArgs({
      options: { minutes: { type: 'string', default: '10' }, help: { type: 'boolean' } },
    });
    if (values.help) {
      say(usage);
      process.exit(0);
    }
    const minutes = Number(values.minutes);
    if (!(minutes >= 1 && minutes <= 1440)) throw new Error('--minutes: use 1 to 1440');
    return { minutes };
  } catch (error) {
    process.stderr.write(`test:soak:socket: ${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
