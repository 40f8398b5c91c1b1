import { setTimeout as sleep } from 'node:timers/promises';
import { Tally } from '../../support/tally.ts';
import { publishAll } from '../load.ts';
import {
  type Context,
  durable,
  makeStream,
  type Outcome,
  type Scenario,
  settle,
} from '../scenario.ts';
import { World } from '../world.ts';

/** A sender and a receiver whose handler is given; publishes so many orders one by one. */
async function ordersTo(
  context: Context,
  options: {
    orders: number;
    tally: Tally;
    metadata: Record<string, string>;
    handle(orderId: number, topic: string): Promise<void> | void;
    topics?: string[];
    deadLetterTopic?: string;
    prepare?(world: World): Promise<unknown>;
    /** Called between the first half of the orders and the second. */
    between?(world: World): Promise<void>;
  },
): Promise<Outcome> {
  const { orders, tally, metadata, handle, prepare = makeStream, between } = options;
  const { topics = ['orders'], deadLetterTopic } = options;
  await using world = await World.start({ ...context, nats: { config: 'max_payload: 8MB' } });
  await prepare(world);
  const receiver = await world.pod({
    appId: 'receiver',
    app: {
      topics,
      ...(deadLetterTopic ? { deadLetterTopic } : {}),
      handle: (data, topic) => handle((data as { orderId: number }).orderId, topic),
    },
    metadata: { ...durable[context.peer], ...metadata },
  });
  const sender = await world.pod({ appId: 'sender' });
  for (const topic of topics) await receiver.daprd.subscribed(topic);
  const to = { daprd: sender.daprd, topic: 'orders', tally };
  const half = Math.ceil(orders / 2);
  await publishAll(to, half);
  await between?.(world);
  await publishAll(to, orders - half, half + 1);
  // Awaited here: the world ends with this function.
  return await settle(world, tally);
}

const slowHandler: Scenario = {
  name: 'slow-handler',
  title: '12 messages, 1.5 s of handling each, ackWait 4 s: 12 runs',
  async run(context) {
    const tally = new Tally();
    let runs = 0;
    const outcome = await ordersTo(context, {
      orders: 12,
      tally,
      metadata: { ackWait: '4s' },
      async handle(orderId) {
        runs++;
        await sleep(1_500);
        tally.received(orderId);
      },
    });
    const broken = runs === 12 ? [] : [`${runs} runs`];
    return { ...outcome, seen: `${runs} runs`, broken };
  },
};

const backOff: Scenario = {
  name: 'back-off',
  title: 'a handler that fails 3 times, backOff 1s, 2s, 3s: gaps as configured',
  async run(context) {
    const tally = new Tally();
    const runs: number[] = [];
    const outcome = await ordersTo(context, {
      orders: 1,
      tally,
      metadata: { backOff: '1s,2s,3s', maxDeliver: '5', ackWait: '10s' },
      handle(orderId) {
        runs.push(performance.now());
        if (runs.length <= 3) throw new Error('not yet');
        tally.received(orderId);
      },
    });
    const gaps = runs.slice(1).map((at, index) => (at - (runs[index] as number)) / 1000);
    const kept =
      gaps.length === 3 &&
      [1, 2, 3].every((wanted, index) => Math.abs((gaps[index] as number) - wanted) < 0.5);
    const seen = `gaps ${gaps.map((gap) => `${gap.toFixed(1)} s`).join(', ')}`;
    return { ...outcome, seen, broken: kept ? [] : [seen] };
  },
};

const deadLetters: Scenario = {
  name: 'dead-letters',
  title: 'every tenth of 50 handlers fails; dead letter topic in the same stream',
  run(context) {
    const tally = new Tally();
    return ordersTo(context, {
      orders: 50,
      tally,
      metadata: { ackWait: '5s' },
      topics: ['orders', 'orders.dead'],
      deadLetterTopic: 'orders.dead',
      prepare: (world) => world.nats.stream('ORDERS', 'orders', 'orders.*'),
      handle(orderId, topic) {
        if (topic === 'orders' && orderId % 10 === 0) throw new Error('never');
        tally.received(orderId);
      },
    });
  },
};

const oversize: Scenario = {
  name: 'oversize',
  title: 'a message of 5 MiB between small ones',
  async run(context) {
    const tally = new Tally();
    let dead = 0;
    const outcome = await ordersTo(context, {
      orders: 40,
      tally,
      metadata: {
        ackWait: '5s',
        ...(context.peer === 'ours' ? { deadLetterSubject: 'dead.orders' } : {}),
      },
      async prepare(world) {
        await makeStream(world);
        await world.nats.stream('DEAD', 'dead.*');
        world.nats.client.subscribe('dead.*', { callback: () => void dead++ });
      },
      async between({ nats }) {
        await nats.client.request('orders', Buffer.alloc(5 * 1024 * 1024, '1'));
      },
      handle: (orderId) => {
        // The large one has none.
        if (orderId !== undefined) tally.received(orderId);
      },
    });
    if (context.peer !== 'ours') return outcome;
    const broken = dead === 1 ? [] : [`${dead} at the dead letter subject`];
    return { ...outcome, seen: `the large one at deadLetterSubject: ${dead}`, broken };
  },
};

export const messageScenarios = [slowHandler, backOff, deadLetters, oversize];
