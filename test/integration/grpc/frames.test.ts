import {
  type Case,
  call,
  connectionError,
  emptyMessage,
  frames,
  onStream,
  pingBlock,
  served,
  streamError,
  testCases,
  useScene,
} from '../../support/hostile-cases.ts';
import {
  continuation,
  data,
  defaultFrameSize,
  flag,
  frame,
  frameType,
  headers,
  lastData,
  ping,
  resetStream,
  setting,
  uint32,
} from '../../support/http2/frames.ts';
import type { Http2Client } from '../../support/http2-client.ts';

const { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE } = frameType;

/** The longest payload that the server takes. */
const longest = (client: Http2Client) => client.setting(setting.MAX_FRAME_SIZE, defaultFrameSize);

const tooLong: Case[] = [
  onStream(
    'DATA that is too long (RFC 9113 4.2)',
    (stream, client) => [data(stream, Buffer.alloc(longest(client) + 1))],
    streamError('FRAME_SIZE_ERROR'),
  ),
  onStream(
    'DATA of 16 MiB of which no byte comes (4.2)',
    (stream) => [frame(DATA, 0, stream, Buffer.alloc(0), 0xff_ffff)],
    streamError('FRAME_SIZE_ERROR'),
  ),
  ...([HEADERS, SETTINGS, PING, GOAWAY, 0xfa] as const).map(
    (type): Case => ({
      title: `a frame of type ${type} that is too long (4.2)`,
      outcome: connectionError('FRAME_SIZE_ERROR'),
      send: (client) => {
        const stream = type === HEADERS ? client.nextStream() : 0;
        client.send(frame(type, flag.END_HEADERS, stream, Buffer.alloc(longest(client) + 1)));
        return undefined;
      },
    }),
  ),
];

const sizeError = connectionError('FRAME_SIZE_ERROR');
const wrongLength: Case[] = [
  ...[0, 7, 9].map((length) =>
    frames(`PING of ${length} bytes (6.7)`, [ping(Buffer.alloc(length))], sizeError),
  ),
  ...[1, 5, 7].map((length) =>
    frames(
      `SETTINGS of ${length} bytes (6.5)`,
      [frame(SETTINGS, 0, 0, Buffer.alloc(length))],
      sizeError,
    ),
  ),
  frames(
    'an acknowledgement of SETTINGS with a payload (6.5)',
    [frame(SETTINGS, flag.ACK, 0, Buffer.alloc(6))],
    sizeError,
  ),
  ...[0, 7].map((length) =>
    frames(
      `GOAWAY of ${length} bytes (6.8)`,
      [frame(GOAWAY, 0, 0, Buffer.alloc(length))],
      sizeError,
    ),
  ),
  ...[0, 3, 5].map((length) =>
    frames(
      `WINDOW_UPDATE of ${length} bytes for the connection (6.9)`,
      [frame(WINDOW_UPDATE, 0, 0, Buffer.alloc(length, 1))],
      sizeError,
    ),
  ),
  ...[3, 5].map((length) =>
    onStream(
      `WINDOW_UPDATE of ${length} bytes for a stream (6.9)`,
      (stream) => [frame(WINDOW_UPDATE, 0, stream, Buffer.alloc(length, 1))],
      sizeError,
    ),
  ),
  ...[0, 3, 5].map((length) =>
    onStream(
      `RST_STREAM of ${length} bytes (6.4)`,
      (stream) => [frame(RST_STREAM, 0, stream, Buffer.alloc(length))],
      sizeError,
    ),
  ),
  ...[0, 4, 6].map((length) =>
    onStream(
      `PRIORITY of ${length} bytes (6.3)`,
      (stream) => [frame(PRIORITY, 0, stream, Buffer.alloc(length))],
      streamError('FRAME_SIZE_ERROR'),
    ),
  ),
];

/** A frame too small for its mandatory fields (4.2), or padding longer than the frame (6.1, 6.2). */
const sizeOrPadding = [...streamError('FRAME_SIZE_ERROR'), ...connectionError('PROTOCOL_ERROR')];
const padding: Case[] = [
  onStream(
    'padded DATA without its pad length (4.2)',
    (stream) => [data(stream, Buffer.alloc(0), flag.PADDED)],
    sizeOrPadding,
  ),
  call(
    'padded HEADERS without their pad length (4.2)',
    (stream) => [headers(stream, Buffer.alloc(0), flag.PADDED)],
    sizeOrPadding,
  ),
  call(
    'HEADERS too short for their priority (4.2)',
    (stream) => [headers(stream, Buffer.alloc(4), flag.PRIORITY)],
    sizeOrPadding,
  ),
  onStream(
    'DATA with padding as long as the payload (6.1)',
    (stream) => [data(stream, Buffer.from([6, 0, 0, 0, 0, 0]), flag.PADDED)],
    connectionError('PROTOCOL_ERROR'),
  ),
  onStream(
    'DATA with 255 bytes of padding in a frame of two (6.1)',
    (stream) => [data(stream, Buffer.from([255, 0]), flag.PADDED)],
    connectionError('PROTOCOL_ERROR'),
  ),
  call(
    'HEADERS with padding longer than the block (6.2)',
    (stream) => [
      headers(stream, Buffer.concat([Buffer.from([pingBlock.length + 1]), pingBlock]), flag.PADDED),
    ],
    connectionError('PROTOCOL_ERROR'),
  ),
  call(
    'HEADERS with padding that reaches into their priority (6.2)',
    (stream) => [headers(stream, Buffer.from([5, 0, 0, 0, 0, 0]), flag.PADDED | flag.PRIORITY)],
    connectionError('PROTOCOL_ERROR'),
  ),
  call(
    'padding of the right length, and a priority: served (6.1, 6.2)',
    (stream) => {
      const block = Buffer.concat([Buffer.from([3]), Buffer.alloc(5), pingBlock, Buffer.alloc(3)]);
      const body = Buffer.concat([Buffer.from([200]), emptyMessage, Buffer.alloc(200)]);
      return [
        headers(stream, block, flag.PADDED | flag.PRIORITY),
        data(stream, body, flag.PADDED | flag.END_STREAM),
      ];
    },
    served,
  ),
  call(
    'DATA that is nothing but padding: served (6.1)',
    (stream) => [
      headers(stream, pingBlock),
      data(stream, Buffer.from([0]), flag.PADDED),
      data(stream, Buffer.from([3, 0, 0, 0]), flag.PADDED),
      lastData(stream, emptyMessage),
    ],
    served,
  ),
];

const ignored: Case[] = [
  call(
    'frames of unknown types: ignored (4.1, 5.5)',
    (stream) => {
      const types = [0x0a, 0x0c, 0x10, 0x7f, 0xff];
      const unknown = (id: number) =>
        types.map((type) => frame(type, 0xff, id, Buffer.from('unknown')));
      return [
        ...unknown(0),
        ...unknown(stream + 10),
        headers(stream, pingBlock),
        ...unknown(stream),
        lastData(stream, emptyMessage),
        ...unknown(stream),
      ];
    },
    served,
  ),
  call(
    'flags that are not defined: ignored (4.1)',
    (stream) => [
      frame(PING, 0xfe, 0, Buffer.alloc(8)),
      frame(SETTINGS, 0xfe, 0),
      frame(WINDOW_UPDATE, 0xff, 0, uint32(1)),
      headers(stream, pingBlock, 0xd2),
      frame(WINDOW_UPDATE, 0xff, stream, uint32(1)),
      frame(PRIORITY, 0xff, stream, Buffer.alloc(5)),
      data(stream, emptyMessage, 0xf6 | flag.END_STREAM),
    ],
    served,
  ),
  call(
    'the reserved bit of a stream id and of an increment: ignored (4.1, 6.9)',
    (stream) => {
      const reserved = 0x8000_0000 + stream;
      return [
        headers(reserved, pingBlock),
        frame(WINDOW_UPDATE, 0, reserved, uint32(0x8000_0001)),
        lastData(reserved, emptyMessage),
      ];
    },
    served,
  ),
  call(
    'PRIORITY on idle, open and closed streams: ignored (6.3, 5.3.2)',
    (stream) => {
      const priority = (id: number) => frame(PRIORITY, 0, id, uint32(0, 0).subarray(0, 5));
      return [
        priority(stream + 20),
        headers(stream, pingBlock),
        priority(stream),
        lastData(stream, emptyMessage),
        priority(stream),
      ];
    },
    served,
  ),
  frames(
    'PUSH_PROMISE from a client (8.4)',
    [frame(5, 4, 1, uint32(2))],
    [...connectionError('PROTOCOL_ERROR')],
  ),
];

const wrongStream: Case[] = [
  ...([SETTINGS, PING, GOAWAY] as const).map((type) =>
    onStream(
      `a frame of type ${type} on a stream (6.5, 6.7, 6.8)`,
      (stream) => [frame(type, 0, stream, Buffer.alloc(type === SETTINGS ? 0 : 8))],
      connectionError('PROTOCOL_ERROR'),
    ),
  ),
  ...[
    ['DATA', data(0, emptyMessage)],
    ['HEADERS', headers(0, pingBlock)],
    ['PRIORITY', frame(PRIORITY, 0, 0, Buffer.alloc(5))],
    ['RST_STREAM', resetStream(0, 'CANCEL')],
    ['CONTINUATION', continuation(0, pingBlock, flag.END_HEADERS)],
  ].map(([name, bytes]) =>
    frames(`${name} on stream 0 (6)`, [bytes as Buffer], connectionError('PROTOCOL_ERROR')),
  ),
];

/** What breaks no rule. */
const sound: Case[] = [
  {
    title: 'RST_STREAM with an unknown code: the next call is served (7)',
    outcome: served,
    send: (client) => {
      client.send(frame(RST_STREAM, 0, client.begin('PullMessages'), uint32(0xdead_beef)));
      return client.request('Ping');
    },
  },
];

testCases(useScene(), [
  ...tooLong,
  ...wrongLength,
  ...padding,
  ...ignored,
  ...wrongStream,
  ...sound,
]);
