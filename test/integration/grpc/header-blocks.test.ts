import {
  type Case,
  call,
  connectionError,
  emptyMessage,
  frames,
  pingBlock,
  served,
  streamError,
  testCases,
  useScene,
} from '../../support/hostile-cases.ts';
import {
  continuation,
  data,
  flag,
  frame,
  frameType,
  headers,
  lastData,
  ping,
  resetStream,
  settings,
  windowUpdate,
} from '../../support/http2/frames.ts';
import { firstDynamic, indexed, indexedLiteral, literal } from '../../support/http2/hpack.ts';

const protocolError = connectionError('PROTOCOL_ERROR');

/** A server may answer that a header list is too large for it, or end the stream or the connection. */
const tooLarge = [
  ...streamError('ENHANCE_YOUR_CALM'),
  ...streamError('REFUSED_STREAM'),
  'RESOURCE_EXHAUSTED',
  'HTTP 431',
];

/** A header block that does not end with its first frame. */
const unfinished = (stream: number, part = pingBlock) => frame(frameType.HEADERS, 0, stream, part);

const part = (from: number, to?: number) => pingBlock.subarray(from, to);

const between: [string, Uint8Array][] = [
  ['DATA', data(1, emptyMessage)],
  ['HEADERS of another stream', headers(3, pingBlock)],
  ['the CONTINUATION of another stream', continuation(3, part(20), flag.END_HEADERS)],
  ['PING', ping(Buffer.alloc(8))],
  ['SETTINGS', settings()],
  ['WINDOW_UPDATE', windowUpdate(0, 1)],
  ['RST_STREAM', resetStream(1, 'CANCEL')],
  ['an unknown frame', frame(0xfa, 0, 1, Buffer.alloc(4))],
];

const continuations: Case[] = [
  call(
    'a block in three frames: served (RFC 9113 6.10)',
    (stream) => [
      unfinished(stream, part(0, 10)),
      continuation(stream, part(10, 11)),
      continuation(stream, part(11), flag.END_HEADERS),
      lastData(stream, emptyMessage),
    ],
    served,
  ),
  call(
    'a block whose first frame is empty: served (6.10)',
    (stream) => [
      unfinished(stream, part(0, 0)),
      continuation(stream, part(0), flag.END_HEADERS),
      lastData(stream, emptyMessage),
    ],
    served,
  ),
  call(
    'a block in two frames of which the first ends the stream: a call without a message (6.10)',
    (stream) => [
      frame(frameType.HEADERS, flag.END_STREAM, stream, part(0, 10)),
      continuation(stream, part(10), flag.END_HEADERS),
    ],
    ['UNIMPLEMENTED'],
  ),
  ...between.map(([name, bytes]) =>
    frames(
      `${name} in the middle of a block (6.10)`,
      [unfinished(1, part(0, 20)), bytes],
      protocolError,
    ),
  ),
  {
    title: 'CONTINUATION after a block that has ended (6.10)',
    outcome: protocolError,
    send: (client) => {
      const stream = client.begin('PullMessages');
      client.send(continuation(stream, part(0), flag.END_HEADERS));
      return stream;
    },
  },
  frames(
    'CONTINUATION before any HEADERS (6.10)',
    [continuation(1, pingBlock, flag.END_HEADERS)],
    protocolError,
  ),
  frames(
    '2,000 CONTINUATION frames of one byte',
    [unfinished(1), ...Array<Buffer>(2_000).fill(continuation(1, Buffer.from([0x82])))],
    connectionError('ENHANCE_YOUR_CALM'),
  ),
  frames(
    '2,000 empty CONTINUATION frames',
    [unfinished(1), ...Array<Buffer>(2_000).fill(continuation(1, Buffer.alloc(0)))],
    connectionError('ENHANCE_YOUR_CALM'),
  ),
  call(
    'a block of 1 MB',
    (stream) => [
      unfinished(stream),
      ...Array<Buffer>(64).fill(continuation(stream, literal('x-large', 'x'.repeat(16_000)))),
      continuation(stream, Buffer.alloc(0), flag.END_HEADERS),
    ],
    tooLarge,
  ),
  call(
    'a list of 130 KB in a block of 4 KB',
    (stream) => {
      const field = indexedLiteral('x-large', 'x'.repeat(3_900));
      const again = Array<Buffer>(32).fill(indexed(firstDynamic));
      return [headers(stream, Buffer.concat([pingBlock, field, ...again]))];
    },
    tooLarge,
  ),
  call(
    'a list of 50 MB in a block of 16 KB: an HPACK bomb',
    (stream) => {
      const field = indexedLiteral('x-large', 'x'.repeat(3_900));
      const again = Array<Buffer>(12_000).fill(indexed(firstDynamic));
      return [headers(stream, Buffer.concat([pingBlock, field, ...again]))];
    },
    tooLarge,
  ),
];

testCases(useScene(), continuations);
