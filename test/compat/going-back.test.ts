import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { resolveBinary } from '../../tools/binaries.ts';
import { component } from '../support/daprd.ts';
import { type Pair, startPair } from '../support/pair.ts';
import { type Sidecar, startSidecar } from '../support/sidecar.ts';
import { temporaryFolder } from '../support/temp.ts';
import { until } from '../support/wait.ts';
import { numbersOf } from './matrix.ts';

/** What docs/migrating.md says of the way back to the component that is built into daprd. */
const page = await readFile(join(import.meta.dirname, '../../docs/migrating.md'), 'utf8');

/** One NATS server, and the same Component served by either side, one after the other. */
class Migration implements AsyncDisposable {
  readonly pair: Pair;
  readonly #noSockets: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(pair: Pair, noSockets: string, stack: AsyncDisposableStack) {
    this.pair = pair;
    this.#noSockets = noSockets;
    this.#stack = stack;
  }

  static async start(): Promise<Migration> {
    await using stack = new AsyncDisposableStack();
    const pair = stack.use(await startPair({ component: { socketName: 'jetstream' } }));
    const { path } = stack.use(await temporaryFolder());
    await pair.nats.stream('ORDERS', 'orders');
    return new Migration(pair, path, stack.move());
  }

  ours(metadata: Record<string, string>): Promise<Sidecar> {
    return startSidecar(this.pair, 'app', {}, this.#resources(metadata));
  }

  /** Without a socket named jetstream daprd takes its own. */
  builtIn(metadata: Record<string, string>): Promise<Sidecar> {
    return startSidecar(
      this.pair,
      'app',
      {},
      { ...this.#resources(metadata), binary: 'daprd-allcomponents', sockets: this.#noSockets },
    );
  }

  #resources(metadata: Record<string, string>) {
    const fields = { natsURL: this.pair.nats.url, ...metadata };
    return { resources: [component('pubsub', fields, 'pubsub.jetstream')] };
  }

  /** How far the durable is; every message up to there is acknowledged. */
  async floor(): Promise<number> {
    const { ack_floor } = await this.pair.nats.api.consumers.info('ORDERS', 'checkout');
    return ack_floor.stream_seq;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** Publishes one message, waits for it, and stops the app; what the app has had in all. */
async function handleOne(sidecar: Sidecar, n: number): Promise<number[]> {
  await using running = sidecar;
  await running.daprd.publish('pubsub', 'orders', { n });
  await until(`message ${n}`, () => numbersOf(running.app).includes(n));
  return numbersOf(running.app);
}

const kept: Record<string, string>[] = [
  { durableName: 'checkout', queueGroupName: 'workers' },
  { durableName: 'checkout', heartbeat: '5s' },
  { durableName: 'checkout', flowControl: 'true', heartbeat: '5s' },
];

test.each([...kept, { durableName: 'checkout' }])(
  'a durable that the built-in made keeps its position here, and on the way back: %j',
  async (metadata) => {
    await using migration = await Migration.start();
    expect(await handleOne(await migration.builtIn(metadata), 1)).toEqual([1]);
    await until('the acknowledgement', async () => (await migration.floor()) === 1);
    expect(await handleOne(await migration.ours(metadata), 2)).toEqual([2]);
    await until('the acknowledgement', async () => (await migration.floor()) === 2);
    expect(await handleOne(await migration.builtIn(metadata), 3)).toEqual([3]);
  },
);

test.each([...kept, { durableName: 'checkout', flowControl: 'true' }])(
  'a durable made here that the built-in goes on with: %j',
  async (metadata) => {
    await using migration = await Migration.start();
    expect(await handleOne(await migration.ours(metadata), 1)).toEqual([1]);
    await until('the acknowledgement', async () => (await migration.floor()) === 1);
    expect(await handleOne(await migration.builtIn(metadata), 2)).toEqual([2]);
  },
);

describe('a durable made here that the built-in refuses', () => {
  const pull = 'must use pull subscribe to bind to pull based consumer';
  const group = 'cannot create a subscription for a consumer with a deliver group';

  test.each([
    [{ durableName: 'checkout' }, pull],
    [{ durableName: 'checkout', consumerType: 'push' }, group],
    [{ durableName: 'checkout', rateLimit: '8000000' }, group],
  ])('%j', async (metadata: Record<string, string>, message) => {
    expect(page).toContain(message);
    await using migration = await Migration.start();
    await handleOne(await migration.ours(metadata), 1);
    await using back = await migration.builtIn(metadata);
    await back.daprd.child.line(new RegExp(message));
    await back.daprd.publish('pubsub', 'orders', { n: 2 });
    await back.daprd.child.line(/Retry failed for subscription/);
    expect(back.daprd.child.running).toBe(true);
    expect(back.app.received).toEqual([]);
  });

  test('removed as documented: the built-in begins behind what is acknowledged', async () => {
    await using migration = await Migration.start();
    const metadata = { durableName: 'checkout' };
    await handleOne(await migration.ours(metadata), 1);
    expect(await handleOne(await migration.ours(metadata), 2)).toEqual([2]);
    await until('the acknowledgements', async () => (await migration.floor()) === 2);
    const commands = page.match(/^ *nats consumer (info|rm) ORDERS checkout.*$/gm) ?? [];
    expect(commands).toHaveLength(2);
    const said: string[] = [];
    for (const command of commands) {
      const [, ...args] = command.trim().split(' ');
      const env = { ...process.env, NATS_URL: migration.pair.nats.url };
      said.push((await promisify(execFile)(await resolveBinary('nats'), args, { env })).stdout);
    }
    const [, floor] = /Acknowledgment Floor: .*Stream sequence: (\d+)/i.exec(said[0] ?? '') ?? [];
    const start = { deliverPolicy: 'sequence', startSequence: `${Number(floor) + 1}` };
    expect(await handleOne(await migration.builtIn({ ...metadata, ...start }), 3)).toEqual([3]);
    // The same fields once more: as long as the durable is there, they have to stay.
    expect(await handleOne(await migration.builtIn({ ...metadata, ...start }), 4)).toEqual([4]);
  });
});

test.each<Record<string, string>>([{}, { queueGroupName: 'workers' }])(
  'without durableName the built-in begins as deliverPolicy says: %j',
  async (metadata) => {
    await using migration = await Migration.start();
    await handleOne(await migration.ours(metadata), 1);
    expect(await handleOne(await migration.builtIn(metadata), 2)).toEqual([1, 2]);
  },
);
