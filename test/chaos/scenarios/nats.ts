import { jetstreamManager } from '@nats-io/jetstream';
import { until } from '../../support/wait.ts';
import { type Context, lasting, makeStream, type Scenario, underLoad } from '../scenario.ts';
import type { World } from '../world.ts';

/** With the server gone for so long. Unit: milliseconds. */
const restart = (context: Context, outage: number) =>
  underLoad({
    context,
    async fault({ world }) {
      await world.nats.stop('SIGKILL');
      await lasting(outage);
      await world.nats.startAgain();
      return performance.now();
    },
  });

const natsKilled: Scenario = {
  name: 'nats-killed',
  title: 'nats-server killed (-9), back after 2 s',
  since: 'the server is ready again',
  run: (context) => restart(context, 2_000),
};

const longOutage: Scenario = {
  name: 'long-outage',
  title: 'nats-server killed (-9), back after 150 s',
  since: 'the server is ready again',
  run: (context) => restart(context, 150_000),
};

const natsFrozen: Scenario = {
  name: 'nats-frozen',
  title: 'nats-server stands still for 20 s, its connections open',
  since: 'it goes on',
  run: (context) =>
    underLoad({
      context,
      async fault({ world }) {
        world.nats.signal('SIGSTOP');
        await lasting(20_000);
        world.nats.signal('SIGCONT');
        return performance.now();
      },
    }),
};

const nodesKilled: Scenario = {
  name: 'nodes-killed',
  title: 'each of 3 nodes killed (-9) in turn, the leader first; R3 stream',
  since: 'stream and consumer have leaders again (the slowest of three)',
  async run(context) {
    let slowest = 0;
    let refusedBefore = 0;
    const elections: string[] = [];
    const gaps: string[] = [];
    const outcome = await underLoad({
      context,
      world: { cluster: true },
      async prepare(world) {
        await world.nats.api.streams.add({
          name: 'ORDERS',
          subjects: ['orders'],
          num_replicas: 3,
        });
      },
      async fault({ world, tally }) {
        const left = new Set(world.nodes.keys());
        let over = 0;
        while (left.size > 0) {
          const leader = await leaderOf(world);
          const victim = left.has(leader) ? leader : ([...left][0] as number);
          left.delete(victim);
          const node = world.nodes[victim] as World['nats'];
          const other = (victim + 1) % world.nodes.length;
          const killed = performance.now();
          await node.stop('SIGKILL');
          await until('leaders', () => hasLeaders(world, other, victim), 30_000);
          over = performance.now();
          const at = await until('recovery', () => tally.arrivalSince(over), 30_000);
          slowest = Math.max(slowest, at - over);
          elections.push(seconds(over - killed));
          gaps.push(seconds((await until('flow', () => tally.arrivalSince(killed))) - killed));
          await node.startAgain();
          await until('a whole cluster', () => isWhole(world, other), 60_000);
        }
        refusedBefore = tally.failed;
        return performance.now();
      },
    });
    const { recovery = 'never' } = outcome;
    const seen =
      `leaders elected ${elections.join(', ')} after the kill, what was published since then ` +
      `arrives ${gaps.join(', ')} after it; ${refusedBefore} publishes refused meanwhile`;
    return {
      ...outcome,
      recovery: recovery === 'never' ? recovery : Math.max(recovery, slowest),
      seen,
    };
  },
};

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;

/** Asks again soon while there is no leader to answer. Unit: milliseconds. */
const impatient = 250;

const apiThrough = (world: World, node: number) =>
  jetstreamManager((world.nodes[node] as World['nats']).client, {
    checkAPI: false,
    timeout: impatient,
  });

const leaderOf = (world: World) =>
  until('a leader', async () => {
    const { cluster } = await world.nats.api.streams.info('ORDERS');
    return /node(\d)/.exec(cluster?.leader ?? '');
  }).then(([, number]) => Number(number));

async function hasLeaders(world: World, through: number, gone: number): Promise<boolean> {
  const api = await apiThrough(world, through);
  const stream = await api.streams.info('ORDERS');
  const consumers = await api.consumers.list('ORDERS').next();
  const leaders = [stream, ...consumers].map(({ cluster }) => cluster?.leader);
  return consumers.length > 0 && leaders.every((leader) => leader && leader !== `node${gone}`);
}

async function isWhole(world: World, through: number): Promise<boolean> {
  const api = await apiThrough(world, through);
  const stream = await api.streams.info('ORDERS');
  const consumers = await api.consumers.list('ORDERS').next();
  return [stream, ...consumers].every(
    ({ cluster }) =>
      cluster?.leader &&
      cluster.replicas?.length === 2 &&
      cluster.replicas.every(({ current, offline }) => current && !offline),
  );
}

const consumerDeleted: Scenario = {
  name: 'consumer-deleted',
  title: 'durable consumer deleted',
  since: 'it is deleted',
  run: (context) => underLoad({ context, fault: ({ world }) => deleteConsumers(world) }),
};

const ephemeralDeleted: Scenario = {
  name: 'ephemeral-deleted',
  title: 'ephemeral consumer deleted',
  since: 'it is deleted',
  async run(context) {
    const outcome = await underLoad({
      context,
      metadata: { ours: { ephemeral: 'true' }, 'built-in': {} },
      fault: ({ world }) => deleteConsumers(world),
    });
    // What was with the app at that moment may come once more.
    const { duplicates } = outcome;
    const broken = duplicates > 100 ? [`${duplicates} came again that had been settled`] : [];
    return { ...outcome, broken };
  },
};

async function deleteConsumers(world: World): Promise<number> {
  const { consumers } = world.nats.api;
  for (const { name } of await consumers.list('ORDERS').next()) {
    await consumers.delete('ORDERS', name);
  }
  return performance.now();
}

const streamRecreated: Scenario = {
  name: 'stream-recreated',
  title: 'stream deleted, created again after 5 s',
  since: 'it is there again',
  run: (context) =>
    underLoad({
      context,
      async fault({ world, tally }) {
        // What the stream holds goes with it: only what has arrived counts.
        await world.nats.api.streams.delete('ORDERS');
        tally.forgetMissing();
        await lasting(5_000);
        await makeStream(world);
        return performance.now();
      },
    }),
};

const streamLate: Scenario = {
  name: 'stream-late',
  title: 'stream created 10 s after the apps have started',
  since: 'it is there',
  run: (context) =>
    underLoad({
      context,
      prepare: async () => undefined,
      flowing: false,
      async fault({ world }) {
        await lasting(10_000);
        await makeStream(world);
        return performance.now();
      },
    }),
};

export const natsScenarios = [
  natsKilled,
  nodesKilled,
  longOutage,
  natsFrozen,
  consumerDeleted,
  ephemeralDeleted,
  streamRecreated,
  streamLate,
];
