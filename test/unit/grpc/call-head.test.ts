import { describe, expect, test } from 'vitest';
import { readCallHead } from '../../../src/grpc/call-head.ts';
import type { HeaderField } from '../../../src/grpc/http2/hpack-decoder.ts';
import type { Method } from '../../../src/grpc/method.ts';
import { RefusedCall } from '../../../src/grpc/refused-call.ts';
import { code } from '../../../src/grpc/status.ts';
import { textCodec } from '../../support/grpc-call.ts';
import { FakeConnection } from '../../support/grpc-connection.ts';
import { newDecoder } from '../../support/hpack-decoder.ts';

const method: Method = {
  kind: 'unary',
  path: '/a.B/C',
  request: textCodec,
  response: textCodec,
  handle: () => undefined,
};

const grpc: HeaderField = ['content-type', 'application/grpc'];

const read = (fields: HeaderField[], path = '/a.B/C', verb = 'POST') =>
  readCallHead(new Map([[method.path, method]]), { method: verb, path, fields, contentLength: -1 });

test('a call, with its method, metadata and timeout', () => {
  const head = read([grpc, ['grpc-timeout', '5S'], ['x', 'y']]);
  expect(head).toMatchObject({ kind: 'call', path: '/a.B/C', method, timeout: 5_000 });
  expect(head.kind === 'call' && head.metadata.get('x')).toEqual(['y']);
  expect(read([grpc])).toMatchObject({ kind: 'call', timeout: undefined });
});

test.each([
  'application/grpc',
  'application/grpc+proto',
  'application/grpc;charset=utf-8',
  'application/grpc+proto;x=y',
])('content-type %s is gRPC', (value) => {
  expect(read([['content-type', value]]).kind).toBe('call');
});

test.each([
  [[]],
  [[['content-type', '']]],
  [[['content-type', 'application/json']]],
  [[['content-type', 'application/grpc-web']]],
  [[['content-type', 'application/grpc+json']]],
  [[['content-type', 'application/grpcx']]],
] as [HeaderField[]][])('fields %j are not gRPC: 415', (fields) => {
  expect(read(fields)).toEqual({ kind: 'http', status: '415' });
});

test.each(['GET', 'PUT', 'OPTIONS', 'post'])('%s: 405', (verb) => {
  expect(read([grpc], '/a.B/C', verb)).toEqual({ kind: 'http', status: '405' });
});

test.each(['/a.B/D', '/a.b/C', '/a.B/C/', '/a.B/C?x', 'a.B/C', '*'])(
  'path %s: UNIMPLEMENTED',
  (path) => {
    expect(read([grpc], path)).toMatchObject({
      kind: 'refused',
      status: { code: code.UNIMPLEMENTED, message: expect.stringContaining(path) },
    });
  },
);

test('compressed messages: UNIMPLEMENTED, with the encoding that is taken', () => {
  expect(read([grpc, ['grpc-encoding', 'identity']]).kind).toBe('call');
  expect(read([grpc, ['grpc-encoding', 'gzip']])).toMatchObject({
    status: { code: code.UNIMPLEMENTED, message: expect.stringContaining('gzip') },
    metadata: [['grpc-accept-encoding', 'identity']],
  });
});

test('a timeout that is none: INTERNAL', () => {
  expect(read([grpc, ['grpc-timeout', 'soon']])).toMatchObject({ status: { code: code.INTERNAL } });
});

describe('a request that is refused', () => {
  const answer = (head: ReturnType<typeof read>) => {
    if (head.kind === 'call') throw new Error('it is a call');
    const connection = new FakeConnection();
    new RefusedCall(connection, 1, head).onOpen();
    const [only, ...more] = connection.frames();
    expect(more).toEqual([]);
    expect(connection.ended).toEqual([1]);
    const payload = only?.payload ?? Buffer.alloc(0);
    return newDecoder().decode(payload, 0, payload.length);
  };

  test('is answered with a status of HTTP where it is not gRPC', () => {
    expect(answer(read([]))).toEqual([[':status', '415']]);
    expect(answer(read([], '/', 'GET'))).toEqual([[':status', '405']]);
  });

  test('is answered with a status of gRPC otherwise', () => {
    expect(answer(read([grpc, ['grpc-encoding', 'gzip']]))).toEqual([
      [':status', '200'],
      ['content-type', 'application/grpc'],
      ['grpc-status', '12'],
      ['grpc-message', 'grpc-encoding gzip is not supported: send messages uncompressed'],
      ['grpc-accept-encoding', 'identity'],
    ]);
  });

  test('has its path percent-encoded', () => {
    expect(answer(read([grpc], '/%\xff'))).toContainEqual([
      'grpc-message',
      'the server does not have /%25%C3%BF',
    ]);
  });
});
