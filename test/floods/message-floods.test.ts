import { expect, test } from 'vitest';
import { messageFloods, storms } from '../support/attacks/message-floods.ts';
import { bounded, flood } from '../support/flood.ts';
import { Neighbour } from '../support/neighbour.ts';
import { startPair } from '../support/pair.ts';

const served = ['OK', 'open', 'goes on'];

/** Answers to requests that the server cannot read or does not accept. */
const refused = ['INTERNAL', 'UNIMPLEMENTED', 'RST_STREAM FLOW_CONTROL_ERROR'];

/**
 * What is held is 80 MiB for a connection, and 96 MiB for all. While the room of a message grows, its old room is there
 * as well; and what was read stays until it is collected. Unit: MB.
 */
const mostGrowth = 300;

/**
 * What waits for NATS is held once as a message, and once as what is written to NATS: 64 MiB for a Component, 128 MiB for
 * all. Unit: MB.
 */
const stormGrowth = 400;

test.each(Object.keys(messageFloods))('%s: bounded, and nobody else is harmed', async (name) => {
  await using pair = await startPair();
  // Messages that arrive in parts, as the attacker's do.
  await using neighbour = await Neighbour.start(pair, { bytes: 200_000, newConnections: true });
  const allowed = [...bounded, ...served, ...refused];
  await flood({ pair, neighbour, name, growth: mostGrowth, allowed });
});

test.each(Object.keys(storms))('%s: bounded, and served', async (name) => {
  await using pair = await startPair();
  await pair.nats.stream('FLOOD', 'flood');
  await using neighbour = await Neighbour.start(pair, { newConnections: true });
  await flood({
    pair,
    neighbour,
    name,
    growth: stormGrowth,
    allowed: [...bounded, 'OK', 'UNAVAILABLE', 'goes on'],
  });
});

test.each(Object.keys(storms))(
  '%s while NATS says nothing: bounded, and served afterwards',
  async (name) => {
    await using pair = await startPair();
    await pair.nats.stream('FLOOD', 'flood');
    await using neighbour = await Neighbour.start(pair, { method: 'Ping', newConnections: true });
    const outcomes = await flood({
      pair,
      neighbour,
      name,
      growth: stormGrowth,
      allowed: [...bounded, 'UNAVAILABLE', 'DEADLINE_EXCEEDED', 'goes on'],
      onReady: () => pair.nats.signal('SIGSTOP'),
    });
    pair.nats.signal('SIGCONT');
    expect(outcomes).not.toEqual({});
    const host = await pair.host();
    await host.publish('flood', 'served again');
  },
);

/** One Component may have 64 MiB under way to NATS: more is refused, and may be tried again. */
test('a client that publishes 60 messages of 1 MB at once is served, and keeps its subscription', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders', 'large');
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  subscription.ackAll();
  const large = Buffer.alloc(1_000_000, 'x');
  await Promise.all(Array.from({ length: 60 }, () => host.publish('large', large)));
  await host.publish('orders', 'x');
  await subscription.received(1);
  expect(subscription.status).toBeUndefined();
});
