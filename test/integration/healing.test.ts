import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Child } from '../support/child.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { startComponent } from '../support/component.ts';
import { Flow } from '../support/flow.ts';
import { Host, type HostSubscription } from '../support/host.ts';
import type { NatsServer } from '../support/nats-server.ts';
import { type Pair, startPair } from '../support/pair.ts';
import { temporaryFolder } from '../support/temp.ts';
import { until } from '../support/wait.ts';

/** The component's log without what differs between two attempts at the same thing. */
function said(component: Child): string[] {
  return component.lines.map((line) => {
    if (!line.startsWith('{')) return line;
    const { topic = 'connection', msg } = JSON.parse(line);
    return `${topic}: ${msg.replace(/_INBOX\.\w+/g, '_INBOX').replace(/\d+(\.\d+)?/g, 'N')}`;
  });
}

/** What some have that came before. */
function repeated(texts: string[]): string[] {
  return texts.filter((text, index) => texts.indexOf(text) !== index);
}

/** Name of the node that leads the cluster's own group. */
async function metaLeader([node]: NatsServer[]): Promise<string | undefined> {
  const jsz = (await node?.monitor('jsz')) as unknown as { meta_cluster?: { leader?: string } };
  return jsz.meta_cluster?.leader;
}

/** Waits for whoever has to agree: a test before may have killed a leader. */
async function replicatedStream(api: NatsServer['api'], name: string): Promise<void> {
  const stream = { name, subjects: [name], num_replicas: 3 };
  await until(`stream ${name}`, () => api.streams.add(stream), 30_000);
}

/** Has a node running again after what is done to it, also where that fails: the next test needs it. */
async function thenRestarted(node: NatsServer, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } finally {
    await node.stop();
    await node.startAgain();
  }
}

describe('in a cluster of three', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster('lame_duck_duration: 30s\nlame_duck_grace_period: 1s');
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  /** A component with a stream of three replicas, both named after the test's topic. */
  async function startReplicated(topic: string) {
    await using stack = new AsyncDisposableStack();
    const { nodes } = cluster;
    const [{ api, client }] = nodes as [NatsServer];
    await replicatedStream(api, topic);
    const folder = stack.use(await temporaryFolder());
    const component = stack.use(await startComponent({ folder: folder.path }));
    const host = stack.use(new Host(component.socket));
    const natsURL = nodes.map(({ url }) => url).join(',');
    await host.init({ natsURL, consumerID: 'app', name: topic, ackWait: '2s' });
    const subscription = host.subscribe(topic);
    subscription.ackAll();
    const flow = stack.use(new Flow(host, topic));
    await subscription.received(10, 30_000);
    const owned = stack.move();
    return {
      ...{ host, component, subscription, flow, client },
      /** The node that the component is connected to. */
      async node(): Promise<NatsServer> {
        const holds = async (node: NatsServer) =>
          (await node.monitor('connz')).connections.some(({ name }) => name === topic);
        const held = await Promise.all(nodes.map(holds));
        return nodes[held.indexOf(true)] as NatsServer;
      },
      /** Every replica is there and up to date again. */
      async whole(): Promise<void> {
        const replicas = async () => (await api.streams.info(topic)).cluster?.replicas ?? [];
        const isWhole = async () =>
          (await replicas()).filter(({ current, offline }) => current && !offline).length === 2;
        await until('a whole cluster', isWhole, 30_000);
      },
      /** All that was OK has arrived and is settled. */
      async complete(): Promise<void> {
        await flow.arrived(subscription);
        const info = () => api.consumers.info(topic, `app-${topic}`);
        await until('all settled', async () => (await info()).num_ack_pending === 0, 30_000);
        expect((await api.streams.info(topic)).state.messages).toBe(flow.stored.length);
        expect(subscription.status).toBeUndefined();
      },
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  }

  test('leaders of the stream and the consumer step down: nothing is lost', async () => {
    await using replicated = await startReplicated('leaders');
    const { client, subscription, flow } = replicated;
    for (let round = 0; round < 4; round++) {
      for (const what of [
        'CONSUMER.LEADER.STEPDOWN.leaders.app-leaders',
        'STREAM.LEADER.STEPDOWN.leaders',
      ]) {
        await until('a step-down', async () => {
          const answer = await client.request(`$JS.API.${what}`, '', { timeout: 1_000 });
          return answer.json<{ success?: boolean }>().success;
        });
        const { length } = subscription.messages;
        await flow.more(20);
        await subscription.received(length + 20);
      }
    }
    await replicated.complete();
    // A settlement is lost with the leader that was to take it, one at a time here.
    expect(repeated(subscription.texts).length).toBeLessThanOrEqual(4);
  });

  test('lame-duck mode: the component moves on, nothing is lost', async () => {
    await using replicated = await startReplicated('lame');
    const { component, subscription, flow } = replicated;
    const node = await replicated.node();
    await thenRestarted(node, async () => {
      node.signal('SIGUSR2');
      await component.line(/is about to shut down/);
      await component.line(/reconnected to NATS/);
      await flow.more(20);
      await replicated.complete();
      expect(repeated(subscription.texts)).toEqual([]);
      expect(repeated(said(component))).toEqual([]);
    });
    await replicated.whole();
  });

  test('a stream that is slow to replicate: what is published is OK, and stored once', async () => {
    await using replicated = await startReplicated('slow');
    await replicated.whole();
    const { nodes } = cluster;
    const [{ api }] = nodes as [NatsServer];
    await replicatedStream(api, 'heavy');
    const { cluster: placed } = await api.streams.info('heavy');
    const leader = nodes[Number(placed?.leader?.slice('node'.length))] as NatsServer;
    using host = new Host(replicated.component.socket, 'heavy');
    await host.init({ natsURL: leader.url, publishTimeout: '6s' });
    const followers = nodes.filter((node) => node !== leader);
    for (const node of followers) node.signal('SIGSTOP');
    const published = host.publish('heavy', 'x', { msgId: 'x' });
    // Longer than it takes to send it again.
    await sleep(3_000);
    for (const node of followers) node.signal('SIGCONT');
    await published;
    const stored = async () => (await leader.api.streams.info('heavy')).state.messages;
    await until('the message', async () => (await stored()) === 1);
    await replicated.complete();
  });

  test('the leader of everything is killed: a publish that may wait for the next one is OK', async () => {
    await using replicated = await startReplicated('everything');
    await replicated.whole();
    const { nodes } = cluster;
    const [{ api, client }] = nodes as [NatsServer];
    await replicatedStream(api, 'patient');
    const leader = await until('one leader of everything', async () => {
      const name = (await api.streams.info('patient')).cluster?.leader;
      if (name && name === (await metaLeader(nodes))) return name;
      await client.request('$JS.API.STREAM.LEADER.STEPDOWN.patient', '');
      return undefined;
    });
    const [other] = nodes.filter((_, index) => `node${index}` !== leader) as [NatsServer];
    using host = new Host(replicated.component.socket, 'patient');
    await host.init({ natsURL: other.url, publishTimeout: '20s' });
    const killed = nodes[Number(leader.slice('node'.length))] as NatsServer;
    await thenRestarted(killed, async () => {
      await killed.stop('SIGKILL');
      await host.publish('patient', 'x', { msgId: 'x' });
    });
    await replicated.whole();
  });

  test('acknowledged while the consumer has no leader: it does not come again', async () => {
    await using replicated = await startReplicated('beside');
    const { nodes } = cluster;
    const { host } = replicated;
    await replicated.whole();
    const [{ api }] = nodes as [NatsServer];
    await replicatedStream(api, 'headless');
    const subscription = host.subscribe('headless', { ackWait: '60s' });
    for (let index = 0; index < 20; index++) await host.publish('headless', `${index}`);
    await subscription.received(20);
    const { cluster: placed } = await api.consumers.info('headless', 'app-headless');
    const leader = nodes[Number(placed?.leader?.slice('node'.length))] as NatsServer;
    const [other] = nodes.filter((node) => node !== leader) as [NatsServer];
    await thenRestarted(leader, async () => {
      await leader.stop('SIGKILL');
      subscription.ackAll();
      const unsettled = async () =>
        (await other.api.consumers.info('headless', 'app-headless')).num_ack_pending;
      await until('all settled', async () => (await unsettled()) === 0, 30_000);
      expect(subscription.messages).toHaveLength(20);
    });
    await replicated.whole();
  });

  test('the node it is connected to is killed and comes back, twice: nothing is lost', async () => {
    await using replicated = await startReplicated('killed');
    const { subscription, flow } = replicated;
    for (let round = 0; round < 2; round++) {
      await replicated.whole();
      const node = await replicated.node();
      await thenRestarted(node, async () => {
        await node.stop('SIGKILL');
        const { length } = subscription.messages;
        await flow.more(20, 30_000);
        await subscription.received(length + 20, 30_000);
      });
      await flow.more(20);
    }
    await replicated.complete();
    // Its settlement may have been lost with the node.
    expect(repeated(subscription.texts).length).toBeLessThanOrEqual(2);
  });
});

test('a stream that is deleted and made again under load: all it stores arrives, once', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  subscription.ackAll();
  await using flow = new Flow(host, 'orders');
  for (let round = 0; round < 3; round++) {
    await flow.more(20);
    await pair.nats.api.streams.delete('ORDERS');
    await until('a refusal', () => flow.refused > round);
    // What the old stream had not delivered yet is gone with it.
    flow.stored.splice(0);
    await pair.nats.stream('ORDERS', 'orders');
  }
  await flow.more(20);
  await flow.arrived(subscription);
  expect(repeated(subscription.texts)).toEqual([]);
  expect((await pair.nats.api.streams.info('ORDERS')).state.messages).toBe(flow.stored.length);
  expect(subscription.status).toBeUndefined();
});

test('a late settlement of a deleted stream settles nothing of the new one', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  for (const text of ['old 1', 'old 2', 'old 3']) await host.publish('orders', text);
  const old = [...(await subscription.received(3))];
  await pair.nats.api.streams.delete('ORDERS');
  await pair.component.line(/Consumer Deleted/);
  await pair.nats.stream('ORDERS', 'orders');
  for (const text of ['1', '2', '3']) await host.publish('orders', text);
  await subscription.received(6);
  const [first, ...others] = old.map(({ id }) => id);
  for (const id of others) subscription.ack(id);
  subscription.nak(first ?? '');
  // Settlements count in their order: those above have been taken when this one has.
  subscription.ack(subscription.messages[5]?.id ?? '');
  const info = () => pair.nats.api.consumers.info('ORDERS', 'app-orders');
  await until('a settlement', async () => (await info()).num_ack_pending < 3);
  expect(await info()).toMatchObject({ num_ack_pending: 2, num_redelivered: 0 });
  expect(subscription.texts).toEqual(['old 1', 'old 2', 'old 3', '1', '2', '3']);
});

test('a stream made again, found by another replica first: nothing is taken for a redelivery', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const few = { prefetchCount: '4' };
  const [first, second] = [await pair.host(few), await pair.host(few)];
  for (let index = 0; index < 8; index++) await first.publish('orders', `old ${index}`);
  const quick = first.subscribe('orders');
  await quick.received(4);
  const late = second.subscribe('orders');
  await late.received(4);

  // Neither has room for more, so neither has asked for any and is told.
  await pair.nats.api.streams.delete('ORDERS');
  await pair.nats.stream('ORDERS', 'orders');
  for (let index = 0; index < 8; index++) await first.publish('orders', `${index}`);
  for (const { id } of [...quick.messages]) quick.ack(id);
  await quick.received(8);
  for (const { id } of [...late.messages].reverse()) {
    late.ack(id);
    await late.received(5);
  }
  await late.received(8);
  expect([...quick.texts.slice(4), ...late.texts.slice(4)]).toEqual(
    Array.from({ length: 8 }, (_, index) => `${index}`),
  );
  const info = await pair.nats.api.consumers.info('ORDERS', 'app-orders');
  expect(info.num_ack_pending).toBe(8);
});

/** A server whose users are the test and the component's, who may do what it likes. */
const users = (app = 'password: p') =>
  `authorization { users: [ { user: test, password: test }, { user: app, ${app} } ] }`;
const denied = (permissions: string) => users(`password: p, permissions: { ${permissions} }`);

interface Guarded extends Pair {
  app: Host;
  subscription: HostSubscription;
}

/** A subscription to `orders` that works, by a user with a password. */
async function startGuarded(properties: Record<string, string> = {}): Promise<Guarded> {
  await using stack = new AsyncDisposableStack();
  const nats = { config: users(), client: { user: 'test', pass: 'test' } };
  const pair = stack.use(await startPair({ nats }));
  await pair.nats.stream('ORDERS', 'orders');
  const app = await pair.host({ username: 'app', password: 'p', ...properties });
  const subscription = app.subscribe('orders');
  subscription.ackAll();
  await app.publish('orders', 'before');
  await subscription.received(1);
  const owned = stack.move();
  return { ...pair, app, subscription, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

test('permission to subscribe to _INBOX, withdrawn and given back: it delivers again', async () => {
  await using guarded = await startGuarded();
  const { nats, component, app, subscription } = guarded;
  await nats.reload(denied('subscribe: { deny: "_INBOX.>" }'));
  await component.line(/not delivering.* the user may not subscribe to _INBOX/);
  await expect(app.publish('orders', 'x')).rejects.toMatchObject({
    code: status.PERMISSION_DENIED,
  });
  await until('more attempts', () => nats.said(/Subscription Violation/) >= 5);
  await nats.reload(users());
  await component.line(/"msg":"subscribed again"/);
  nats.client.publish('orders', 'after');
  await subscription.received(2);
  expect(subscription.texts).toEqual(['before', 'after']);
  expect(repeated(said(component).filter((text) => text.startsWith('orders')))).toEqual([]);
});

test('permission to ask for messages, withdrawn and given back: it delivers again', async () => {
  await using guarded = await startGuarded({ prefetchCount: '1' });
  const { nats, component, app, subscription } = guarded;
  await nats.reload(denied('publish: { deny: "$JS.API.CONSUMER.MSG.NEXT.>" }'));
  // What was asked for before is still served.
  for (const text of ['1', '2', '3']) await app.publish('orders', text);
  await component.line(/not delivering.* the user may not ask for messages/);
  await until('more attempts', () => nats.said(/Publish Violation/) >= 4);
  expect(said(component)).not.toContain('orders: subscribed again');
  await nats.reload(users());
  await subscription.received(4);
  expect(subscription.texts).toEqual(['before', '1', '2', '3']);
  await component.line(/"msg":"subscribed again"/);
  expect(repeated(said(component))).toEqual([]);
});

test('permission to publish to the topic, withdrawn and given back: it publishes again', async () => {
  await using guarded = await startGuarded();
  const { nats, component, app, subscription } = guarded;
  await nats.reload(denied('publish: { deny: "orders" }'));
  for (let attempt = 0; attempt < 3; attempt++) {
    await expect(app.publish('orders', 'during')).rejects.toMatchObject({
      code: status.PERMISSION_DENIED,
    });
  }
  await nats.reload(users());
  await app.publish('orders', 'after');
  await subscription.received(2);
  expect(subscription.texts).toEqual(['before', 'after']);
  expect(repeated(said(component))).toEqual([]);
});

test('credentials changed and changed back: it publishes and delivers again', async () => {
  await using guarded = await startGuarded();
  const { nats, component, app, subscription } = guarded;
  await nats.reload(users('password: other'));
  await component.line(/lost the connection/);
  await until('refused dials', () => nats.said(/authentication error/) >= 4);
  await nats.reload(users());
  await component.line(/reconnected to NATS/);
  await app.publish('orders', 'after');
  await subscription.received(2);
  expect(subscription.texts).toEqual(['before', 'after']);
});

test('a server that comes back without JetStream, and then with it: it goes on', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host({ publishTimeout: '1s' });
  const subscription = host.subscribe('orders');
  subscription.ackAll();
  await using flow = new Flow(host, 'orders');
  await flow.more(20);
  await pair.nats.stop();
  await pair.nats.configure('jetstream: disabled');
  await pair.nats.startAgain();
  await pair.component.line(/not delivering.*does not answer for JetStream: it is off/);
  const { refused } = flow;
  await until('refusals', () => flow.refused > refused + 3);
  await pair.nats.stop();
  await pair.nats.configure('');
  await pair.nats.startAgain();
  await flow.more(20);
  await flow.arrived(subscription);
  expect(subscription.status).toBeUndefined();
  expect((await pair.nats.api.streams.info('ORDERS')).state.messages).toBe(flow.stored.length);
});

test('an ephemeral consumer that is deleted in mid-flow goes on after what is settled', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host({ ephemeral: 'true' });
  const all = Array.from({ length: 1_000 }, (_, index) => `${index}`);
  await Promise.all(all.map((text) => host.publish('orders', text)));
  const subscription = host.subscribe('orders');
  // Like daprd: one at a time, in order.
  const settled = new Set<string>();
  const settledAgain: string[] = [];
  let handled = Promise.resolve();
  subscription.onMessage = ({ id, data }) => {
    const text = data.toString();
    if (settled.has(text)) settledAgain.push(text);
    handled = handled.then(async () => {
      await sleep(1);
      subscription.ack(id);
      settled.add(text);
    });
  };
  for (let round = 1; round <= 4; round++) {
    await until('some settled', () => settled.size >= round * 200);
    const [consumer] = await pair.nats.api.consumers.list('ORDERS').next();
    await pair.nats.api.consumers.delete('ORDERS', consumer?.name ?? '');
  }
  await until('all settled', () => settled.size === all.length);
  expect(settledAgain).toEqual([]);
  expect(subscription.status).toBeUndefined();
});

// Mostly waiting: side by side.
test('an ephemeral consumer that is lost in an outage: what was refused comes again', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const host = await pair.host({ ephemeral: 'true', memoryStorage: 'true', ackWait: '1s' });
  const subscription = host.subscribe('orders');
  for (const text of ['1', '2']) await host.publish('orders', text);
  const [first, second] = await subscription.received(2);
  subscription.nak(first?.id ?? '');
  subscription.ack(second?.id ?? '');
  await host.publish('orders', 'after both');
  await pair.nats.stop('SIGKILL');
  await pair.component.line(/lost the connection/);
  // Longer than a refused message is waited for elsewhere: its delay and three ackWaits.
  await sleep(5_000);
  await pair.nats.startAgain();
  await until(
    'the refused one',
    () => subscription.texts.filter((text) => text === '1').length === 2,
  );
});

describe.concurrent('what takes its time', () => {
  test('a push consumer without heartbeat that is deleted is made again', async ({ expect }) => {
    await using pair = await startPair();
    await pair.nats.stream('ORDERS', 'orders');
    const host = await pair.host({ queueGroupName: 'group' });
    const subscription = host.subscribe('orders');
    subscription.ackAll();
    await host.publish('orders', 'before');
    await subscription.received(1);
    await pair.nats.api.consumers.delete('ORDERS', 'group');
    await pair.component.line(/not delivering.* the consumer is gone/);
    await host.publish('orders', 'after');
    await until('after', () => subscription.texts.includes('after'));
    expect(subscription.status).toBeUndefined();
  });

  test('JetStream taken from the account for a while: it goes on', async ({ expect }) => {
    const account = (jetstream: string) =>
      `accounts { A { jetstream: ${jetstream}, users: [ { user: app, password: p } ] } }`;
    const client = { user: 'app', pass: 'p' };
    await using pair = await startPair({ nats: { config: account('enabled'), client } });
    await pair.nats.stream('ORDERS', 'orders');
    const host = await pair.host({ username: 'app', password: 'p' });
    const subscription = host.subscribe('orders');
    subscription.ackAll();
    await using flow = new Flow(host, 'orders');
    await flow.more(20);
    await pair.nats.reload(account('disabled'));
    // The server just falls silent.
    await pair.component.line(/not delivering.*JetStream not enabled for account/);
    await until('refusals', () => flow.refused > 3);
    await pair.nats.reload(account('enabled'));
    await flow.more(20);
    await flow.arrived(subscription);
    expect(subscription.status).toBeUndefined();
    expect((await pair.nats.api.streams.info('ORDERS')).state.messages).toBe(flow.stored.length);
  });

  test('a server that is frozen for 20 s: publishes fail in time, then it goes on', async ({
    expect,
  }) => {
    await using pair = await startPair();
    await pair.nats.stream('ORDERS', 'orders');
    const host = await pair.host({ publishTimeout: '1s' });
    const subscription = host.subscribe('orders');
    subscription.ackAll();
    await using flow = new Flow(host, 'orders');
    await flow.more(20);
    pair.nats.signal('SIGSTOP');
    await sleep(20_000);
    pair.nats.signal('SIGCONT');
    await flow.more(20);
    await flow.arrived(subscription);
    expect(flow.refused).toBeGreaterThan(0);
    expect(flow.slowest).toBeLessThan(1_500);
    expect(subscription.status).toBeUndefined();
    expect((await pair.nats.api.streams.info('ORDERS')).state.messages).toBe(flow.stored.length);
    expect(repeated(said(pair.component))).toEqual([]);
    expect(repeated(subscription.texts)).toEqual([]);
  });

  test('an outage of 10 s, and a stream that comes late: the log says once what is waited for', async ({
    expect,
  }) => {
    await using pair = await startPair();
    await pair.nats.stream('ORDERS', 'orders');
    const host = await pair.host();
    const subscription = host.subscribe('orders');
    subscription.ackAll();
    await host.publish('orders', 'before');
    await subscription.received(1);
    await pair.nats.stop('SIGKILL');
    await pair.component.line(/lost the connection to NATS .*: reconnecting for ever/);
    const late = host.subscribe('late');
    late.ackAll();
    await sleep(10_000);
    await pair.nats.startAgain();
    await pair.component.line(/reconnected to NATS .* after 1\d\.\d s/);
    await host.publish('orders', 'after');
    await subscription.received(2);
    await pair.component.line(/no stream takes the subject .*late.*nats stream add/);
    await sleep(3_000);
    await pair.nats.stream('LATE', 'late');
    await pair.component.line(/"topic":"late".*"msg":"subscribed again"/);
    await host.publish('late', 'at last');
    await late.received(1);
    expect(repeated(said(pair.component))).toEqual([]);
  });
});

describe.concurrent('refusals, withdrawn', () => {
  test('permission to subscribe to _INBOX, given back: it publishes again', async () => {
    await using guarded = await startGuarded();
    const { nats, component, app } = guarded;
    await nats.reload(denied('subscribe: { deny: "_INBOX.>" }'));
    await component.line(/not delivering/);
    await nats.reload(users());
    await until('publishing', () => app.publish('orders', 'after').then(() => true), 2_500);
  });

  test('permission to subscribe to _INBOX, withdrawn: the log says it once', async ({ expect }) => {
    await using guarded = await startGuarded();
    const { nats, component } = guarded;
    await nats.reload(denied('subscribe: { deny: "_INBOX.>" }'));
    await until('more attempts', () => nats.said(/Subscription Violation/) >= 5);
    await component.line(/not delivering/);
    expect(repeated(said(component))).toEqual([]);
  });

  test('credentials changed and changed back: the log says once that it is connected', async ({
    expect,
  }) => {
    await using guarded = await startGuarded();
    const { nats, component, app } = guarded;
    await nats.reload(users('password: other'));
    await until('refused dials', () => nats.said(/authentication error/) >= 4);
    await nats.reload(users());
    await component.line(/reconnected to NATS/);
    await app.publish('orders', 'after');
    expect(repeated(said(component))).toEqual([]);
  });
});
