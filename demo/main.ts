/**
 * `npm run demo`: a nats-server, the component, two real daprds and two apps on this machine;
 * orders go from one app to the other until Ctrl-C, or until `--count` of them have arrived.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { startComponent } from '../test/support/component.ts';
import { Daprd } from '../test/support/daprd.ts';
import { NatsServer } from '../test/support/nats-server.ts';
import { freePort } from '../test/support/ports.ts';
import { Tally } from '../test/support/tally.ts';
import { temporaryFolder } from '../test/support/temp.ts';
import { Publisher } from './publisher.ts';
import { startSubscriber } from './subscriber.ts';

const usage = `npm run demo [-- --count N] [-- --rate N]

  --count N  stop after N messages (default: at Ctrl-C)
  --rate N   messages a second, 1 to 1000 (default 10)
`;

/** How long the last messages may take to arrive. Unit: milliseconds. */
const arrivalLimit = 10_000;

const { count, rate } = readArguments();
const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopped.abort());

process.exitCode = await run();

async function run(): Promise<number> {
  await using stack = new AsyncDisposableStack();
  say('\ndapr-nats-jetstream demo\n');
  const folder = stack.use(await temporaryFolder());
  const nats = stack.use(await NatsServer.start({ detached: true }));
  step('nats-server', `${nats.url}, JetStream in a temporary folder`);
  await nats.stream('ORDERS', 'orders');
  step('stream', 'ORDERS takes the subject "orders"');

  const component = stack.use(await startComponent({ folder: folder.path, detached: true }));
  step('component', component.socket);

  const tally = new Tally();
  const appPort = await freePort();
  const stopSubscriber = await startSubscriber(appPort, ({ orderId }) => tally.received(orderId));
  stack.defer(stopSubscriber);
  const common = { sockets: folder.path, resources: [await componentResource(nats.url)] };
  const receiving = stack.use(
    await Daprd.start({
      ...common,
      appId: 'order-processor',
      app: { port: appPort, protocol: 'http' },
      detached: true,
    }),
  );
  await receiving.subscribed('orders');
  step('daprd', 'beside the app order-processor, subscribed to "orders"');
  const sending = stack.use(await Daprd.start({ ...common, appId: 'checkout', detached: true }));
  step('daprd', 'beside the app checkout');
  const publisher = new Publisher(sending.httpPort);
  stack.defer(() => publisher.stop());

  say(`\ncheckout sends ${count ? `${count} orders` : 'orders until Ctrl-C'}, ${rate} a second:\n`);
  tally.onPair = (orderId, milliseconds) => {
    say(`  order ${String(orderId).padStart(6)}   sent → received   ${milliseconds.toFixed(1)} ms`);
  };
  await send(publisher, tally);
  await tally.settled(arrivalLimit);
  say(`\n${tally.summary()}\n`);
  return tally.lost === 0 && tally.failed === 0 ? 0 : 1;
}

/** At the rate asked for, whatever a single publish takes. */
async function send(publisher: Publisher, tally: Tally): Promise<void> {
  const start = performance.now();
  const open = new Set<Promise<void>>();
  for (let orderId = 1; count === undefined || orderId <= count; orderId++) {
    if (stopped.signal.aborted) break;
    tally.sending(orderId);
    const sent = publisher.publish(orderId).then(
      () => tally.sent(orderId),
      (error) => tally.refused(orderId, error),
    );
    open.add(sent);
    void sent.then(() => open.delete(sent));
    const wait = start + (orderId * 1000) / rate - performance.now();
    if (wait > 0) await sleep(wait, undefined, { signal: stopped.signal }).catch(() => undefined);
  }
  await Promise.all(open);
}

/** components/pubsub.yaml as it stands, with the address of this nats-server. */
async function componentResource(natsURL: string): Promise<object> {
  const resource = parse(
    await readFile(join(import.meta.dirname, '../components/pubsub.yaml'), 'utf8'),
  );
  for (const item of resource.spec.metadata) if (item.name === 'natsURL') item.value = natsURL;
  return resource;
}

function readArguments(): { count: number | undefined; rate: number } {
  try {
    const { values } = parseArgs({
      options: {
        count: { type: 'string' },
        rate: { type: 'string', default: '10' },
        help: { type: 'boolean' },
      },
    });
    if (values.help) {
      say(usage);
      process.exit(0);
    }
    const count = values.count === undefined ? undefined : whole('--count', values.count, 1e6);
    return { count, rate: whole('--rate', values.rate, 1_000) };
  } catch (error) {
    process.stderr.write(`demo: ${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
}

function whole(option: string, text: string, most: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= most) return number;
  throw new Error(`${option}: "${text}" must be a whole number, 1 to ${most}`);
}

function step(what: string, detail: string): void {
  say(`  ${what.padEnd(12)} ${detail}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
