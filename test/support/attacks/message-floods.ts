import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import {
  data,
  defaultFrameSize,
  grpcMessage,
  headers,
  initialWindow,
  lastData,
  setting,
} from '../http2/frames.ts';
import { encodeHeaders } from '../http2/hpack.ts';
import { requestHeaders } from '../http2/request.ts';
import { Http2Client } from '../http2-client.ts';
import { publishRequest } from '../messages.ts';
import { until } from '../wait.ts';
import {
  type Attack,
  cutOff,
  inFrames,
  noteCalls,
  openInitialised,
  openMany,
  pour,
  turn,
} from './attack.ts';

const service = '/dapr.proto.components.v1.PubSub';
const pingBlock = encodeHeaders(requestHeaders(`${service}/Ping`));
const pullBlock = encodeHeaders(requestHeaders(`${service}/PullMessages`));
const nothing = Buffer.alloc(0);
const chunk = Buffer.alloc(defaultFrameSize, 1);
const mebi = 1024 * 1024;

/** How long unfinished calls stay open. Unit: milliseconds. */
const hold = 2_000;

/** Sends DATA on all streams in turn, as fast as the windows allow, until the time is over. */
async function fill(client: Http2Client, streams: number[], milliseconds: number): Promise<void> {
  const streamWindow = client.setting(setting.INITIAL_WINDOW_SIZE, initialWindow);
  const sent = new Map(streams.map((stream) => [stream, 0]));
  const deadline = performance.now() + milliseconds;
  let all = 0;
  while (performance.now() < deadline && !cutOff(client)) {
    let progress = false;
    for (const stream of streams) {
      const before = sent.get(stream) ?? 0;
      const room = streamWindow + client.credited(stream) - before;
      const roomOfAll = initialWindow + client.credited(0) - all;
      if (client.stream(stream).ended || Math.min(room, roomOfAll) < chunk.length) continue;
      await Promise.race([client.push(data(stream, chunk)), sleep(500, undefined, { ref: false })]);
      sent.set(stream, before + chunk.length);
      all += chunk.length;
      progress = true;
    }
    await (progress ? turn() : sleep(10));
  }
}

/** Opens calls that announce a message of this size. */
function announce(client: Http2Client, count: number, size: number, block = pingBlock): number[] {
  return Array.from({ length: count }, () => {
    const stream = client.nextStream();
    client.send(headers(stream, block), data(stream, grpcMessage(nothing, 0, size)));
    return stream;
  });
}

function noteOpen(client: Http2Client, streams: number[], note: (outcome: string) => void): void {
  for (const stream of streams) {
    note(client.events.find((event) => event.stream === stream)?.what ?? 'open');
  }
  note(cutOff(client) ?? 'goes on');
}

/** Sends messages of 60 MiB on all connections at the same time, as fast as the windows allow. */
const endless =
  (connections: number, messages: number, block: Buffer): Attack =>
  async ({ socket }, note) => {
    const clients = await openMany(connections, () => Http2Client.open(socket));
    const filling = clients.map(async (client) => {
      const streams = announce(client, messages, 60 * mebi, block);
      await fill(client, streams, 4_000);
      noteOpen(client, streams, note);
    });
    await Promise.all(filling);
  };

/** Announces messages of this size on all connections, and sends nothing of them. */
const announced =
  (connections: number, messages: number, size: number): Attack =>
  async ({ socket }, note) => {
    const clients = await openMany(connections, () => Http2Client.open(socket));
    const streams = clients.map((client) => announce(client, messages, size));
    await sleep(hold);
    for (const [index, client] of clients.entries()) noteOpen(client, streams[index] ?? [], note);
  };

/** Publishes large messages on connections of its own, as fast as the windows allow. */
const publishes =
  (connections: number, messages: number, size: number): Attack =>
  async (target, note) => {
    const names = Array.from({ length: connections }, (_, index) => `storm-${index}`);
    const clients = await Promise.all(names.map((name) => openInitialised(target, name)));
    console.log('ready');
    await sleep(200);
    const body = grpcMessage(publishRequest('flood', Buffer.alloc(size, 'x')));
    const storm = clients.map(async (client, index) => {
      const metadata = [['x-component-instance', names[index] as string]] as const;
      const calls: number[] = [];
      const streamWindow = client.setting(setting.INITIAL_WINDOW_SIZE, initialWindow);
      let sent = 1_000;
      for (let count = 0; count < messages && !cutOff(client); count++) {
        const stream = client.begin('Publish', metadata);
        calls.push(stream);
        let sentOnStream = 0;
        for (const part of inFrames(stream, body)) {
          const room = () =>
            Math.min(
              initialWindow + client.credited(0) - sent,
              streamWindow + client.credited(stream) - sentOnStream,
            ) >= part.length;
          const inTime = await until('room', () => room() || client.closed, 2_000).catch(
            () => false,
          );
          if (!inTime) {
            note('held back');
            break;
          }
          sent += part.length;
          sentOnStream += part.length;
          await client.push(part);
        }
      }
      await noteCalls(client, calls, note, 8_000);
      note(cutOff(client) ?? 'goes on');
    });
    await Promise.all(storm);
  };

export const messageFloods = {
  '100 messages that never end': endless(1, 100, pingBlock),
  '100 requests of subscriptions that never end': endless(1, 100, pullBlock),
  '400 messages that never end, on four connections': endless(4, 100, pingBlock),
  '4,000 messages of 64 MiB of which no byte comes': announced(1, 4_000, 64 * mebi),
  '400 messages of 1 MiB of which no byte comes, on four connections': announced(4, 100, mebi),
  '12,000 messages of 10 KB of which no byte comes, on four connections': announced(
    4,
    3_000,
    10_000,
  ),
  '1,000 messages that come byte by byte': async ({ socket }, note) => {
    const clients = await openMany(10, () => Http2Client.open(socket));
    const streams = clients.map((client) => announce(client, 100, 60_000));
    const deadline = performance.now() + hold;
    while (performance.now() < deadline) {
      for (const [index, client] of clients.entries()) {
        client.send(...(streams[index] ?? []).map((stream) => data(stream, Buffer.from([1]))));
      }
      await sleep(50);
    }
    for (const [index, client] of clients.entries()) noteOpen(client, streams[index] ?? [], note);
  },
  'a message of 10 MB in frames of one byte': async ({ socket }, note) => {
    using client = await Http2Client.open(socket);
    const [stream] = announce(client, 1, 10_000_000) as [number];
    const many = Buffer.concat(Array<Buffer>(2_000).fill(data(stream, Buffer.from([1]))));
    // As much as the window allows without credit.
    const window = client.setting(setting.INITIAL_WINDOW_SIZE, initialWindow);
    const writes = Math.floor(window / 2_000) - 1;
    note(await pour(client, (index) => (index < writes ? many : undefined)));
  },
  'a message beyond the windows': async ({ socket }, note) => {
    using client = await Http2Client.open(socket);
    const streams = announce(client, 100, 60 * mebi, pullBlock);
    const round = Buffer.concat(streams.map((stream) => data(stream, chunk)));
    note(await pour(client, (index) => (index < 600 ? round : undefined)));
  },
  'gzip bombs of 250 KB that would become 256 MB': async ({ socket }, note) => {
    using client = await Http2Client.open(socket);
    const bomb = grpcMessage(gzipSync(Buffer.alloc(256 * mebi)), 1);
    const calls: number[] = [];
    for (const encoding of ['gzip', 'gzip', 'gzip', 'identity']) {
      const stream = client.begin('Ping', [['grpc-encoding', encoding]]);
      calls.push(stream);
      // The windows have room for the first part: enough for the answer.
      client.send(
        data(stream, bomb.subarray(0, 15_000)),
        lastData(stream, bomb.subarray(15_000, 16_000)),
      );
    }
    await noteCalls(client, calls, note);
  },
  'gzip bombs in whole': async ({ socket }, note) => {
    using client = await Http2Client.open(socket);
    const bomb = grpcMessage(gzipSync(Buffer.alloc(60 * mebi)), 1);
    const stream = client.begin('Ping', [['grpc-encoding', 'gzip']]);
    client.send(...inFrames(stream, bomb));
    await noteCalls(client, [stream], note);
  },
} satisfies Record<string, Attack>;

export const storms = {
  '200 publishes of 1 MB': publishes(1, 200, 1_000_000),
  '40 publishes of 1 MB for each of 12 Components': publishes(12, 40, 1_000_000),
} satisfies Record<string, Attack>;
