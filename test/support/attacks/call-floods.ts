import { setTimeout as sleep } from 'node:timers/promises';
import {
  continuation,
  data,
  flag,
  frame,
  frameType,
  grpcMessage,
  headers,
  lastData,
  resetStream,
  setting,
  windowUpdate,
} from '../http2/frames.ts';
import { encodeHeaders, indexedLiteral, literal } from '../http2/hpack.ts';
import { requestHeaders } from '../http2/request.ts';
import { Http2Client } from '../http2-client.ts';
import { publishRequest, pullRequest } from '../messages.ts';
import {
  type Attack,
  cutOff,
  inFrames,
  noteCalls,
  openInitialised,
  openMany,
  openWindow,
  pour,
  pourUnread,
} from './attack.ts';

const service = '/dapr.proto.components.v1.PubSub';
const pingBlock = encodeHeaders(requestHeaders(`${service}/Ping`));
const featuresBlock = encodeHeaders(requestHeaders(`${service}/Features`));
const pullBlock = encodeHeaders(requestHeaders(`${service}/PullMessages`));
const empty = grpcMessage(Buffer.alloc(0));

/** How long open calls are held. Unit: milliseconds. */
const hold = 2_000;

/** One whole call on the next stream. */
const whole = (client: Http2Client, block: Uint8Array) => {
  const stream = client.nextStream();
  return Buffer.concat([headers(stream, block), lastData(stream, empty)]);
};

/** Returns the writes for `count` calls, with 200 calls in each write. */
const calls =
  (count: number, one: (index: number) => Uint8Array) =>
  (index: number): Uint8Array | undefined =>
    index * 200 < count
      ? Buffer.concat(Array.from({ length: 200 }, (_, call) => one(index * 200 + call)))
      : undefined;

/** Notes the outcomes of the streams that have ended, and of the connection. */
function noteStreams(client: Http2Client, note: (outcome: string, count?: number) => void): void {
  const ended = client.events.filter(({ stream }) => stream !== 0);
  for (const { what } of ended) note(what);
  note(cutOff(client) ?? 'goes on');
}

export const callFloods = {
  '100,000 open streams on one connection': async ({ socket }, note) => {
    using client = await Http2Client.open(socket);
    await pour(
      client,
      calls(100_000, () => headers(client.nextStream(), pullBlock)),
    );
    await sleep(hold);
    noteStreams(client, note);
  },
  '100,000 open streams on 25 connections': async ({ socket }, note) => {
    const clients = await openMany(25, () => Http2Client.open(socket));
    const opening = clients.map((client) =>
      pour(
        client,
        calls(4_000, () => headers(client.nextStream(), pullBlock)),
      ),
    );
    await Promise.all(opening);
    await sleep(hold);
    for (const client of clients) noteStreams(client, note);
  },
  '100,000 calls at once': async ({ socket }, note) => {
    using client = await Http2Client.open(socket);
    openWindow(client);
    await pour(
      client,
      calls(100_000, () => whole(client, pingBlock)),
      8_000,
    );
    noteStreams(client, note);
  },
  '100,000 calls whose answers get no window': async ({ socket }, note) => {
    using client = await Http2Client.open(socket, {
      settings: [[setting.INITIAL_WINDOW_SIZE, 0]],
    });
    await pour(
      client,
      calls(100_000, () => whole(client, featuresBlock)),
    );
    await sleep(hold);
    noteStreams(client, note);
  },
  '200,000 calls of a client that does not read': async ({ socket }, note) => {
    using client = await Http2Client.open(socket);
    const all = calls(200_000, () => whole(client, pingBlock));
    note(await pourUnread(client, all, 8_000));
  },
  'calls of 20 clients that do not read': async ({ socket }, note) => {
    const clients = await openMany(20, () => Http2Client.open(socket));
    const pouring = clients.map(async (client) => {
      note(
        await pourUnread(
          client,
          calls(50_000, () => whole(client, featuresBlock)),
          5_000,
        ),
      );
    });
    await Promise.all(pouring);
  },
  'subscriptions of 20 clients that do not read': async (target, note) => {
    const sender = await openInitialised(target, 'sender', { credit: true });
    const clients = await Promise.all(
      Array.from({ length: 20 }, (_, index) => openInitialised(target, `reader-${index}`)),
    );
    const most = 0x7fff_0000;
    for (const client of clients) {
      const stream = client.begin('PullMessages', [
        ['x-component-instance', `reader-${clients.indexOf(client)}`],
      ]);
      client.send(data(stream, grpcMessage(pullRequest({ topic: 'flood' }))));
      client.send(windowUpdate(0, most), windowUpdate(stream, most));
      client.socket.pause();
    }
    const message = publishRequest('flood', Buffer.alloc(50_000, 'x'));
    const sent: number[] = [];
    for (let count = 0; count < 60; count++) {
      const stream = sender.begin('Publish', [['x-component-instance', 'sender']]);
      sent.push(stream);
      await sender.push(...inFrames(stream, grpcMessage(message)));
    }
    await noteCalls(sender, sent, note);
    await sleep(hold);
    for (const client of clients) note(cutOff(client) ?? 'goes on');
  },
  '4,000 open calls with 15 KB of metadata on each of four connections': async (
    { socket },
    note,
  ) => {
    const clients = await openMany(4, () => Http2Client.open(socket));
    const fields = Array.from({ length: 4 }, (_, index) =>
      literal(`x-${index}`, 'x'.repeat(3_700)),
    );
    const block = Buffer.concat([pingBlock, ...fields]);
    const pouring = clients.map((client) =>
      pour(
        client,
        calls(4_000, () => headers(client.nextStream(), block)),
        8_000,
      ),
    );
    await Promise.all(pouring);
    await sleep(hold);
    for (const client of clients) noteStreams(client, note);
  },
  '4,000 open calls with 60 KB of metadata on each of four connections': async (
    { socket },
    note,
  ) => {
    const clients = await openMany(4, () => Http2Client.open(socket));
    const fields = Array.from({ length: 4 }, (_, index) =>
      literal(`x-${index}`, 'x'.repeat(3_700)),
    );
    const part = Buffer.concat(fields);
    const pouring = clients.map(async (client) => {
      for (let count = 0; count < 4_000 && !cutOff(client); count++) {
        const stream = client.nextStream();
        await client.push(
          frame(frameType.HEADERS, 0, stream, Buffer.concat([pingBlock, part])),
          continuation(stream, part),
          continuation(stream, part),
          continuation(stream, part, flag.END_HEADERS),
        );
        // Stays within the budget for CONTINUATION frames.
        if (count % 30 === 0) await sleep(100);
      }
    });
    await Promise.race([Promise.all(pouring), sleep(10_000)]);
    for (const client of clients) noteStreams(client, note);
  },
  'all streams of the process on five connections': async ({ socket }, note) => {
    const clients = await openMany(5, () => Http2Client.open(socket));
    const pouring = clients.map((client) =>
      pour(
        client,
        calls(client === clients[4] ? 400 : 4_096, () => headers(client.nextStream(), pullBlock)),
      ),
    );
    await Promise.all(pouring);
    const [last] = clients.slice(-1);
    const deadline = performance.now() + hold;
    // Takes again each stream that becomes free.
    while (performance.now() < deadline) {
      for (let count = 0; count < 20; count++) last?.begin('PullMessages');
      await sleep(50);
    }
    for (const client of clients) noteStreams(client, note);
  },
  '10,000 subscriptions that are opened and reset': async (target, note) => {
    using client = await openInitialised(target, 'flood');
    const block = encodeHeaders(
      requestHeaders(`${service}/PullMessages`, [['x-component-instance', 'flood']]),
    );
    const topic = grpcMessage(pullRequest({ topic: 'flood' }));
    const outcome = await pour(
      client,
      calls(10_000, () => {
        const stream = client.nextStream();
        return Buffer.concat([
          headers(stream, block),
          data(stream, topic),
          resetStream(stream, 'CANCEL'),
        ]);
      }),
    );
    note(outcome);
  },
  'subscriptions that are opened and reset, 900 a second': async (target, note) => {
    using client = await openInitialised(target, 'flood');
    const block = encodeHeaders(
      requestHeaders(`${service}/PullMessages`, [['x-component-instance', 'flood']]),
    );
    const topic = grpcMessage(pullRequest({ topic: 'flood' }));
    const deadline = performance.now() + 4_000;
    while (performance.now() < deadline && !cutOff(client)) {
      for (let count = 0; count < 90; count++) {
        const stream = client.nextStream();
        client.send(headers(stream, block), data(stream, topic), resetStream(stream, 'CANCEL'));
      }
      await sleep(100);
    }
    note(cutOff(client) ?? 'goes on');
  },
  '50,000 calls with a grpc-timeout of their own': async ({ socket }, note) => {
    using client = await Http2Client.open(socket);
    openWindow(client);
    const outcome = await pour(
      client,
      calls(50_000, (index) => {
        const stream = client.nextStream();
        const timeout = indexedLiteral('grpc-timeout', `${10_000_000 + index}u`);
        const block = Buffer.concat([pingBlock, timeout]);
        // Half of the calls have no message.
        if (index % 2 === 0) return headers(stream, block, flag.END_STREAM);
        return Buffer.concat([headers(stream, block), lastData(stream, empty)]);
      }),
    );
    note(outcome);
  },
  '4,000 calls that all run out of time in the same moment': async ({ socket }, note) => {
    using client = await Http2Client.open(socket);
    const block = Buffer.concat([pullBlock, literal('grpc-timeout', '500m')]);
    for (let count = 0; count < 4_000; count++) client.send(headers(client.nextStream(), block));
    await sleep(1_500);
    noteStreams(client, note);
  },
} satisfies Record<string, Attack>;
