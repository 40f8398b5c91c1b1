import { setTimeout as sleep } from 'node:timers/promises';
import {
  continuation,
  data,
  defaultFrameSize,
  frame,
  frameType,
  grpcMessage,
  headers,
  ping,
  preface,
  settings,
} from '../http2/frames.ts';
import { encodeHeaders, indexed, indexedLiteral, literal } from '../http2/hpack.ts';
import { requestHeaders } from '../http2/request.ts';
import { Http2Client } from '../http2-client.ts';
import { type Attack, cutOff, openMany, pour } from './attack.ts';

const service = '/dapr.proto.components.v1.PubSub';
const pingBlock = encodeHeaders(requestHeaders(`${service}/Ping`));
const pullBlock = encodeHeaders(requestHeaders(`${service}/PullMessages`));

/** How long connections are left open. Unit: milliseconds. */
const hold = 2_000;

function noteConnections(clients: Http2Client[], note: (outcome: string) => void): void {
  for (const client of clients) {
    for (const { stream, what } of client.events) if (stream > 0) note(what);
    note(cutOff(client) ?? 'goes on');
  }
}

/** Returns a small header block that stands for a large header list: 16 KB for 50 MB. */
const bomb = (references: number) =>
  Buffer.concat([
    pingBlock,
    indexedLiteral('x-large', 'x'.repeat(3_900)),
    ...Array<Buffer>(references).fill(indexed(62)),
  ]);

export const connectionFloods = {
  '5,000 connections that say nothing': async ({ socket }, note) => {
    const clients = await openMany(5_000, () => Http2Client.connect(socket, { polite: false }));
    await sleep(hold);
    noteConnections(clients, note);
  },
  '1,000 connections that have sent SETTINGS': async ({ socket }, note) => {
    const clients = await openMany(1_000, () => Http2Client.open(socket));
    await sleep(hold);
    noteConnections(clients, note);
  },
  '2,000 connections with an open call each': async ({ socket }, note) => {
    const clients = await openMany(2_000, async () => {
      const client = await Http2Client.open(socket);
      client.begin('PullMessages');
      return client;
    });
    await sleep(hold);
    noteConnections(clients, note);
  },
  '5,000 connections that come and go': async ({ socket }, note) => {
    for (let round = 0; round < 50; round++) {
      const clients = await openMany(100, () => Http2Client.connect(socket));
      for (const [index, client] of clients.entries()) {
        client.send(preface.subarray(0, index % 25));
        if (index % 2 === 0) client.send(preface, settings(), headers(1, pullBlock));
        client.socket.destroy();
        note('gone');
      }
    }
  },
  '1,000 connections with half a header block each': async ({ socket }, note) => {
    const clients = await openMany(1_000, () => Http2Client.open(socket));
    const part = literal('x-large', 'x'.repeat(15_000));
    for (const client of clients) {
      client.send(frame(frameType.HEADERS, 0, 1, Buffer.concat([pingBlock, part])));
      for (let count = 0; count < 2; count++) await client.push(continuation(1, part));
    }
    await sleep(hold);
    noteConnections(clients, note);
  },
  '400 connections with 250 open calls each': async ({ socket }, note) => {
    const clients = await openMany(400, () => Http2Client.open(socket));
    for (const client of clients) {
      const calls = Array.from({ length: 250 }, () => headers(client.nextStream(), pullBlock));
      await Promise.race([client.push(...calls), sleep(500, undefined, { ref: false })]);
    }
    await sleep(hold);
    noteConnections(clients, note);
  },
  '1,000 connections with an unfinished message of 250 KB each': async ({ socket }, note) => {
    const clients = await openMany(1_000, () => Http2Client.open(socket));
    const chunk = Buffer.alloc(defaultFrameSize, 1);
    for (const client of clients) {
      const stream = client.begin('Ping');
      const begin = data(stream, grpcMessage(Buffer.alloc(0), 0, 300_000));
      const parts = Array<Buffer>(15).fill(data(stream, chunk));
      await Promise.race([client.push(begin, ...parts), sleep(500, undefined, { ref: false })]);
    }
    await sleep(hold);
    noteConnections(clients, note);
  },
  '200 connections with 900 PINGs a second each': async ({ socket }, note) => {
    const clients = await openMany(200, () => Http2Client.open(socket));
    const pings = Buffer.concat(Array<Buffer>(90).fill(ping(Buffer.alloc(8, 1))));
    const deadline = performance.now() + hold;
    while (performance.now() < deadline) {
      const start = performance.now();
      for (const client of clients) client.send(pings);
      await sleep(Math.max(1, start + 100 - performance.now()));
    }
    noteConnections(clients, note);
  },
  '2,000 HPACK bombs of 50 MB': async ({ socket }, note) => {
    using client = await Http2Client.open(socket);
    const block = bomb(12_000);
    note(
      await pour(client, (index) =>
        index < 2_000 ? headers(client.nextStream(), block) : undefined,
      ),
    );
  },
  '4,000 header lists that are too large': async ({ socket }, note) => {
    using client = await Http2Client.open(socket);
    const block = bomb(20);
    note(
      await pour(client, (index) =>
        index < 4_000 ? headers(client.nextStream(), block) : undefined,
      ),
    );
  },
  '2,000 header blocks that replace the whole dynamic table': async ({ socket }, note) => {
    using client = await Http2Client.open(socket);
    const block = (index: number) =>
      Buffer.concat([
        pingBlock,
        ...Array.from({ length: 300 }, (_, field) => indexedLiteral('x', `${300 * index + field}`)),
      ]);
    note(
      await pour(client, (index) =>
        index < 2_000 ? headers(client.nextStream(), block(index)) : undefined,
      ),
    );
  },
} satisfies Record<string, Attack>;
