import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import {
  type Case,
  call,
  emptyMessage,
  malformed,
  onStream,
  pingBlock,
  pingPath,
  served,
  testCases,
  useScene,
} from '../../support/hostile-cases.ts';
import {
  data,
  flag,
  grpcMessage,
  headers,
  lastData,
  resetStream,
} from '../../support/http2/frames.ts';
import { encodeHeaders, type Header } from '../../support/http2/hpack.ts';
import { requestHeaders } from '../../support/http2/request.ts';
import { publishRequest, pullRequest } from '../../support/messages.ts';
import { until } from '../../support/wait.ts';

const nothing = Buffer.alloc(0);

/** A Ping with this body, in one DATA frame for each part. */
const body = (title: string, parts: Uint8Array[], outcome: readonly string[]): Case =>
  call(
    title,
    (stream) => [
      headers(stream, pingBlock),
      ...parts.slice(0, -1).map((part) => data(stream, part)),
      lastData(stream, parts.at(-1)),
    ],
    outcome,
  );

/** gRPC's table of status codes: "request cardinality violation". */
const wrongCount = ['UNIMPLEMENTED'];
const cutShort = ['INTERNAL'];
/** The second message is not complete: both rules apply. */
const cutShortOrWrongCount = [...cutShort, ...wrongCount];
const compressedWithoutEncoding = ['INTERNAL', 'UNIMPLEMENTED'];

const bodies: Case[] = [
  call(
    'no message: END_STREAM with the headers',
    (stream) => [headers(stream, pingBlock, flag.END_STREAM)],
    wrongCount,
  ),
  body('no message: an empty DATA frame', [nothing], wrongCount),
  body('two messages in one frame', [Buffer.concat([emptyMessage, emptyMessage])], wrongCount),
  body('two messages in two frames', [emptyMessage, emptyMessage], wrongCount),
  body('a hundred messages', Array<Buffer>(100).fill(emptyMessage), wrongCount),
  body(
    'a message and one more byte',
    [Buffer.concat([emptyMessage, Buffer.alloc(1)])],
    cutShortOrWrongCount,
  ),
  body(
    'a message and half of another',
    [emptyMessage, grpcMessage(nothing, 0, 10)],
    cutShortOrWrongCount,
  ),
  body('half a prefix', [emptyMessage.subarray(0, 3)], cutShort),
  body('a message that ends early', [grpcMessage(Buffer.from('7801', 'hex'), 0, 100)], cutShort),
  body('a message of which only the prefix comes', [grpcMessage(nothing, 0, 5)], cutShort),
  body(
    'a message that is not protobuf',
    [grpcMessage(Buffer.from('ffffffff', 'hex'))],
    ['INTERNAL'],
  ),
  body(
    'a field that is longer than its message',
    [grpcMessage(Buffer.from('0a7f', 'hex'))],
    ['INTERNAL'],
  ),
  body(
    'a message in frames of one byte: served',
    [...grpcMessage(Buffer.from('7801'.repeat(20), 'hex'))].map((byte) => Buffer.from([byte])),
    served,
  ),
  body(
    'a message of unknown fields: served',
    [grpcMessage(Buffer.from('7801'.repeat(20), 'hex'))],
    served,
  ),
  body('flag 2', [grpcMessage(nothing, 2)], compressedWithoutEncoding),
  body('flag 255', [grpcMessage(nothing, 255)], compressedWithoutEncoding),
  body(
    'a compressed message without an encoding',
    [grpcMessage(gzipSync(nothing), 1)],
    compressedWithoutEncoding,
  ),
  ...[100_000_000, 2 ** 31, 2 ** 32 - 1].map((length) =>
    call(
      `a message of ${length} bytes, before they come`,
      (stream) => [headers(stream, pingBlock), data(stream, grpcMessage(nothing, 0, length))],
      ['RESOURCE_EXHAUSTED'],
    ),
  ),
];

/** A Ping with other headers. */
const request = (
  title: string,
  fields: Header[],
  outcome: readonly string[],
  message = emptyMessage,
): Case =>
  call(
    title,
    (stream) => [headers(stream, encodeHeaders(fields)), lastData(stream, message)],
    outcome,
  );

const more = (...fields: Header[]) => requestHeaders(pingPath, fields);
const changed = (name: string, value: string | undefined) =>
  more().flatMap(([key, old]): Header[] => {
    if (key !== name) return [[key, old]];
    return value === undefined ? [] : [[key, value]];
  });
const compressed = grpcMessage(gzipSync(nothing), 1);

const requests: Case[] = [
  ...['gzip', 'deflate', 'snappy', 'unknown'].flatMap((name) => [
    request(
      `grpc-encoding ${name}, compressed`,
      more(['grpc-encoding', name]),
      ['UNIMPLEMENTED'],
      compressed,
    ),
    request(`grpc-encoding ${name}, not compressed`, more(['grpc-encoding', name]), [
      'UNIMPLEMENTED',
    ]),
  ]),
  request('grpc-encoding identity: served', more(['grpc-encoding', 'identity']), served),
  request(
    'grpc-encoding identity, compressed',
    more(['grpc-encoding', 'identity']),
    compressedWithoutEncoding,
    compressed,
  ),
  request('grpc-accept-encoding gzip: served', more(['grpc-accept-encoding', 'gzip,zstd']), served),
  ...[
    '/',
    '//',
    '/nothing',
    '/no.Service/Ping',
    `${pingPath}s`,
    `${pingPath}/`,
    pingPath.slice(1),
  ].map((path) =>
    request(`an unknown method: ${path}`, changed(':path', path), ['UNIMPLEMENTED', ...malformed]),
  ),
  request('an unknown method of a known service', changed(':path', `${pingPath}s`), [
    'UNIMPLEMENTED',
  ]),
  ...['text/plain', 'application/json', 'application/grpcx', 'application/grpc-web', ''].map(
    (type) =>
      request(`content-type ${type || 'empty'}`, changed('content-type', type), ['HTTP 415']),
  ),
  request('no content-type', changed('content-type', undefined), ['HTTP 415']),
  ...['application/grpc+proto', 'application/grpc;charset=utf-8'].map((type) =>
    request(`content-type ${type}: served`, changed('content-type', type), served),
  ),
  ...['GET', 'PUT', 'BREW', 'post'].map((method) =>
    request(`:method ${method}`, changed(':method', method), ['HTTP 405', ...malformed]),
  ),
  ...['AAEC', 'AAE=', 'AAE', '', 'AAE,AAEC'].map((value) =>
    request(`some-bin: ${value}: served`, more(['some-bin', value]), served),
  ),
  ...['!', 'AAEC=AAEC', '\xff', 'A'].map((value) =>
    request(`some-bin: ${value}: not base64`, more(['some-bin', value]), [
      ...served,
      ...malformed,
      'INTERNAL',
      'INVALID_ARGUMENT',
    ]),
  ),
  request(
    '8 KB of metadata: served',
    more(['x-a', 'a'.repeat(4_000)], ['x-b', 'b'.repeat(4_000)]),
    served,
  ),
  request('reserved metadata: served', more(['grpc-status', '0'], ['grpc-message', 'x']), served),
];

const streaming: Case[] = [
  onStream(
    'a stream that ends in the middle of a message',
    (stream) => [lastData(stream, grpcMessage(nothing, 0, 10))],
    cutShort,
  ),
  onStream(
    'a stream with a message that is not protobuf',
    (stream) => [data(stream, grpcMessage(Buffer.from('ffff', 'hex')))],
    ['INTERNAL'],
  ),
  onStream(
    'a stream with a compressed message',
    (stream) => [data(stream, compressed)],
    compressedWithoutEncoding,
  ),
  onStream('a stream that ends before its first message', (stream) => [lastData(stream)], served),
  onStream(
    'a stream with a message of 4 GiB, before it comes',
    (stream) => [data(stream, grpcMessage(nothing, 0, 2 ** 32 - 1))],
    ['RESOURCE_EXHAUSTED'],
  ),
];

const scene = useScene();
testCases(scene, [...bodies, ...requests, ...streaming]);

test('an unsupported encoding is answered with the encodings that are supported', async () => {
  using client = await scene.open();
  const stream = client.request('Ping', nothing, [['grpc-encoding', 'snappy']]);
  expect(await client.outcome(stream)).toBe('UNIMPLEMENTED');
  expect(client.stream(stream).value('grpc-accept-encoding')).toContain('identity');
});

test('grpc-message is percent-encoded UTF-8', async () => {
  using client = await scene.open();
  const stream = client.request('Nöthing/%');
  expect(await client.outcome(stream)).toBe('UNIMPLEMENTED');
  const message = client.stream(stream).value('grpc-message') ?? '';
  expect(message).toMatch(/^[\x20-\x7e]*$/);
  expect(() => decodeURIComponent(message)).not.toThrow();
});

test('an error is answered before the rest of the request comes, which is then ignored', async () => {
  using client = await scene.open();
  const stream = client.begin('Unknown');
  expect(await client.outcome(stream)).toBe('UNIMPLEMENTED');
  client.send(data(stream, emptyMessage), lastData(stream));
  expect(await client.usable()).toBe('OK');
});

test('a call that was reset is never answered', async () => {
  using client = await scene.open();
  for (let count = 0; count < 100; count++) {
    const stream = client.request('Ping');
    client.send(resetStream(stream, 'CANCEL'));
  }
  expect(await client.usable()).toBe('OK');
  expect(client.violations).toEqual([]);
});

test('answers have the headers, exactly one message and the trailers of gRPC', async () => {
  using client = await scene.open();
  const ping = client.request('Ping');
  expect(await client.outcome(ping)).toBe('OK');
  const { headers: head, trailers, data: message } = client.stream(ping);
  expect(head).toContainEqual([':status', '200']);
  expect(client.stream(ping).value('content-type')).toMatch(/^application\/grpc(\+proto)?$/);
  expect(trailers).toContainEqual(['grpc-status', '0']);
  expect(message).toEqual(emptyMessage);
  // Without an Init an error is all that there is.
  const publish = client.request('Publish', publishRequest('x', Buffer.from('x')));
  expect(await client.outcome(publish)).toBe('FAILED_PRECONDITION');
  const pull = client.begin('PullMessages');
  client.send(data(pull, grpcMessage(pullRequest({ topic: 'x' }))));
  expect(await until('the end', () => client.stream(pull).ended)).toBe(true);
  expect(client.stream(pull).received).toBe(0);
});
