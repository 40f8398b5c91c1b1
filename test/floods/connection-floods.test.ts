import { expect, test } from 'vitest';
import { openMany } from '../support/attacks/attack.ts';
import { connectionFloods } from '../support/attacks/connection-floods.ts';
import { bounded, flood } from '../support/flood.ts';
import { preface, settings } from '../support/http2/frames.ts';
import { Http2Client } from '../support/http2-client.ts';
import { Neighbour } from '../support/neighbour.ts';
import { startPair } from '../support/pair.ts';

test.each(Object.keys(connectionFloods))('%s: bounded, and nobody else is harmed', async (name) => {
  await using pair = await startPair();
  await using neighbour = await Neighbour.start(pair, { newConnections: true });
  await flood({
    pair,
    neighbour,
    name,
    growth: 150,
    allowed: [...bounded, 'gone', 'goes on', 'RST_STREAM NO_ERROR'],
  });
});

test('a daprd that comes while there are 1,100 connections with open calls keeps its subscription', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const open = async () => {
    const client = await Http2Client.open(pair.component.socket);
    client.begin('PullMessages');
    return client;
  };
  const before = await openMany(1_100, open);
  const host = await pair.host();
  const subscription = host.subscribe('orders');
  subscription.ackAll();
  await host.publish('orders', 'first');
  await subscription.received(1);
  const after = await openMany(100, open);
  await host.publish('orders', 'second');
  await subscription.received(2);
  expect(subscription.status).toBeUndefined();
  for (const client of [...before, ...after]) client.socket.destroy();
});

test('closes connections that have not finished the handshake after 10 s', async () => {
  await using pair = await startPair();
  const start = performance.now();
  const beginnings = [
    Buffer.alloc(0),
    preface.subarray(0, 12),
    preface,
    Buffer.concat([preface, settings([3, 100]).subarray(0, 12)]),
  ];
  const open = await Promise.all(
    beginnings.flatMap((bytes) =>
      Array.from({ length: 10 }, async () => {
        const client = await Http2Client.connect(pair.component.socket, { polite: false });
        client.send(bytes);
        return client;
      }),
    ),
  );
  // A client that sends its preface slowly gets no more time.
  const slow = await Http2Client.connect(pair.component.socket, { polite: false });
  let dripped = 0;
  const drip = setInterval(() => slow.send(preface.subarray(dripped, ++dripped)), 600);
  using patient = await Http2Client.open(pair.component.socket);
  const ended = open.map(async (client) => {
    expect(await client.ends(13_000)).toBe(true);
    expect(performance.now() - start).toBeGreaterThan(9_000);
  });
  await Promise.all(ended);
  clearInterval(drip);
  expect(await slow.ends()).toBe(true);
  expect(await patient.usable()).toBe('OK');
});
