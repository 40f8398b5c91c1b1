import { expect, test } from 'vitest';
import {
  type Case,
  call,
  connectionError,
  emptyMessage,
  frames,
  malformed,
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
  initialWindow,
  lastData,
  resetStream,
  setting,
  uint32,
  windowUpdate,
} from '../../support/http2/frames.ts';
import { encodeHeaders, type Header } from '../../support/http2/hpack.ts';
import type { Http2Client } from '../../support/http2-client.ts';
import { until } from '../../support/wait.ts';

const { CONTINUATION, PRIORITY } = frameType;
const protocolError = connectionError('PROTOCOL_ERROR');

const ids: Case[] = [
  frames('HEADERS on an even stream (RFC 9113 5.1.1)', [headers(2, pingBlock)], protocolError),
  frames(
    'HEADERS on a stream below the last one (5.1.1)',
    [headers(5, pingBlock), headers(3, pingBlock)],
    protocolError,
  ),
  call(
    'HEADERS on the largest stream id: served (5.1.1)',
    (stream, client) => {
      // What follows has to be on an id that is still free.
      client.lastStream = 0x7ffffffd;
      return [headers(stream, pingBlock), lastData(stream, emptyMessage)];
    },
    served,
  ),
  ...[
    ['DATA', data(7, emptyMessage)],
    ['DATA that ends the stream', lastData(7, emptyMessage)],
    ['RST_STREAM', resetStream(7, 'CANCEL')],
    ['WINDOW_UPDATE', windowUpdate(7, 1)],
    ['CONTINUATION', frame(CONTINUATION, flag.END_HEADERS, 7, pingBlock)],
  ].map(([name, bytes]) =>
    frames(`${name} on an idle stream (5.1)`, [bytes as Buffer], protocolError),
  ),
  frames('WINDOW_UPDATE on an even stream (5.1)', [windowUpdate(2, 1)], protocolError),
  frames('RST_STREAM on an even stream (5.1)', [resetStream(2, 'CANCEL')], protocolError),
];

/** The answer cannot be sent for want of a window: the stream stays half-closed. */
const noWindow = { settings: [[setting.INITIAL_WINDOW_SIZE, 0] as const] };

/** Sends frames on a stream that the client has half-closed. */
const halfClosed = (
  title: string,
  list: (stream: number) => Uint8Array[],
  outcome: readonly string[],
): Case => ({
  title,
  outcome,
  options: noWindow,
  send: async (client) => {
    const stream = client.request('Ping');
    await until('the headers of the answer', () => client.stream(stream).headers);
    client.send(...list(stream));
    return stream;
  },
});

const afterEndStream: Case[] = [
  halfClosed(
    'DATA after END_STREAM (5.1)',
    (stream) => [data(stream, emptyMessage)],
    streamError('STREAM_CLOSED'),
  ),
  halfClosed(
    'END_STREAM twice (5.1)',
    (stream) => [lastData(stream)],
    streamError('STREAM_CLOSED'),
  ),
  halfClosed(
    'HEADERS after END_STREAM (5.1)',
    (stream) => [headers(stream, pingBlock, flag.END_STREAM)],
    streamError('STREAM_CLOSED'),
  ),
  {
    title: 'a window, PRIORITY and a second window after END_STREAM: answered (5.1)',
    outcome: served,
    options: noWindow,
    send: async (client) => {
      const stream = client.request('Ping');
      await until('the headers of the answer', () => client.stream(stream).headers);
      client.send(windowUpdate(stream, 2), frame(PRIORITY, 0, stream, uint32(0, 0).subarray(0, 5)));
      client.send(windowUpdate(stream, 100));
      return stream;
    },
  },
];

/** HEADERS and DATA in the middle of a call. */
const trailers: Case[] = [
  onStream('a second HEADERS without END_STREAM (8.1)', (stream) => [headers(stream, pingBlock)], [
    ...streamError('PROTOCOL_ERROR'),
    'HTTP 400',
  ]),
  ...(
    [
      ['a pseudo-header', [[':path', '/']], malformed],
      ['a name in upper case', [['X-Upper', 'a']], malformed],
      ['a connection header', [['connection', 'close']], malformed],
      ['fields: ignored', [['x-a', 'a']], served],
      ['nothing: ignored', [], served],
    ] as [string, Header[], readonly string[]][]
  ).map(([what, fields, outcome]) =>
    call(
      `trailers of a client with ${what} (8.1)`,
      (stream) => [
        headers(stream, pingBlock),
        data(stream, emptyMessage),
        headers(stream, encodeHeaders(fields), flag.END_STREAM),
      ],
      outcome,
    ),
  ),
  call(
    'trailers of a client with the headers of the request (8.1, 8.3)',
    (stream) => [
      headers(stream, pingBlock),
      data(stream, emptyMessage),
      headers(stream, pingBlock, flag.END_STREAM),
    ],
    malformed,
  ),
];

/** A closed stream may be answered with STREAM_CLOSED, or what comes may be thrown away (5.1). */
const onClosed: [string, (stream: number) => Uint8Array, string[]][] = [
  ['DATA', (stream) => data(stream, emptyMessage), ['OK', ...streamError('STREAM_CLOSED')]],
  ['DATA with END_STREAM', (stream) => lastData(stream), ['OK', ...streamError('STREAM_CLOSED')]],
  [
    'HEADERS',
    (stream) => headers(stream, pingBlock, flag.END_STREAM),
    ['OK', ...streamError('STREAM_CLOSED'), ...protocolError],
  ],
  [
    'CONTINUATION',
    (stream) => continuation(stream, pingBlock, flag.END_HEADERS),
    [...protocolError, ...connectionError('STREAM_CLOSED')],
  ],
  ['WINDOW_UPDATE', (stream) => windowUpdate(stream, 1), ['OK']],
  ['RST_STREAM', (stream) => resetStream(stream, 'CANCEL'), ['OK']],
  ['PRIORITY', (stream) => frame(PRIORITY, 0, stream, Buffer.alloc(5)), ['OK']],
];

const scene = useScene();
testCases(scene, [...ids, ...afterEndStream, ...trailers]);

/** Returns `OK` where the connection goes on, else what has come of it or of the closed stream. */
async function afterwards(client: Http2Client, stream: number, before: number): Promise<string> {
  const usable = await client.usable();
  const late = client.events.slice(before);
  return late.find((one) => one.stream === stream || one.stream === 0)?.what ?? usable;
}

test.each(onClosed)(
  '%s on a stream that has ended: never a second answer',
  async (_, bytes, allowed) => {
    using client = await scene.open();
    const stream = client.request('Ping');
    expect(await client.outcome(stream)).toBe('OK');
    const before = client.events.length;
    client.send(bytes(stream));
    expect(await afterwards(client, stream, before)).toBeOneOf(allowed);
    expect(client.violations).toEqual([]);
  },
);

test.each(onClosed)('%s on a stream that the client has reset', async (_, bytes, allowed) => {
  using client = await scene.open();
  const stream = client.begin('PullMessages');
  client.send(resetStream(stream, 'CANCEL'), bytes(stream));
  expect(await afterwards(client, stream, 0)).toBeOneOf(allowed);
  expect(client.violations).toEqual([]);
});

/**
 * What a client has sent before it learns that a call has ended is no offence, and takes room in the window of the
 * connection until the server gives it back.
 */
test('takes DATA that was under way when the server ended its call, and credits it (5.1, 6.9)', async () => {
  using client = await scene.open();
  const streamWindow = client.setting(setting.INITIAL_WINDOW_SIZE, initialWindow);
  const body = Array.from({ length: Math.floor(streamWindow / defaultFrameSize) }, () =>
    Buffer.alloc(defaultFrameSize),
  );
  let sent = 0;
  const room = () => initialWindow + client.credited(0) - sent;
  // Twice the window of the connection: all of it arrives only when it is given back.
  const most = 2 * room();
  while (sent < most) {
    const stream = client.begin('Unknown');
    for (const part of body) {
      await until('room in the window of the connection', () => room() >= part.length);
      sent += part.length;
      await client.push(data(stream, part));
    }
    expect(await client.outcome(stream)).toBe('UNIMPLEMENTED');
  }
  expect(await client.usable()).toBe('OK');
});
